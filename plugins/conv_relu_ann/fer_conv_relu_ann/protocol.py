"""The split of Njoku et al., in training and in reported scores: the test folder of FER2013 is the validation split."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold

DRAWS_NOTHING = ("paper_conv_relu_ann",)  # protocols that the seed does not change


def paper_conv_relu_ann(table: Any, seed: int) -> list[Fold]:
    """Train on the training split; validate and report on PublicTest and PrivateTest together (Table 3: 7,178 images).

    The paper names no selection of an epoch. Its 0.6538 is 4,693 of 7,178, and matches the last epoch of its Table 3
    (0.653599 of 7,168), which is below epoch 96 (0.657227); ``selection: last`` reports the last epoch.

    Args:
        table: samples with the release's split.
        seed: has no effect.

    Raises:
        ValueError: the release has no split, or has no train or test split.
    """
    del seed
    if table.split is None or not {"train", "test"} <= set(table.split):
        raise ValueError("needs a release with a train and a test split, such as fer2013; use --protocol random")
    rest = np.flatnonzero(table.split != "train")
    return [Fold(np.flatnonzero(table.split == "train"), rest, rest)]


paper_conv_relu_ann.flaw = (  # type: ignore[attr-defined]
    "the test split is the validation split too: an epoch selected on it, or anything else, makes its score too good; "
    "official is the sound one"
)
