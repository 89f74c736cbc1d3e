"""From pictures to predicted faces, batch by batch, so that thousands of pictures need little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_face_prediction.faces import NO_FACE, UNCERTAIN, WHOLE, CutFace, cut_faces, is_face_already, whole_picture
from fer_face_prediction.picture import Picture
from fer_face_prediction.predictor import BATCH, Predictor
from fer_plugins.contract import Detector
from fer_plugins.runtime.errors import RunError, one_line

MOST_BYTES = 1 << 28  # maximum size of pictures that wait for their batch


@dataclass(frozen=True)
class PredictedFace:
    """One face and its prediction."""

    box: tuple[int, int, int, int] | None  # left, top, right, bottom in pixels; None: no face was found
    score: float | None  # score of the detector, in [0, 1]
    probabilities: npt.NDArray[np.float64] | None  # (K,); None: no face was found, and the picture is not one
    flags: tuple[str, ...]  # no_face, small, blurred, uncertain
    prepared: npt.NDArray[np.uint8] | None = None  # (S, S, C) input of the network; None: no face was found

    @property
    def predicted(self) -> int | None:
        """The class with the highest probability."""
        return None if self.probabilities is None else int(self.probabilities.argmax())


@dataclass(frozen=True)
class PredictedPicture:
    """A picture with its faces; if there are none, one entry with the flag no_face."""

    picture: Picture
    detector: str
    faces: tuple[PredictedFace, ...]


@dataclass(frozen=True)
class FaceSearch:
    """How faces are detected.

    Args:
        name: name of the detector; none: every picture is one face.
        detect: the detector.
        automatic: whether a small picture (``is_face_already``) counts as a face.
        largest: use only the largest face of a picture.
        whole_without_face: predict a picture without a face as a whole, flagged no_face, as in the run's training.
    """

    name: str
    detect: Detector | None
    automatic: bool = False
    largest: bool = False
    whole_without_face: bool = False


Searched = tuple[Picture, str, list[CutFace], bool]  # picture, detector, its faces, whether the detector found one


def predict_pictures(
    pictures: Iterable[Picture], predictor: Predictor, search: FaceSearch
) -> Iterator[PredictedPicture]:  # fmt: skip
    """Yield each picture with its faces, in input order."""
    waiting: list[Searched] = []
    faces = size = 0
    for picture in pictures:
        waiting.append((picture, *_find(picture, predictor, search)))
        faces, size = faces + len(waiting[-1][2]), size + picture.pixels.nbytes
        # A camera frame is predicted immediately; otherwise a batch is cheaper than single faces.
        if faces >= BATCH or size >= MOST_BYTES or picture.live:
            yield from _predict(waiting, predictor)
            waiting, faces, size = [], 0, 0
    yield from _predict(waiting, predictor)


def _find(picture: Picture, predictor: Predictor, search: FaceSearch) -> tuple[str, list[CutFace], bool]:
    """Return the detector's name, the faces, and whether the detector found one."""
    preprocessing = predictor.preprocessing
    is_face = search.automatic and picture.frame is None and is_face_already(picture.pixels, preprocessing)
    if search.detect is None or search.name == WHOLE or is_face:
        return WHOLE, [whole_picture(picture.pixels, preprocessing)], True
    try:
        faces = cut_faces(picture.pixels, search.detect, preprocessing, largest=search.largest)
    except Exception as error:  # code of a plug-in may raise anything
        text = one_line(error, 200)
        raise RunError(f"{picture.file}: the detector {search.name} fails: {text}; give another --detector") from error
    if not faces and search.whole_without_face:
        return search.name, [whole_picture(picture.pixels, preprocessing)], False
    return search.name, faces, bool(faces)


def _predict(waiting: list[Searched], predictor: Predictor) -> Iterator[PredictedPicture]:
    prepared = [face.prepared for _, _, faces, _ in waiting for face in faces]
    starts = range(0, len(prepared), BATCH)
    rows = (row for start in starts for row in predictor.predict_batch(prepared[start : start + BATCH]))
    for picture, detector, faces, has_face in waiting:
        missing = () if has_face else (NO_FACE,)
        predicted = []
        for face, probabilities in zip(faces, rows, strict=False):  # the rows of later pictures remain
            uncertain = ("uncertain",) if probabilities.max() < UNCERTAIN else ()
            flags = (*missing, *face.flags, *uncertain)
            predicted.append(PredictedFace(face.box, face.score, probabilities, flags, face.prepared))
        yield PredictedPicture(picture, detector, tuple(predicted) or (PredictedFace(None, None, None, missing),))
