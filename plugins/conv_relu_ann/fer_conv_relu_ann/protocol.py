"""The split under which Njoku et al. trained, selected and reported: the test folder of FER2013 is the validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_conv_relu_ann(table: Any, seed: int) -> list[Fold]:
    """Fit on the training split, select and report on PublicTest and PrivateTest together (Table 3: 7,178 images).

    Args:
        table: samples with the release's split.
        seed: changes nothing.

    Raises:
        ValueError: the release has no split, or lacks a part.
    """
    del seed
    if table.split is None or not {"train", "test"} <= set(table.split):
        raise ValueError("needs a release with a train and a test split, such as fer2013; use --protocol random")
    rest = np.flatnonzero(table.split != "train")
    return [Fold(np.flatnonzero(table.split == "train"), rest, rest)]


paper_conv_relu_ann.flaw = (
    "the epoch is selected on the test split, so its score is too good; official is the sound one"  # type: ignore[attr-defined]
)
