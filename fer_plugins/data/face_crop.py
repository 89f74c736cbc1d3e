"""Crops photographs to the largest face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.config import registry
from fer_plugins.config.annotations import coerce
from fer_plugins.config.overlay import as_named
from fer_plugins.contract import Dataset, Detector, Face
from fer_plugins.data.detectors.crop import Align, check_align, crop_face, find_faces, has_eyes, largest_face
from fer_plugins.runtime.errors import InputError


class FaceCropped:
    """A dataset whose images are cropped to their largest face.

    For photographs: datasets of cropped faces do not need it, and detectors miss many of their faces.

    Args:
        dataset: The photographs.
        detector: Face detector.
        name: Name of the detector with its options, unique among detectors; for notes and the cache.
        on_no_face: What to do with an image without a detected face: "full_image" keeps the whole image, "skip" leaves
            it out (all images are searched first). The notes contain their number.
        align: As in `crop_face`; faces without eye points are counted in the notes.
        margin: As in `crop_face`.

    Raises:
        InputError: At first use, if "skip" leaves no image.
    """

    def __init__(
        self,
        dataset: Dataset,
        detector: Detector,
        *,
        name: str,
        on_no_face: Literal["full_image", "skip"] = "full_image",
        align: Align = "none",
        margin: float = 0.0,
    ) -> None:
        self._dataset, self._detector, self._name = dataset, detector, name
        self._on_no_face, self._align, self._margin = on_no_face, align, margin
        self.classes = tuple(dataset.classes)
        self.title = getattr(dataset, "title", "")
        if hasattr(dataset, "target_mode"):
            self.target_mode = dataset.target_mode
        self._faces: dict[int, Face | None] = {}  # row -> largest face

    @property
    def cache_key(self) -> str | None:
        """The cache key of the dataset and the options of the crop; None if the dataset has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} face {self._name} {self._on_no_face} {self._align} {self._margin}" if key else None

    @property
    def notes(self) -> list[str]:
        """The notes of the dataset, and how many of the images read so far have no face, or no eyes to align."""
        missing = sum(face is None for face in self._faces.values())
        result = "were left out" if self._on_no_face == "skip" else "stay whole"
        text = f"Cut to the largest face (detector {self._name}): {missing:,} of {len(self._faces):,} images have none"
        notes = [*getattr(self._dataset, "notes", ()), f"{text} and {result}."]
        if self._align == "eyes":
            level = sum(face is not None and has_eyes(face) for face in self._faces.values())
            notes.append(f"Turned so that the eyes lie level: {level:,} of {len(self._faces) - missing:,} faces.")
        return notes

    @property
    def table(self) -> Mapping[str, Any]:
        """The table of the dataset, without the images left out."""
        columns = self._dataset.table
        if self._rows is None:
            return columns
        return {name: [column[row] for row in self._rows] for name, column in columns.items()}

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Return image ``index`` cropped to its face: square, not resized, with the channels of the image."""
        row = index if self._rows is None else self._rows[index]
        image = self._dataset[row]
        face = self._find(row, image)
        if face is None:
            return image
        return np.ascontiguousarray(crop_face(image, face, align=self._align, margin=self._margin))

    @cached_property
    def _rows(self) -> list[int] | None:
        """Rows with a detected face if ``on_no_face`` is "skip", else None."""
        if self._on_no_face != "skip":
            return None
        size = len(self._dataset.table["label"])
        rows = [row for row in range(size) if self._find(row, self._dataset[row]) is not None]
        if not rows:
            raise InputError("data.on_no_face: skip leaves no image, a face was found in none; set face_crop none")
        return rows

    def _find(self, row: int, image: npt.NDArray[np.uint8]) -> Face | None:
        if row not in self._faces:
            self._faces[row] = largest_face(find_faces(self._detector, image))
        return self._faces[row]


def crop_faces(
    dataset: Dataset,
    *,
    face_crop: Any = "none",
    on_no_face: Any = "full_image",
    face_align: Any = "none",
    face_margin: Any = 0.0,
) -> Any:
    """Return a dataset cropped to faces, given keys of ``data`` or of one of its ``targets``; unchanged with "none".

    Raises:
        InputError: A value has the wrong type, a name is unknown, or the detector cannot be built.
    """
    options = as_named(face_crop)
    name = str(options.pop("name", None))
    if on_no_face not in ("full_image", "skip"):
        raise InputError(f"on_no_face: {on_no_face!r} is not known; give full_image or skip")
    if name == "none":
        if (on_no_face, face_align, face_margin) != ("full_image", "none", 0.0):
            raise InputError(
                "on_no_face, face_align, face_margin: have no effect without a detector; add face_crop lbp"
            )
        return dataset
    try:
        margin = coerce(face_margin, "Annotated[float, '0..2']")
    except TypeError as error:
        raise InputError(f"face_margin: {error}, got {face_margin!r}") from None
    try:
        detector = registry.build("detector", name, **options)
    except InputError as error:
        raise InputError(f"face_crop: {error}") from error
    check_align(face_align, detector, name)
    component = registry.find("detector", name)
    described = f"{component.name} of {component.distribution} {component.version}"
    described += f" {json.dumps(options, sort_keys=True)}" if options else ""
    return FaceCropped(dataset, detector, name=described, on_no_face=on_no_face, align=face_align, margin=margin)
