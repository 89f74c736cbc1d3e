"""The random 80/10/10 split of Khan, Singh and Agrawal: images, not people, are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_sdl_stn(table: Any, seed: int) -> list[Fold]:
    """Draw 80 % of the images to train, 10 % to validate and 10 % to test, whoever they show.

    The paper states "80/20" or "80/10/10" and not how the parts are drawn. assumed: at random, image by image, without
    regard to classes; the parts that a release has are joined.

    Args:
        table: the samples.
        seed: decides which images.

    Raises:
        ValueError: fewer than ten images.
    """
    if len(table) < 10:
        raise ValueError(f"paper_sdl_stn needs at least 10 images, not {len(table)}")
    # From the order of pixels and names, so that another packing of the same images gives the same split.
    order = np.lexsort((table.source,) if table.digest is None else (table.source, table.digest))
    order = order[np.random.default_rng(seed).permutation(len(order))]
    tenth = round(len(table) / 10)
    test, val, train = np.split(order, [tenth, 2 * tenth])
    return [Fold(*(np.sort(part) for part in (train, val, test)))]


paper_sdl_stn.flaw = (  # type: ignore[attr-defined]
    "images are drawn, not people or sequences: near-identical frames of one person train and test; subject_kfold is "
    "the sound one"
)
