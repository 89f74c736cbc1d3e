"""The protocols of Elsheikh et al.: one held-out part is used for both selection and the reported score."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_aa_dcn(table: Any, seed: int, *, held_out: float | None = 0.1) -> list[Fold]:
    """Hold out a fraction of all images, or the release's test split, for both selection and the reported score.

    With ``--data.balance augment``, images are generated before this split, so that versions of one image are in both
    training and test. The held-out fraction is 0.1 for CK+ and 0.25 for JAFFE and RAF-DB (Table 3). The text trains on
    RAF-DB's own 12,271 training images and tests on its 3,068 test images, unchanged (80/20; ``held_out: null``). There
    is no third part. assumed: a fraction is drawn at random, image by image.

    Args:
        table: the samples.
        seed: random seed of the held-out fraction; has no effect with ``held_out`` null.
        held_out: fraction of held-out images, in (0, 1); null: the release's test split, with all other images for
            training.

    Raises:
        ValueError: the fraction is out of range or leaves a part empty, or the release has no test split.
    """
    if held_out is None:
        if table.split is None or not {"train", "test"} <= set(table.split):
            raise ValueError(
                "protocol.held_out is null, and the release has no train and test split; give a share, 0.25"
            )
        rest = np.flatnonzero(table.split == "test")
        return [Fold(np.flatnonzero(table.split != "test"), rest, rest)]
    if not 0 < held_out < 1:
        raise ValueError(f"protocol.held_out is {held_out}; give a share between 0 and 1")
    number = round(held_out * len(table))
    if not 0 < number < len(table):
        raise ValueError(f"protocol.held_out {held_out} of {len(table)} images leaves a part empty; use more data")
    # Sort by pixels and names, so that the same images packed differently give the same split.
    order = np.lexsort((table.source,) if table.digest is None else (table.source, table.digest))
    order = order[np.random.default_rng(seed).permutation(len(order))]
    rest, train = np.sort(order[:number]), np.sort(order[number:])
    return [Fold(train, rest, rest)]


def _flaw(*, held_out: float | None = 0.1, **_: Any) -> str:
    if held_out is None:
        return "the epoch is selected on the test split, so its score is too good; official_val is the sound one"
    return (
        "versions of one image train and test, since images are made before the split, and the epoch is selected on "
        "the test split; official_val or subject_kfold is the sound one"
    )


paper_aa_dcn.flaw = _flaw  # type: ignore[attr-defined]
paper_aa_dcn.augments_first = True  # type: ignore[attr-defined]
