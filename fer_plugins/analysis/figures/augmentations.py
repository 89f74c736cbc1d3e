"""Sheets of images: samples of each class, and one training image with an augmentation applied to it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from fer_plugins.analysis.figures.style import COLOURS, drawing, lay_out, show_image
from fer_plugins.config import RunConfig
from fer_plugins.contract import MixesBatch, SampleTransform
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.loaders import apply_transform, seeded
from fer_plugins.data.preprocessing import to_float
from fer_plugins.runtime.seeds import derive

COLUMNS = 8  # number of images per class


def draw_samples(data: FERDataModule, split: str = "train") -> Figure:
    """Draw up to eight images of each class, chosen at random with the run's seed, not by hand."""
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


Images = npt.NDArray[np.uint8]
_SIDE = 4  # tiles per row and column: the original and 15 versions of it


def draw_augmentation(data: FERDataModule, settings: RunConfig) -> Figure | None:
    """Draw one training image and 15 augmented versions of it; None if there is no augmentation.

    The image is chosen at random from the images of the training split that were not generated offline. The same seed
    gives the same sheet.
    """
    if isinstance(data.augmentation, nn.Identity):
        return None
    rows = data.rows("train")
    if data.table.parent is not None:
        rows = rows[data.table.parent[rows] == data.table.source[rows]]
    row = int(np.random.default_rng(derive(data.seed, "sheet")).choice(rows))
    image = data.row_images([row])[0]
    seed, count = derive(data.seed, "sheet", row), _SIDE**2 - 1
    if isinstance(data.augmentation, MixesBatch):
        partners = np.random.default_rng(seed).choice(rows, count)
        versions = _mix_with(image, data.row_images(partners), data.augmentation, seed)
    else:
        versions = make_versions(image, data.augmentation, seed, count)
    section = settings.augmentation.as_dict()
    name = section.pop("name")
    title = f"augmentation {name}, {getattr(data.dataset, 'title', data.dataset_name)}, {data.source_names([row])[0]}"
    options = ", ".join(f"{key} {_shown(value)}" for key, value in section.items())
    foot = f"Framed: the image as it is ({image.shape[0]} pixels a side). {options}"
    with drawing():
        figure, tiles = lay_out(_SIDE, _SIDE, title, foot=foot)
        for axis, picture in zip((axis for line in tiles for axis in line), [image, *versions], strict=True):
            show_image(axis, picture)
        tiles[0][0].spines[:].set(linewidth=2, color=COLOURS[1])
    return figure


def make_versions(image: Images, transform: SampleTransform | nn.Module, seed: int, count: int) -> Images:
    """Return ``count`` versions of one image, each augmented as in a training batch: (count, S, S, C) uint8.

    Args:
        image: (S, S, C).
        transform: for single images or for batches.
        seed: for the random numbers; the global random generators are not changed.
        count: at least 1.
    """
    if not isinstance(transform, nn.Module):
        versions = []
        for number in range(count):
            with seeded(derive(seed, number), transform):
                versions.append(apply_transform(transform, image.copy()))
        return np.stack(versions)
    batch = to_float(torch.from_numpy(np.repeat(image[None], count, axis=0)).permute(0, 3, 1, 2))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        changed: torch.Tensor = copy.deepcopy(transform).cpu()(batch)
    made: Images = changed.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return made


def _mix_with(image: Images, partners: Images, transform: MixesBatch, seed: int) -> Images:
    """Return one image mixed with each of its partners: (count, S, S, C) uint8."""
    mixed = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        alone = copy.deepcopy(transform)
        for partner in partners:
            pair = to_float(torch.from_numpy(np.stack([image, partner])).permute(0, 3, 1, 2))
            mixed.append(alone.mix(pair, torch.eye(2))[0][0].mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy())
    return np.stack(mixed)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " to ".join(map(_shown, value))
    return {True: "yes", False: "no", None: "null"}[value] if value is None or isinstance(value, bool) else str(value)
