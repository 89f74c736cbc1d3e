"""How often identical images carry different labels: an estimate of the noise in the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.data.audit.candidates import Rows

_DRAWS, _TAIL = 2000, 0.025


def estimate_label_noise(groups: Sequence[Rows], labels: npt.NDArray[np.str_], seed: int = 0) -> dict[str, Any] | None:
    """Estimate label noise from images that were labelled more than once.

    A pair is two identical images. Pairs of one group are not independent, so the interval draws whole groups with
    replacement (cluster bootstrap, percentiles). A group of g images has g (g - 1) / 2 pairs, so large groups weigh
    most in the share of pairs; ``share_of_groups`` weighs every group alike: the mean over groups of the share of
    disagreeing pairs in each.

    ``error`` is the share e of wrong labels that the share d of disagreeing pairs stands for where labels are wrong
    independently and two wrong ones never agree: d = 1 - (1 - e)^2. Copies are often labelled together, and wrong
    labels of a kind agree, so it is a lower bound.

    Args:
        groups: rows of identical images, at least two each.
        labels: (N,) class names.
        seed: of the draws.

    Returns:
        ``groups``, ``pairs``, ``disagreeing`` (pairs), and ``share_of_pairs``, ``share_of_groups`` and ``error``, each
        {"value", "low", "high"} with a 95 % interval; None without groups.
    """
    if not groups:
        return None
    pairs = np.array([len(rows) * (len(rows) - 1) // 2 for rows in groups], np.int64)
    disagreeing = pairs.copy()
    for place, rows in enumerate(groups):
        counts = np.unique(labels[rows], return_counts=True)[1]
        disagreeing[place] -= (counts * (counts - 1) // 2).sum()
    drawn = np.random.default_rng(seed).integers(len(groups), size=(_DRAWS, len(groups)))
    shares = disagreeing / pairs
    of_pairs, of_groups = disagreeing[drawn].sum(1) / pairs[drawn].sum(1), shares[drawn].mean(1)
    value = float(disagreeing.sum() / pairs.sum())
    return {
        "groups": len(groups),
        "pairs": int(pairs.sum()),
        "disagreeing": int(disagreeing.sum()),
        "share_of_pairs": _with_interval(value, of_pairs),
        "share_of_groups": _with_interval(float(shares.mean()), of_groups),
        "error": _with_interval(1 - (1 - value) ** 0.5, 1 - np.sqrt(1 - of_pairs)),
    }


def _with_interval(value: float, drawn: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = np.quantile(drawn, (_TAIL, 1 - _TAIL))
    return {"value": value, "low": float(low), "high": float(high)}


def describe_label_noise(noise: dict[str, Any]) -> str:
    """Say it in two sentences; ``noise`` is what :func:`estimate_label_noise` returns."""
    pairs, groups, error = (
        f"{noise[name]['value']:.2%} [{noise[name]['low']:.2%}, {noise[name]['high']:.2%}]"
        for name in ("share_of_pairs", "share_of_groups", "error")
    )
    return (
        f"Labels of identical images: {noise['disagreeing']:,} of {noise['pairs']:,} pairs disagree, {pairs}; every "
        f"one of the {noise['groups']:,} groups weighed alike, {groups}. At least {error} of the labels are wrong, if "
        "errors are independent."
    )
