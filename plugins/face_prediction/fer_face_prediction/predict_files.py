"""The work of ``fer predict``: read files or a camera, write rows and annotated pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from tqdm import tqdm

from fer_face_prediction.annotation import Annotator
from fer_face_prediction.faces import FACE_SIDE
from fer_face_prediction.picture import Picture, UnreadablePicture, read_picture
from fer_face_prediction.pipeline import FaceSearch, PredictedPicture, predict_pictures
from fer_face_prediction.predictor import Predictor
from fer_face_prediction.rows import make_writer, new_file
from fer_face_prediction.sources import is_video
from fer_face_prediction.video import count_frames, load_opencv, read_camera, read_video
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runtime import activity
from fer_plugins.runtime.activity import format_seconds
from fer_plugins.runtime.errors import InputError

AUTOMATIC = "lbp"  # default detector for photographs: needs no further library
PAUSE = 10.0  # seconds between two progress lines without a terminal


@dataclass(frozen=True)
class Outputs:
    """Destinations of the predictions."""

    format: str  # table, csv or json
    file: Path | None = None  # None: standard output
    folder: Path | None = None  # folder of annotated pictures


@dataclass
class Counts:
    """Numbers of pictures, faces and files so far."""

    pictures: int = 0  # including frames
    faces: int = 0
    without_face: int = 0
    annotated: int = 0
    unreadable: list[str] = field(default_factory=list)  # one sentence per file

    def describe(self) -> str:
        """Return the numbers in one line."""
        text = f"{self.pictures:,} pictures, {self.faces:,} faces"
        text += f", {self.without_face:,} pictures without a face" if self.without_face else ""
        return text + (f", {len(self.unreadable):,} files not read" if self.unreadable else "")


def search_faces(detector: str | None, preprocessing: Preprocessing, *, largest: bool) -> tuple[FaceSearch, str]:
    """Choose how faces are detected, and describe it in one line.

    The default is the detector that cropped the run's training images. If the run was trained on cropped faces, a small
    picture is one face and larger ones are searched with ``lbp``.

    Raises:
        InputError: the detector is unknown, or a package that it needs is not installed.
    """
    own = preprocessing.faces.get("face_crop", "none")
    options = dict(own) if isinstance(own, Mapping) else {"name": own}
    trained = str(options.pop("name"))
    name = detector or (AUTOMATIC if trained == "none" else trained)
    try:
        detect = registry.build("detector", name, **(options if name == trained else {}))
    except InputError as error:
        raise InputError(f"--detector: {error}") from error
    predict_whole = largest and name == trained != "none" and preprocessing.faces.get("on_no_face") == "full_image"
    search = FaceSearch(name, detect, detector is None and trained == "none", largest, predict_whole)
    if search.automatic:
        side = max(FACE_SIDE, preprocessing.image_size)
        return search, f"detector: {name}; a picture of at most {side} pixels a side is taken for one face"
    origin = "as the run was trained" if name == trained else "as asked"
    if preprocessing.faces.get("face_align") == "eyes" and not getattr(detect, "point_names", ()):
        origin += "; warning: the run turned faces so that their eyes lie level, and this detector finds no eyes"
    return search, f"detector: {name}, {origin}"


def predict_files(
    predictor: Predictor,
    search: FaceSearch,
    outputs: Outputs,
    *,
    files: Sequence[Path] = (),
    camera: int | None = None,
    every: int = 1,
    frames: int | None = None,
    say: Callable[[str], None],
) -> Counts:
    """Predict every face and write each row immediately; at most some hundred megabytes of pictures are in memory.

    Args:
        predictor: the network.
        search: how faces are detected.
        outputs: the destinations; a file gets its final name when it is complete.
        files: pictures and videos.
        camera: number of a camera to use instead of files.
        every: predict every N-th frame of a video or camera.
        frames: maximum number of frames of a video or camera; None: all.
        say: function that prints a line to standard error.

    Raises:
        InputError: no file could be read, there is no camera, or no OpenCV; nothing is written.
        RunError: an output cannot be written.
    """
    if camera is not None or any(map(is_video, files)):
        load_opencv()
    counts = Counts()
    writes_rows = outputs.file is None and sys.stdout.isatty()  # they show progress, and a bar would break them
    progress = Progress(None if camera is not None else len(files), shown=not writes_rows)
    pictures = _read(files, camera, every, frames, counts, progress, say)
    predicted = _counted(predict_pictures(pictures, predictor, search), counts)
    first = next(predicted, None)
    if first is None:
        unreadable = counts.unreadable
        prefix = f"none of {len(unreadable)} files can be read, the first: " if len(unreadable) > 1 else ""
        raise InputError(prefix + unreadable[0])
    with ExitStack() as stack:
        stack.callback(progress.close)
        stream = sys.stdout if outputs.file is None else stack.enter_context(new_file(outputs.file))
        writer = make_writer(outputs.format, stream, predictor.classes)
        annotator = None
        if outputs.folder is not None:
            annotator = stack.enter_context(Annotator(outputs.folder, predictor.classes, every))
        try:
            for picture in chain((first,), predicted):
                writer.write(picture)
                if annotator is not None:
                    annotator.write(picture)
        except KeyboardInterrupt:  # the usual way to end a camera; its output is kept
            if camera is None:
                raise
    counts.annotated = annotator.written if annotator else 0
    return counts


class Progress:
    """Show the number of processed pictures and frames on standard error: a bar, or a line every ten seconds.

    Args:
        total: number of pictures and frames; None: unknown, as for a camera.
        shown: whether anything is printed.
    """

    def __init__(self, total: int | None, *, shown: bool) -> None:
        self.total, self.done, self._shown = total, 0, shown
        self._begin = self._last = time.monotonic()
        self._bar = None
        if shown and sys.stderr.isatty():
            self._bar = tqdm(total=total, desc="predicting", unit="picture", leave=False, file=sys.stderr)

    def expect(self, more: int) -> None:
        """Increase the total: a video was counted as one picture."""
        if self.total is not None:
            self.total += more
            if self._bar is not None:
                self._bar.total = self.total

    def step(self) -> None:
        """Count one picture or frame."""
        self.done += 1
        if not self._shown:
            return
        activity.spoken()
        if self._bar is not None:
            self._bar.update()
            return
        now = time.monotonic()
        if now - self._last >= PAUSE:
            self._last = now
            print(self._line(now - self._begin), file=sys.stderr, flush=True)

    def _line(self, elapsed: float) -> str:
        if self.total is None or self.done >= self.total:
            return f"{self.done:,} pictures, {format_seconds(elapsed)}"
        left = elapsed / self.done * (self.total - self.done)
        return f"{self.done:,} of {self.total:,} pictures, {format_seconds(left)} left"

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()


def _counted(predicted: Iterator[PredictedPicture], counts: Counts) -> Iterator[PredictedPicture]:
    for picture in predicted:
        faces = sum("no_face" not in face.flags for face in picture.faces)
        counts.pictures += 1
        counts.faces += faces
        counts.without_face += faces == 0
        yield picture


def _read(
    files: Sequence[Path],
    camera: int | None,
    every: int,
    frames: int | None,
    counts: Counts,
    progress: Progress,
    say: Callable[[str], None],
) -> Iterator[Picture]:
    """Yield pictures and frames; a file that cannot be read is reported and counted."""
    if camera is not None:
        for picture in islice(read_camera(camera, every), frames):
            progress.step()
            yield picture
        return
    for file in files:
        try:
            if is_video(file):
                expected = -(-count_frames(file) // every)
                progress.expect((expected if frames is None else min(expected, frames)) - 1)
                for picture in islice(read_video(file, every), frames):
                    progress.step()
                    yield picture
            else:
                picture = Picture(str(file), read_picture(file))
                progress.step()
                yield picture
        except UnreadablePicture as error:
            counts.unreadable.append(str(error))
            if len(files) > 1:
                say(f"not read: {error}")
