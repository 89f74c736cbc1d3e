"""Draw boxes, classes and probabilities into pictures and videos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fer_face_prediction.faces import as_colour
from fer_face_prediction.pipeline import PredictedFace, PredictedPicture
from fer_face_prediction.rows import CsvWriter, new_file
from fer_face_prediction.video import VideoWriter, frame_rate
from fer_plugins.runtime.errors import RunError
from fer_plugins.runtime.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Corners = tuple[int, int, int, int]  # left, top, right, bottom in pixels
LEAST_SIDE = 256  # pixels; smaller pictures are enlarged, so that labels are readable
CERTAIN, DOUBTFUL, ABSENT = "#009E73", "#D55E00", "#000000"  # Okabe and Ito 2008: distinct for the colour-blind


def annotate(predicted: PredictedPicture, classes: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return the picture with box, class and probability of each face: RGB, enlarged if it is small.

    A face with a flag has an orange box and its flags after the probability, one without a flag a green box. If no face
    was found, the picture says so.
    """
    pixels = as_colour(predicted.picture.pixels)
    scale = max(1, math.ceil(LEAST_SIDE / min(pixels.shape[:2])))
    image = Image.fromarray(pixels)
    if scale > 1:
        image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    size = max(12, round(min(image.size) / 28))
    font, line = ImageFont.load_default(size), max(2, size // 7)
    faces = []  # all boxes first, so that no box is drawn over a label
    for face in predicted.faces:
        box = [0, 0, image.width, image.height] if face.box is None else [scale * side for side in face.box]
        colour = ABSENT if face.box is None else DOUBTFUL if face.flags else CERTAIN
        if face.box is not None:
            draw.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), outline=colour, width=line)
        faces.append((box, _text(face, classes), colour))
    taken: list[Corners] = []
    for box, text, colour in faces:
        _, _, right, bottom = draw.textbbox((0, 0), text, font=font)
        place = _place_label(image.size, box, (math.ceil(right) + 6, math.ceil(bottom) + 4), taken)
        draw.rectangle(place, fill=colour)
        draw.text((place[0] + 3, place[1] + 2), text, font=font, fill="white")
        taken.append(place)
    return np.asarray(image)


def _text(face: PredictedFace, classes: Sequence[str]) -> str:
    flags = " ".join(flag.replace("_", " ") for flag in face.flags)
    if face.predicted is None or face.probabilities is None:
        return flags
    return f"{classes[face.predicted]} {face.probabilities.max():.2f} {flags}".rstrip()


def _place_label(
    size: tuple[int, int], box: Sequence[int], label: tuple[int, int], taken: Sequence[Corners]
) -> Corners:
    """Return the position of a label of this width and height, always inside a picture of this size.

    Above the box, inside at its top, below, or inside at its bottom: the first that is inside the picture and does not
    overlap the labels ``taken``; if all overlap, ``taken`` is ignored.
    """
    width, height = label
    x = max(0, min(box[0], size[0] - width))
    tops = [y for y in (box[1] - height, box[1], box[3], box[3] - height) if 0 <= y <= size[1] - height] or [box[1]]
    places = [(x, y, x + width, y + height) for y in tops]
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


