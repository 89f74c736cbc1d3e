"""Suppresses the output of libraries during a run, and sets what must be set before CUDA starts."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from fer_plugins.config import RunConfig


@contextmanager
def quiet(settings: RunConfig) -> Iterator[None]:
    """Suppress Lightning's messages; set the option that deterministic kernels need before CUDA starts."""
    if settings.trainer.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # warns that a CPU has no CUDA
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint need.*")  # from version 0.1.0
        warnings.filterwarnings("ignore", ".*recommended to use `self.log.*sync_dist=True.*")  # equal on all ranks
        warnings.filterwarnings(
            "ignore", ".*Grad strides do not match bucket view strides.*"
        )  # compiled, several ranks
        warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
