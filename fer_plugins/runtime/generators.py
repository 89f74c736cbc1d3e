"""The process's random generators: seeded for what draws from them, and put back; for the core and the test kit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def kept_generators() -> Iterator[None]:
    """Put the states of ``random``, ``numpy.random`` and torch's CPU generator back at the end."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


def seed_generators(seed: int, transform: Any = None) -> None:
    """Seed all that ``transform`` may draw from, as is done before each batch of sample transforms."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed the accelerators
    if hasattr(transform, "set_random_state"):
        # One stream for all the parts of an albumentations Compose. Its set_random_seed gives every part the same
        # seed, so that two parts of probability 0.5 are applied together always or not at all.
        transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
    elif hasattr(transform, "set_random_seed"):
        transform.set_random_seed(seed)
