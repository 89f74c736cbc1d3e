"""Write predicted faces as a table, CSV, or JSON lines, each row as soon as it is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from fer_image_files.archives.file_set import make_printable

from fer_face_prediction.pipeline import PredictedFace, PredictedPicture
from fer_plugins.runtime.whole_file import whole_file

_FILE, _BOX = 40, 21  # widths in the table


class RowWriter(Protocol):
    """Writes one picture after the other."""

    def write(self, predicted: PredictedPicture) -> None:
        """Write the rows of a picture."""
        ...


def make_writer(name: str, stream: TextIO, classes: Sequence[str]) -> RowWriter:
    """Return a writer of rows to a stream; nothing is written before the first row."""
    if name == "csv":
        return CsvWriter(stream, classes)
    return JsonWriter(stream, classes) if name == "json" else TableWriter(stream, classes)


class CsvWriter:
    """One row per face: file, frame, time, face, left, top, right, bottom, detector, score, predicted, flags, p_CLASS.

    Probabilities have nine digits. A picture without a face has a row with ``flags`` no_face and empty probabilities,
    unless the run then predicts the whole picture.
    """

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._writer, self._classes, self._started = csv.writer(stream, lineterminator="\n"), classes, False

    def write(self, predicted: PredictedPicture) -> None:
        """Write the rows of a picture, preceded by the header for the first picture."""
        if not self._started:
            named = ("file", "frame", "time", "face", "left", "top", "right", "bottom", "detector", "score")
            self._writer.writerow([*named, "predicted", "flags", *(f"p_{name}" for name in self._classes)])
            self._started = True
        picture = predicted.picture
        time = "" if picture.time is None else f"{picture.time:.3f}"
        for number, face in enumerate(predicted.faces, 1):
            values = [""] * len(self._classes)
            if face.probabilities is not None:
                values = [f"{value:.9g}" for value in face.probabilities]
            self._writer.writerow(
                [
                    picture.file,
                    "" if picture.frame is None else picture.frame,
                    time,
                    number if face.box else "",
                    *(face.box or [""] * 4),
                    predicted.detector,
                    "" if face.score is None else f"{face.score:.4g}",
                    "" if face.predicted is None else self._classes[face.predicted],
                    " ".join(face.flags),
                    *values,
                ]
            )


class JsonWriter:
    """One line per face, with the fields of the CSV; ``box`` and ``flags`` are lists, ``probabilities`` a mapping."""

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._stream, self._classes = stream, classes

    def write(self, predicted: PredictedPicture) -> None:
        """Write the lines of a picture."""
        picture = predicted.picture
        for number, face in enumerate(predicted.faces, 1):
            named = None
            if face.probabilities is not None:
                named = {name: float(f"{p:.9g}") for name, p in zip(self._classes, face.probabilities, strict=True)}
            line: dict[str, Any] = {
                "file": picture.file,
                "frame": picture.frame,
                "time": None if picture.time is None else round(picture.time, 3),
                "face": number if face.box else None,
                "box": face.box and list(face.box),
                "detector": predicted.detector,
                "score": face.score,
                "predicted": None if face.predicted is None else self._classes[face.predicted],
                "probabilities": named,
                "flags": list(face.flags),
            }
            # A name that is not UTF-8 has no characters that JSON could represent.
            escaped = any("\ud800" <= letter <= "\udfff" for letter in picture.file)
            self._stream.write(json.dumps(line, ensure_ascii=escaped) + "\n")


class TableWriter:
    """Columns of fixed width: file (and time), box, class, probability, the second class, flags."""

    def __init__(self, stream: TextIO, classes: Sequence[str]) -> None:
        self._stream, self._classes, self._started = stream, classes, False
        self._width = max(map(len, [*classes, "predicted"]))

    def write(self, predicted: PredictedPicture) -> None:
        """Write the rows of a picture, preceded by the header for the first picture."""
        if not self._started:
            self._line("file", "box", "predicted", "p", "second", "p", "flags")
            self._started = True
        picture = predicted.picture
        for face in predicted.faces:
            when = "" if picture.time is None else f" {picture.time:.2f} s"
            name = make_printable(picture.file)
            if len(name) + len(when) > _FILE:
                name = "..." + name[len(name) + len(when) + 3 - _FILE :]
            self._line(name + when, *self._cells(face), " ".join(face.flags))

    def _cells(self, face: PredictedFace) -> list[str]:
        if face.probabilities is None:
            return ["-"] * 5
        first, second = face.probabilities.argsort(kind="stable")[::-1][:2].tolist()
        box = "-".join((f"{face.box[0]},{face.box[1]}", f"{face.box[2]},{face.box[3]}")) if face.box else "-"
        shown = [(self._classes[place], f"{face.probabilities[place]:.2f}") for place in (first, second)]
        return [box, *shown[0], *shown[1]]

    def _line(self, *cells: str) -> None:
        widths = (_FILE, _BOX, self._width, 4, self._width, 4, 0)
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        self._stream.write(line.rstrip() + "\n")
        self._stream.flush()


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that gets its final name only when it is complete; after an error it does not exist.

    File names that are not UTF-8 are written as their original bytes.

    Raises:
        RunError: the file cannot be written.
    """
    with (
        whole_file(path) as unfinished,
        unfinished.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        yield stream
