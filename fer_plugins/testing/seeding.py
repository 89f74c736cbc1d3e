"""Seeds the global generators for a check and gives their states back."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def keep_global_seeds() -> Iterator[None]:
    """Give the states of ``random``, ``numpy.random`` and ``torch`` back at the end."""
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def seed_everything(seed: int, transform: Any = None) -> None:
    """Seed as the core does before each batch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if hasattr(transform, "set_random_seed"):
        transform.set_random_seed(seed)
