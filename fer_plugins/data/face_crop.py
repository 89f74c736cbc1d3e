"""Crops photographs to the largest face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Dataset
from fer_plugins.runtime.errors import InputError

SMALLEST = 0.2  # of the shorter side; assumed: a smaller face is somebody in the background
_SCALE, _STEP = 1.2, 1.0  # assumed: between two sizes of the window, and its step; scikit-image's usual ones


class FaceCropped:
    """A dataset whose images are cut to the largest frontal face in them.

    The detector is scikit-image's cascade of local binary patterns, trained by OpenCV on frontal faces. It is meant for
    photographs; the field's datasets of cut-out faces do not need it, and it misses many of them.

    Args:
        dataset: the photographs.
        on_no_face: what becomes of an image without a face that is found: full_image (it stays whole), or skip (every
            image is looked at first; these are left out). Either is counted in the notes.

    Raises:
        InputError: at first use, ``skip`` leaves nothing.
    """

    def __init__(self, dataset: Dataset, on_no_face: Literal["full_image", "skip"] = "full_image") -> None:
        from skimage.data import lbp_frontal_face_cascade_filename

        self._dataset, self._on_no_face = dataset, on_no_face
        self.classes = tuple(dataset.classes)
        self.title = getattr(dataset, "title", "")
        if hasattr(dataset, "target_mode"):
            self.target_mode = dataset.target_mode
        self._file: str = lbp_frontal_face_cascade_filename()  # type: ignore[no-untyped-call]
        self._cascade: Any = None
        self._boxes: dict[int, tuple[int, int, int] | None] = {}  # row -> top, left, side of its face
        self._kept: list[int] | None = None  # rows with a face, under "skip"

    @property
    def cache_key(self) -> str | None:
        """The dataset's own key and what is done here; None where it has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} face lbp {self._on_no_face} {SMALLEST} {_SCALE} {_STEP}" if key else None

    @property
    def notes(self) -> list[str]:
        """The dataset's notes and, of the images read so far, how many had no face."""
        missing = sum(box is None for box in self._boxes.values())
        became = "were left out" if self._on_no_face == "skip" else "stay whole"
        own = f"Cut to the face found (scikit-image, local binary patterns): {missing:,} of {len(self._boxes):,} images"
        return [*getattr(self._dataset, "notes", ()), f"{own} have none and {became}."]

    @property
    def table(self) -> Mapping[str, Any]:
        """The dataset's table, without the images left out."""
        rows = self._rows()
        columns = self._dataset.table
        if rows is None:
            return columns
        return {name: [column[row] for row in rows] for name, column in columns.items()}

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index``, cut to its face: square, in its own size and colour."""
        rows = self._rows()
        row = index if rows is None else rows[index]
        image = self._dataset[row]
        box = self._find(row, image)
        if box is None:
            return image
        top, left, side = box
        return np.ascontiguousarray(image[top : top + side, left : left + side])

    def _rows(self) -> list[int] | None:
        if self._on_no_face != "skip":
            return None
        if self._kept is None:
            size = len(self._dataset.table["label"])
            self._kept = [row for row in range(size) if self._find(row, self._dataset[row]) is not None]
            if not self._kept:
                raise InputError("data.on_no_face: skip leaves no image, a face was found in none; set face_crop none")
        return self._kept

    def _find(self, row: int, image: npt.NDArray[np.uint8]) -> tuple[int, int, int] | None:
        if row not in self._boxes:
            self._boxes[row] = self._detect(image)
        return self._boxes[row]

    def _detect(self, image: npt.NDArray[np.uint8]) -> tuple[int, int, int] | None:
        if self._cascade is None:
            from skimage.feature import Cascade

            self._cascade = Cascade(self._file)
        shorter = min(image.shape[:2])
        least = max(24, round(SMALLEST * shorter))  # the cascade's own window has 24 pixels
        if shorter < least:
            return None
        faces = self._cascade.detect_multi_scale(
            img=image[..., 0] if image.shape[2] == 1 else image,
            scale_factor=_SCALE,
            step_ratio=_STEP,
            min_size=(least, least),
            max_size=(shorter, shorter),
        )
        if not faces:
            return None
        box = max(faces, key=lambda face: (face["width"], -face["r"], -face["c"]))
        side = min(box["width"], box["height"], image.shape[0] - box["r"], image.shape[1] - box["c"])
        return int(box["r"]), int(box["c"]), int(side)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cascade": None}  # compiled, and read again in a copy
