"""Derives every seed of a run from the one that the user gave."""

from __future__ import annotations

import zlib

import numpy as np


def derive(seed: int, *words: str | int) -> int:
    """Return a seed in [0, 2**32) that depends on ``seed`` and on every word, and on nothing else.

    Words name the purpose and the place ("order", epoch, batch), so that no two streams of a run coincide and a
    resumed epoch draws what the uninterrupted one would have drawn.

    >>> derive(0, "order", 1) == derive(0, "order", 1)
    True
    >>> derive(0, "order", 1) == derive(0, "order", 2)
    False
    """
    entropy = [seed, *(zlib.crc32(word.encode()) if isinstance(word, str) else word for word in words)]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
