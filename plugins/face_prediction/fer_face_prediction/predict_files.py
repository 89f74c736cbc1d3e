"""The work of ``fer predict``: files and cameras in, rows and annotated pictures out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from fer_face_prediction.annotation import Annotator
from fer_face_prediction.faces import FACE_SIDE
from fer_face_prediction.picture import Picture, UnreadablePicture, read_picture
from fer_face_prediction.pipeline import FaceSearch, PredictedPicture, predict_pictures
from fer_face_prediction.predictor import Predictor
from fer_face_prediction.progress import Progress
from fer_face_prediction.rows import make_writer, new_file
from fer_face_prediction.sources import is_video
from fer_face_prediction.video import count_frames, load_opencv, read_camera, read_video
from fer_plugins.config import registry
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.runtime.errors import InputError

AUTOMATIC = "lbp"  # the detector for photographs: it needs no further library


@dataclass(frozen=True)
class Outputs:
    """Where the predictions go."""

    format: str  # table, csv or json
    file: Path | None = None  # None: standard output
    folder: Path | None = None  # of annotated pictures


@dataclass
class Counts:
    """What was done."""

    pictures: int = 0  # and frames
    faces: int = 0
    without_face: int = 0
    annotated: int = 0
    unreadable: list[str] = field(default_factory=list)  # one sentence a file

    def describe(self) -> str:
        """Return the numbers in one line."""
        text = f"{self.pictures:,} pictures, {self.faces:,} faces"
        text += f", {self.without_face:,} pictures without a face" if self.without_face else ""
        return text + (f", {len(self.unreadable):,} files not read" if self.unreadable else "")


def search_faces(detector: str | None, preprocessing: Preprocessing, *, largest: bool) -> tuple[FaceSearch, str]:
    """Choose how faces are found, and say it in one line.

    Without a name it is the detector that the run cut its photographs with. Where it was trained on faces that were cut
    out before, a small picture is one face and a larger one is searched with ``lbp``.

    Raises:
        InputError: no such detector, or what it needs is not installed.
    """
    own = preprocessing.faces.get("face_crop", "none")
    options = dict(own) if isinstance(own, Mapping) else {"name": own}
    trained = str(options.pop("name"))
    name = detector or (AUTOMATIC if trained == "none" else trained)
    try:
        detect = registry.build("detector", name, **(options if name == trained else {}))
    except InputError as error:
        raise InputError(f"--detector {name}: {error}") from error
    whole = largest and name == trained != "none" and preprocessing.faces.get("on_no_face") == "full_image"
    search = FaceSearch(name, detect, detector is None and trained == "none", largest, whole)
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
    """Predict every face and write the rows while going; at most some hundred megabytes of pictures are held.

    Args:
        predictor: the network.
        search: how faces are found.
        outputs: where to; a file that is to be written has its name when all is done.
        files: pictures and videos.
        camera: number of a camera instead.
        every: of the frames of a video or camera.
        frames: of a video or camera, at most; None: all.
        say: prints a line to standard error.

    Raises:
        InputError: nothing could be read, no camera, or no OpenCV; nothing is written then.
        RunError: an output cannot be written.
    """
    if camera is not None or any(map(is_video, files)):
        load_opencv()
    counts = Counts()
    writes_rows = outputs.file is None and sys.stdout.isatty()  # they are progress enough, and a bar would cut them
    progress = Progress(None if camera is not None else len(files), shown=not writes_rows)
    pictures = _read(files, camera, every, frames, counts, progress, say)
    predicted = _counted(predict_pictures(pictures, predictor, search), counts)
    first = next(predicted, None)
    if first is None:
        raise InputError(_nothing(counts))
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
        except KeyboardInterrupt:  # how the user ends a camera; what was filmed is kept
            if camera is None:
                raise
    counts.annotated = annotator.written if annotator else 0
    return counts


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
    """Yield pictures and frames; a file that cannot be read is named and counted."""
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


def _nothing(counts: Counts) -> str:
    if len(counts.unreadable) == 1:
        return counts.unreadable[0]
    return f"none of {len(counts.unreadable)} files can be read, the first: {counts.unreadable[0]}"
