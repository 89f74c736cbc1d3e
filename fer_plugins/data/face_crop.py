"""Crops photographs to the largest face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fer_plugins.config import registry
from fer_plugins.config.annotations import coerce
from fer_plugins.contract import Dataset, Detector, Face
from fer_plugins.data.detectors.crop import Align, check_align, crop_face, find_faces, has_eyes, largest_face
from fer_plugins.runtime.errors import InputError


class FaceCropped:
    """A dataset whose images are cut to the largest face in them.

    Meant for photographs; the field's datasets of cut-out faces do not need it, and detectors miss many of them.

    Args:
        dataset: the photographs.
        detector: finds the faces.
        name: of the detector and its options, unique among detectors; for notes and the cache.
        on_no_face: what becomes of an image without a face that is found: full_image (it stays whole), or skip (every
            image is looked at first; these are left out). Either is counted in the notes.
        align: as of `crop_face`; faces without eye points are counted in the notes.
        margin: as of `crop_face`.

    Raises:
        InputError: at first use, ``skip`` leaves nothing.
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
        self._faces: dict[int, Face | None] = {}  # row -> its largest face
        self._kept: list[int] | None = None  # rows with a face, under "skip"

    @property
    def cache_key(self) -> str | None:
        """The dataset's own key and what is done here; None where it has none."""
        key = getattr(self._dataset, "cache_key", None)
        return f"{key} face {self._name} {self._on_no_face} {self._align} {self._margin}" if key else None

    @property
    def notes(self) -> list[str]:
        """The dataset's notes and, of the images read so far, how many had no face, or no eyes to align."""
        missing = sum(face is None for face in self._faces.values())
        result = "were left out" if self._on_no_face == "skip" else "stay whole"
        own = f"Cut to the largest face (detector {self._name}): {missing:,} of {len(self._faces):,} images have none"
        notes = [*getattr(self._dataset, "notes", ()), f"{own} and {result}."]
        if self._align == "eyes":
            level = sum(face is not None and has_eyes(face) for face in self._faces.values())
            notes.append(f"Turned so that the eyes lie level: {level:,} of {len(self._faces) - missing:,} faces.")
        return notes

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
        face = self._find(row, image)
        if face is None:
            return image
        return np.ascontiguousarray(crop_face(image, face, align=self._align, margin=self._margin))

    def _rows(self) -> list[int] | None:
        if self._on_no_face != "skip":
            return None
        if self._kept is None:
            size = len(self._dataset.table["label"])
            self._kept = [row for row in range(size) if self._find(row, self._dataset[row]) is not None]
            if not self._kept:
                raise InputError("data.on_no_face: skip leaves no image, a face was found in none; set face_crop none")
        return self._kept

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
    """Return a dataset cut to its faces as keys of ``data``, or of one of its ``targets``, say; itself with none.

    Raises:
        InputError: a value of the wrong type, an unknown name, or a detector that cannot be built.
    """
    options = dict(face_crop) if isinstance(face_crop, Mapping) else {"name": face_crop}
    name = str(options.pop("name", None))
    if on_no_face not in ("full_image", "skip"):
        raise InputError(f"on_no_face: {on_no_face!r} is not known; give full_image or skip")
    given = {"on_no_face": on_no_face, "face_align": face_align, "face_margin": face_margin}
    if name == "none":
        if given != {"on_no_face": "full_image", "face_align": "none", "face_margin": 0.0}:
            raise InputError(f"{', '.join(given)}: have no effect without a detector; add face_crop lbp")
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
