"""Read a list of images (csv, tsv, ``path label`` lines without a header, JSON lines) and find the images."""

from __future__ import annotations

import csv
import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext

from fer_image_files.archives.file_set import READ_ERRORS, Opener, make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.decoding import is_image
from fer_image_files.tables.csv_files import read_rows, read_text
from fer_plugins.data.expressions import expression_of
from fer_plugins.runtime.errors import InputError

_LOOKED_AT = 1 << 16  # bytes of a file that are read for its first line
LIST_SUFFIXES = (".csv", ".tsv", ".txt", ".lst", ".jsonl", ".json")
# Default names of the columns of files and labels; compared ignoring case.
IMAGE_COLUMNS = (
    *("image", "file_name", "filename", "file", "filepath", "file_path", "path", "image_path", "imagepath", "img_path"),
    *("img", "img_name", "image_name", "imagename", "images", "pth", "subdirectory_filepath", "name", "image_id", "id"),
)
LABEL_COLUMNS = (
    *("label", "emotion", "expression", "class", "labels", "emotions", "expressions", "target", "category"),
    *("class_name", "label_name", "emotion_label", "class_label"),
)


def first_lines(files: RootFiles, name: str, opener: Opener | None = None) -> list[str]:
    """Return the first two non-empty lines of a file; fewer if there are fewer, or it cannot be read."""
    try:
        with nullcontext(opener) if opener else files.opened() as open_file, open_file(name) as stream:
            start = stream.read(_LOOKED_AT)
    except (*READ_ERRORS, KeyError):
        return []
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return [line.strip() for line in start.decode(encoding, "replace").splitlines() if line.strip()][:2]


def is_list(lines: Sequence[str]) -> bool:
    """Return whether a file lists images, by its first two lines: they name columns for that, or images."""
    if not lines:
        return False
    if lines[0][:1] in ("{", "["):
        keys = [word.lower() for word in re.findall(r'"([^"]*)"\s*:', " ".join(lines))]
        return any(word in IMAGE_COLUMNS or is_image(word) for word in keys)
    fields = [field.strip(' "').lower() for field in _divide(lines[0])]
    labelled = bool({*fields} & {*LABEL_COLUMNS}) or sum(map(bool, map(expression_of, fields))) > 1
    named = is_image(fields[0]) or (labelled and bool({*fields} & {*IMAGE_COLUMNS}))
    return len(fields) > 1 and (
        named or any(is_image(field.strip(' "')) for line in lines[1:] for field in _divide(line))
    )


def join_one_hot(
    header: list[str], lines: list[list[str]], label_column: str | None, where: str
) -> tuple[list[str], list[list[str]]]:
    """Replace columns of one expression each (1 for the label, else 0) by one column of labels.

    Nothing changes if there is a column of labels. Raises InputError if a line does not have exactly one expression.
    """
    columns = [at for at, column in enumerate(header) if expression_of(column)]
    if label_column is not None or len(columns) < 2 or set(map(str.lower, header)) & set(LABEL_COLUMNS):
        return header, lines
    joined = []
    for number, line in enumerate(lines, start=1):
        expressions = [header[at] for at in columns if line[at].strip() not in ("0", "0.0", "")]
        if len(expressions) != 1:
            raise InputError(
                f"{where}: row {number} has {len(expressions)} expressions in columns of one each; one of them must be "
                "1 and the others 0: mend the row, or name the column with --data.label_column"
            )
        joined.append([*(value for at, value in enumerate(line) if at not in columns), expressions[0]])
    return [*(column for at, column in enumerate(header) if at not in columns), LABEL_COLUMNS[0]], joined


def _divide(line: str) -> list[str]:
    mark = next((sign for sign in ",;\t" if sign in line), None)
    if mark is not None:
        return next(csv.reader([line], delimiter=mark), [])
    path, _, _ = line.rpartition(" ")  # a path may contain blanks
    return line.rsplit(maxsplit=1) if is_image(path) else line.split()


