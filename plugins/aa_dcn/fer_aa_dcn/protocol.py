"""The protocol of Elsheikh et al.: augment and balance everything first, then hold some of it out."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_aa_dcn(table: Any, seed: int, *, held_out: float = 0.1) -> list[Fold]:
    """Hold out a share of all images, made ones included, to select and to report on.

    With ``--data.balance augment`` the images are made before this split, so versions of one image train and test. The
    held-out share is 0.1 for CK+ and 0.25 for JAFFE and RAF-DB (Table 3; the text says 0.2 for RAF-DB). There is no
    third part. assumed: the share is drawn at random, image by image.

    Args:
        table: the samples.
        seed: decides which images are held out.
        held_out: their share, in (0, 1).

    Raises:
        ValueError: the share is out of range, or leaves a part empty.
    """
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


paper_aa_dcn.flaw = (  # type: ignore[attr-defined]
    "versions of one image train and test, since images are made before the split, and the epoch is selected on the "
    "test split; official_val or subject_kfold is the sound one"
)
paper_aa_dcn.augments_first = True  # type: ignore[attr-defined]
