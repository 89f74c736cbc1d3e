"""Seeds and restores the global random generators; used by the core and the test kit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def kept_generators() -> Iterator[None]:
    """Restore the states of ``random``, ``numpy.random`` and torch's CPU generator on exit."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


def seed_generators(seed: int, transform: Any = None) -> None:
    """Seed all generators that ``transform`` may use, as is done before each batch of sample transforms."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed the accelerators
    if hasattr(transform, "set_random_state"):
        # All transforms of an albumentations Compose share one generator. Its set_random_seed gives each of them the
        # same seed, so that two transforms of probability 0.5 would always be applied together or not at all.
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
    elif hasattr(transform, "set_random_seed"):
        transform.set_random_seed(seed)
