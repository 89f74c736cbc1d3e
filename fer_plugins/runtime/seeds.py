"""Derives every seed of a run from the seed given by the user."""

from __future__ import annotations

import zlib

import numpy as np


def derive(seed: int, *keys: str | int) -> int:
    """Return a seed in [0, 2**32) that depends only on ``seed`` and the keys.

    Keys name the purpose and the position ("order", epoch, batch), so that no two random streams of a run coincide and
    a resumed epoch draws the same numbers as an uninterrupted one.

    >>> derive(0, "order", 1) == derive(0, "order", 1)
    True
    >>> derive(0, "order", 1) == derive(0, "order", 2)
    False
    """
    entropy = [seed, *(zlib.crc32(key.encode()) if isinstance(key, str) else key for key in keys)]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
