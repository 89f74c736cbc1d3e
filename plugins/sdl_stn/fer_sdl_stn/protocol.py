"""The random splits of Khan, Singh and Agrawal, which draw images instead of subjects."""

from __future__ import annotations

from typing import Any

import numpy as np

from fer_plugins.contract import Fold


def paper_sdl_stn(
    table: Any, seed: int, *, test_per_class: int | None = None, val_images: int | None = None
) -> list[Fold]:
    """Draw test and then validation images at random, regardless of the subject; the rest is for training.

    By default each is a tenth of the images, as the paper states for FER2013 and CK+ ("80/10/10", Section 5). For FERG
    the paper states another split: 1,000 random images of each class for the test and around 14,000 for validation
    (``test_per_class`` 1000, ``val_images`` 14000); "around 34,000" training images are then the other 34,767 of the
    release's 55,767. assumed: images are drawn without regard to classes unless the paper names them; the splits of a
    release are joined first.

    Args:
        table: the samples.
        seed: random seed of the split.
        test_per_class: number of test images per class; null: a tenth of all images, whatever their class.
        val_images: number of validation images; null: a tenth of all images.

    Raises:
        ValueError: there are fewer than ten images, a class has too few, or none is left for training.
    """
    if len(table) < 10:
        raise ValueError(f"paper_sdl_stn needs at least 10 images, not {len(table)}")
    for name, number in (("test_per_class", test_per_class), ("val_images", val_images)):
        if number is not None and number < 1:
            raise ValueError(f"protocol.{name} is {number}; give at least 1, or leave it out for a tenth of all images")
    # Sort by pixels and names, so that the same images packed differently give the same split.
    order = np.lexsort((table.source,) if table.digest is None else (table.source, table.digest))
    order = order[np.random.default_rng(seed).permutation(len(order))]
    tenth = round(len(table) / 10)
    if test_per_class is None:
        test, rest = np.split(order, [tenth])
    else:
        labels, counts = np.unique(table.label, return_counts=True)
        if counts.min() <= test_per_class:
            raise ValueError(
                f"protocol.test_per_class is {test_per_class:,}, and class {labels[counts.argmin()]} (counted from 0) "
                f"has {counts.min():,} images; lower protocol.test_per_class"
            )
        test = np.concatenate([order[table.label[order] == label][:test_per_class] for label in labels])
        rest = order[~np.isin(order, test)]
    val, train = np.split(rest, [tenth if val_images is None else val_images])
    if not len(train):
        raise ValueError(
            f"protocol.val_images is {val_images}, and {len(rest):,} images are not tested, so that none would train; "
            "lower protocol.val_images"
        )
    return [Fold(*(np.sort(rows) for rows in (train, val, test)))]


paper_sdl_stn.flaw = (  # type: ignore[attr-defined]
    "images are drawn, not people or sequences: near-identical frames of one person train and test; subject_kfold is "
    "the sound one"
)
