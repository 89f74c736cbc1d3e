"""Creates near copies of images, to measure how many of them the search finds."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]  # (S, S) uint8 -> (S, S) uint8


def planted_changes() -> dict[str, list[Change]]:
    """Return the changes to plant, by kind; the recall for a kind is computed over all of its changes."""
    within_2 = [offset for offset in itertools.product(range(-2, 3), repeat=2) if offset != (0, 0)]
    within_3 = [offset for offset in itertools.product(range(-3, 4), repeat=2) if 3 in (abs(offset[0]), abs(offset[1]))]
    changes: dict[str, list[Change]] = {"flip": [_flip], "JPEG 70": [recompress(70)], "JPEG 90": [recompress(90)]}
    for fill in ("edge", "zero"):
        changes[f"shift up to 2 px, {fill}"] = [shift(down, right, fill) for down, right in within_2]
        changes[f"shift of 3 px, {fill}"] = [shift(down, right, fill) for down, right in within_3]
    changes["crop to 45 px, rescaled"] = [crop(45)]
    changes["crop to 43 px, rescaled"] = [crop(43)]
    changes["contrast 0.8, darker by 10"] = [brighten(0.8, -10)]
    changes["contrast 1.1, brighter by 10"] = [brighten(1.1, 10)]
    changes["brighter by 40 (clipped)"] = [brighten(1.0, 40)]
    changes["flip, shift (2, -2), JPEG 70"] = [chain(_flip, shift(2, -2, "zero"), recompress(70))]
    return changes


def _flip(image: Pixels, draw: np.random.Generator) -> Pixels:
    return image[:, ::-1]


def shift(down: int, right: int, fill: str) -> Change:
    """Return a change that shifts the image; new rows and columns repeat the edge or are zero."""

    def change(image: Pixels, draw: np.random.Generator) -> Pixels:
        reach = max(abs(down), abs(right))
        padded = np.pad(image, reach, mode="edge") if fill == "edge" else np.pad(image, reach)
        rows, columns = image.shape
        return padded[reach - down : reach - down + rows, reach - right : reach - right + columns]

    return change


def recompress(quality: int) -> Change:
    """Return a change that saves the image as JPEG with this quality and reads it again."""

    def change(image: Pixels, draw: np.random.Generator) -> Pixels:
        stream = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream))

    return change


def brighten(gain: float, offset: float) -> Change:
    """Return a change of contrast and brightness, clipped to 0..255."""

    def change(image: Pixels, draw: np.random.Generator) -> Pixels:
        changed: Pixels = np.clip(image * np.float32(gain) + offset, 0, 255).round().astype(np.uint8)
        return changed

    return change


def crop(side: int) -> Change:
    """Return a change that crops a square of ``side`` pixels at a random position and resizes it to the old size."""

    def change(image: Pixels, draw: np.random.Generator) -> Pixels:
        top, left = draw.integers(0, len(image) - side + 1, 2)
        cut = np.ascontiguousarray(image[top : top + side, left : left + side])
        return np.asarray(Image.fromarray(cut).resize(image.shape[::-1], Image.Resampling.BILINEAR))

    return change


def chain(*changes: Change) -> Change:
    """Return a change that applies several changes one after another."""

    def change(image: Pixels, draw: np.random.Generator) -> Pixels:
        for step in changes:
            image = step(image, draw)
        return image

    return change
