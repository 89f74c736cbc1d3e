"""The split of Khaireddin and Chen's code: selection on PrivateTest, reported score on PublicTest."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold

DRAWS_NOTHING = ("paper_khaireddin",)  # protocols that the seed does not change


def paper_khaireddin(table: Any, seed: int) -> list[Fold]:
    """Train on Training, select on PrivateTest and report PublicTest: the release's test and validation splits swapped.

    Args:
        table: samples with the release's split.
        seed: has no effect.

    Raises:
        ValueError: the release has no split, or one of the three splits is missing.
    """
    del seed
    if table.split is None or not {"train", "val", "test"} <= set(table.split):
        raise ValueError("needs a release with train, val and test splits, such as fer2013; use --protocol random")
    return [Fold(*(np.flatnonzero(table.split == name) for name in ("train", "test", "val")))]


paper_khaireddin.flaw = (  # type: ignore[attr-defined]
    "the epoch is selected on PrivateTest, the release's test split, and the score is one on PublicTest: it is not "
    "comparable with scores on PrivateTest; official is the sound one"
)