class Annotator:
    """Write annotated pictures to a folder, and for each video an annotated video, a CSV and a figure over time.

    Args:
        folder: created if it does not exist.
        classes: class names in label order.
        every: step between the predicted frames of videos.
    """

    def __init__(self, folder: Path, classes: Sequence[str], every: int = 1) -> None:
        self.folder, self._classes, self._every = folder, list(classes), every
        self._names: set[str] = set()
        self._video: _AnnotatedVideo | None = None
        self.written: int = 0  # number of pictures and videos

    def write(self, predicted: PredictedPicture) -> None:
        """Write a picture, or append a frame to its video.

        Raises:
            RunError: the file cannot be written.
        """
        picture = predicted.picture
        if self._video is not None and self._video.file != picture.file:
            self.__exit__(None, None, None)
        pixels = annotate(predicted, self._classes)
        if picture.frame is None:
            self._save(pixels, self._name(picture.file, ".png"))
            self.written += 1
            return
        if self._video is None:
            rate = 10.0 if picture.live else max(1.0, frame_rate(Path(picture.file)) / self._every)
            self._make_folder()
            self._video = _AnnotatedVideo(picture.file, self._name(picture.file, ".mp4"), rate, self._classes)
        self._video.write(predicted, pixels)

    def __enter__(self) -> Annotator:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        """Complete the last video; remove it after an error."""
        if self._video is not None:
            video, self._video = self._video, None
            video.close(kind, *rest)
            self.written += kind is None

    def _name(self, file: str, suffix: str) -> Path:
        """Return a unique name: that of the file, with a number if it is already used."""
        stem = Path(file).stem
        name, number = stem, 2
        while name in self._names:
            name, number = f"{stem}-{number}", number + 1
        self._names.add(name)
        return self.folder / f"{name}{suffix}"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"--annotate {self.folder}: cannot be made: {error.strerror}") from error

    def _save(self, pixels: npt.NDArray[np.uint8], path: Path) -> None:
        self._make_folder()
        with whole_file(path) as unfinished:
            Image.fromarray(pixels).save(unfinished, format="PNG")


class _AnnotatedVideo:
    """One video: annotated frames, rows of each face, and the largest face's probabilities over time."""

    def __init__(self, file: str, path: Path, rate: float, classes: list[str]) -> None:
        self.file, self._path, self._classes = file, path, classes
        with ExitStack() as stack:
            self._rows = CsvWriter(stack.enter_context(new_file(path.with_suffix(".csv"))), classes)
            self._frames = stack.enter_context(VideoWriter(path, rate))  # closed first: if it fails, no rows are kept
            self._files = stack.pop_all()
        self._times: list[float] = []
        self._probabilities: list[npt.NDArray[np.float64]] = []

    def write(self, predicted: PredictedPicture, pixels: npt.NDArray[np.uint8]) -> None:
        self._frames.write(pixels)
        self._rows.write(predicted)
        face = max(predicted.faces, key=_area)
        self._times.append(predicted.picture.time or 0.0)
        missing = np.full(len(self._classes), np.nan)
        self._probabilities.append(missing if face.probabilities is None else face.probabilities)

    def close(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            self._files.__exit__(kind, *rest)
            return
        from fer_plugins.analysis.figures.style import drawing, write_figure

        title = f"{Path(self.file).name}: largest face of each frame"
        try:
            with self._files:  # if the figure cannot be written, neither video nor rows are kept
                with drawing():
                    figure = _draw_over_time(np.array(self._times), np.array(self._probabilities), self._classes, title)
                write_figure(figure, self._path.parent, self._path.stem)
        except BaseException:
            for suffix in (".png", ".svg"):
                self._path.with_suffix(suffix).unlink(missing_ok=True)
            raise


def _draw_over_time(
    times: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64], classes: Sequence[str], title: str
) -> Figure:
    """Draw for each class a line of (N, K) probabilities over N seconds; NaN, a frame without a face, is a gap."""
    from fer_plugins.analysis.figures.style import COLOURS, DASHES, make_figure, set_legend, set_title

    figure = make_figure(2.4)
    axis = figure.subplots()
    marker = "o" if len(times) < 3 else None  # a line with one point would be invisible
    for number, (name, values) in enumerate(zip(classes, probabilities.T, strict=True)):
        colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        axis.plot(times, values, color=colour, linestyle=dashes, marker=marker, markersize=3, label=name)
    if len(times) > 1:
        axis.set_xlim(times[0], times[-1])  # including frames without a face at both ends
    axis.set_ylim(0, 1)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("probability")
    set_legend(axis, ncols=4, handlelength=2)
    set_title(figure, title)
    return figure


def _area(face: PredictedFace) -> int:
    return 0 if face.box is None else (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])
