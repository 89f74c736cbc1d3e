"""The protocols of Elsheikh et al.: part of all images is held out, to select and to report on."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_aa_dcn(table: Any, seed: int, *, held_out: float | None = 0.1) -> list[Fold]:
    """Hold out a share of all images, made ones included, or the release's test split, to select and to report on.

    With ``--data.balance augment`` the images are made before this split, so versions of one image train and test. The
    held-out share is 0.1 for CK+ and 0.25 for JAFFE and RAF-DB (Table 3). The text has RAF-DB's own 12,271 images
    train and its 3,068 test, as they are (80/20; ``held_out: null``). There is no third part. assumed: a share is
    drawn at random, image by image.

    Args:
        table: the samples.
        seed: decides which images are held out; changes nothing without a share.
        held_out: their share, in (0, 1); None: the release's test split, and all other images train.

    Raises:
        ValueError: the share is out of range or leaves a part empty, or the release has no test split.
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
    # From the order of pixels and names, so that another packing of the same images gives the same split.
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