def read_lines(files: RootFiles, listed: str) -> tuple[list[str], list[list[str]]]:
    """Return a list's column names and lines; raises InputError if it is empty, malformed, or a line lacks values."""
    where = files.where(listed)
    if listed.lower().endswith((".json", ".jsonl")):
        return _read_json(files, listed)
    first = next(iter(first_lines(files, listed)), "")
    fields = _divide(first)
    headless = bool(fields) and is_image(fields[0].strip(' "'))
    if not headless and (len(fields) < 2 or any(mark in first for mark in ",;\t")):
        return read_rows(files, listed)
    header = ["image", "label"] if headless else fields
    rows = []
    lines = [line for line in read_text(files, listed).splitlines() if line.strip()]
    for number, line in enumerate(lines[not headless :], start=1):
        fields = _divide(line.strip()) if headless else line.split()
        if len(fields) != len(header) and headless:
            raise InputError(
                f"{where}: line {number} has {len(fields)} values and the list has no header; leave image and label, "
                "or write a first line that names the columns, divided as the lines are, such as 'image label other'"
            )
        if len(fields) != len(header):
            raise InputError(
                f"{where}: row {number} has {len(fields)} values, the header names {len(header)}; mend the row"
            )
        rows.append(fields)
    return header, rows


def _read_json(files: RootFiles, listed: str) -> tuple[list[str], list[list[str]]]:
    text, where = read_text(files, listed), files.where(listed)
    try:
        if listed.lower().endswith(".json"):
            entries = json.loads(text)
        else:
            entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not JSON lines ({make_printable(str(error))}); fetch it again") from None
    if isinstance(entries, dict) and any(map(is_image, entries)):  # {"1.png": "happy"}
        entries = [{"image": name, "label": label} for name, label in entries.items()]
    if not entries or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{where}: holds no list of mappings, such as {{'file_name': '1.png', 'label': 'happy'}}")
    header = list(entries[0])
    rows = [["" if entry.get(key) is None else str(entry[key]) for key in header] for entry in entries]
    return header, rows


class ListedPaths:
    """Find the image named in a list: by its path, by a path with the same end, or by the folder of its split."""

    def __init__(self, files: RootFiles, listed: str, names: ClassNames) -> None:
        self._files = files
        self._names = names
        self._beside = posixpath.dirname(listed)
        self._paths = set(files.names)
        # The folder that a zip holds everything in is not part of the path, as in an unpacked copy.
        self._top = posixpath.commonpath([posixpath.dirname(path) for path in self._paths])
        self._by_file: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in files.names:
            file = path.rpartition("/")[2]
            self._by_file[file].append(path)
            if is_image(file):
                self._by_stem[file.rpartition(".")[0]].append(path)
        self.missing = 0  # number of images not found
        self.unclear = ""  # the first ambiguous path, as a sentence

    def find(self, listed_path: str, split: str, where: str) -> str:
        """Return the image's name in the file set, or where it should be; InputError if that is outside the copy."""
        path = posixpath.normpath("/".join(part for part in [self._beside, *split_name(listed_path)] if part))
        if path not in self._paths:
            file = path.rpartition("/")[2]
            matches = [name for name in self._by_file.get(file, ()) if self._end_alike(name, listed_path)]
            if not matches and not is_image(file):  # a name without extension
                stems = self._by_stem.get(file, ())
                matches = [name for name in stems if self._end_alike(name.rpartition(".")[0], listed_path)]
            if len(matches) > 1 and split:
                matches = [name for name in matches if self._split_of(name) == split] or matches
            if len(matches) > 1 and not self.unclear:
                shown = ", ".join(make_printable(candidate) for candidate in matches[:3])
                self.unclear = (
                    f"the image {make_printable(listed_path)!r} could be any of {len(matches)} files ({shown})"
                )
            path = matches[0] if len(matches) == 1 else path
        if path.startswith("../"):
            raise InputError(
                f"{where}: {listed_path!r} lies outside of {self._files.path}; give a folder that holds both as "
                "--data.root, and --data.csv"
            )
        self.missing += path not in self._paths
        return path

    def _split_of(self, path: str) -> str | None:
        """Return the split named by the nearest folder of ``path``, or None."""
        above = split_name(posixpath.relpath(path, self._top or "."))[-2::-1]
        return next((split for word in above if (split := self._names.split(word))), None)

    def _end_alike(self, path: str, listed_path: str) -> bool:
        """Return whether one of two paths is the end of the other, so that the folders in both are the same."""
        listed_parts = [part for part in split_name(listed_path)[::-1] if part not in ("", ".")]
        inner = posixpath.relpath(path, self._top or ".")
        ends = (zip(name.split("/")[::-1], listed_parts, strict=False) for name in (path, inner))
        return any(all(a == b for a, b in pairs) for pairs in ends)
