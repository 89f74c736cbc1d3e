"""The sample sheet: images of each class of a dataset."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from fer_plugins.analysis.figures.sheet import lay_out, show_image
from fer_plugins.analysis.figures.style import drawing
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.runtime.seeds import derive

COLUMNS = 8  # images of a class


def draw_samples(data: FERDataModule, split: str = "train") -> Figure:
    """Draw up to eight images of each class, at random under the run's seed: not the clearest, not the best.

    Args:
        data: prepared.
        split: "train" or "val".
    """
    rows, labels = data.rows(split), data.labels(split)
    random = np.random.default_rng(derive(data.seed, "samples"))
    chosen = {
        name: random.permutation(rows[labels == number])[:COLUMNS]
        for number, name in enumerate(data.classes)
        if (labels == number).any()
    }
    captions = [f"{name}, {int((labels == data.classes.index(name)).sum()):,} images" for name in chosen]
    title = f"{getattr(data.dataset, 'title', data.dataset_name)}, {split}, {len(rows):,} images"
    size = data.row_images(rows[:1]).shape[1]
    foot = f"Drawn at random from each class, {size} pixels a side."
    with drawing():
        figure, tiles = lay_out(len(chosen), COLUMNS, title, captions=captions, foot=foot)
        for line, members in zip(tiles, chosen.values(), strict=True):
            for axis in line[len(members) :]:
                axis.set_visible(False)
            for axis, image in zip(line, data.row_images(members), strict=False):
                show_image(axis, image)
    return figure
