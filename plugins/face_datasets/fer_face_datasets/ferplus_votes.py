"""Read the votes of FER+: fer2013new.csv for the csv of pixels, or the lists of the authors' own script."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from fer_image_files.archives.file_set import FolderFiles, ZipFiles, make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.file_kinds import open_path
from fer_image_files.tables.csv_files import find_column, read_rows, read_text
from fer_image_files.tables.face_rows import FaceRows

from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

# The columns of fer2013new.csv in its order; the last two are not expressions.
_VOTED = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
}
_NO_EXPRESSION = ("unknown", "NF")
_LIST = "label.csv"  # written by the authors' script to the folder of each split
_ORDER = [list(_VOTED.values()).index(name) for name in EXPRESSIONS] + [8, 9]  # from a list's columns to ours


@dataclass
class VotedRows:
    """One entry per row in every list; bad rows that were left out are only counted."""

    source: list[str]
    split: list[str]
    named: npt.NDArray[np.bool_]  # whether the release names an image for the row
    votes: npt.NDArray[np.float64]  # (N, 10): EXPRESSIONS, unknown, no face
    images: Any = None  # uint8 (N, H, W, 1); None if the source is an image file
    bad: list[str] = field(default_factory=list)  # sentences on bad rows
    notes: list[str] = field(default_factory=list)
    unnamed: int = 0  # number of rows of the release without an image


def match_votes(faces: FaceRows, files: RootFiles, name: str) -> VotedRows:
    """Match votes with images row by row: image names cannot be used, since four occur twice in the release.

    Raises InputError if the two do not match, or a vote is not a number.
    """
    where = files.where(name)
    names, usages, votes = _read_votes(files, name)
    places = np.array(faces.row, dtype=np.int64) - 1
    if places.max(initial=0) >= len(votes) or len(places) + len(faces.bad) != len(votes):
        raise InputError(
            f"{where}: has {len(votes):,} rows for {len(places) + len(faces.bad):,} images; the two do not belong "
            "together: give the fer2013.csv of 35,887 rows and the fer2013new.csv of "
            "https://github.com/microsoft/FERPlus"
        )
    splits = []
    for split, source, place in zip(faces.split, faces.source, places.tolist(), strict=True):
        voted = split_of(usages[place]) or ""
        if split and voted and split != voted:
            raise InputError(
                f"{where}: row {place + 1} is {usages[place]}, {source} is {split}; the two do not belong together: "
                "fetch both again"
            )
        splits.append(split or voted or "train")
    named = np.array([bool(names[place]) for place in places], dtype=bool)
    left_out = faces.describe_bad()
    return VotedRows(faces.source, splits, named, votes[places], faces.images, left_out, faces.notes, names.count(""))


def find_votes(root: Path, labels: str | None) -> tuple[RootFiles, str, list[str]] | None:
    """Return the location of fer2013new.csv, the nearest if there are several, and a note on the others; else None.

    Raises InputError if ``labels``, the user's path, does not exist, or two such files are at the same depth.
    """
    if labels is not None:
        return *open_votes(labels, "--data.labels"), []
    files = open_files(root)
    candidates = [name for name in files.names if split_name(name)[-1].lower() == "fer2013new.csv"]
    candidates.sort(key=lambda name: len(split_name(name)))
    if len(candidates) > 1 and len(split_name(candidates[0])) == len(split_name(candidates[1])):
        raise InputError(
            f"{root}: holds {candidates[0]} and {candidates[1]}; give --data.labels the path of the right one, "
            "unpacked where it lies in a zip"
        )
    notes = [f"Also there and not read: {make_printable(', '.join(candidates[1:5]))}."] if candidates[1:] else []
    return (files, candidates[0], notes) if candidates else None


def open_votes(votes_path: str, flag: str) -> tuple[RootFiles, str]:
    """Return the file fer2013new.csv named by an option; raises InputError if it is missing, or a folder."""
    path = open_path(votes_path, "the path of fer2013new.csv", flag=flag)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give {flag} the path of fer2013new.csv")
    return RootFiles(FolderFiles(path)), path.name


def open_files(root: Path) -> RootFiles:
    """Open a folder or zip; for any other file, the folder that holds it."""
    if root.is_dir():
        return RootFiles(FolderFiles(root, depth=6))
    return RootFiles(ZipFiles(root) if zipfile.is_zipfile(root) else FolderFiles(root.resolve().parent, depth=1))


def find_lists(files: RootFiles) -> dict[str, str]:
    """Return the lists written by the authors' script, {name: split}; {} if there are none."""
    lists = {}
    for name in files.names:
        *folders, file = split_name(name)
        split = split_of(folders[-1] if folders else files.path.resolve().name)
        if file.lower() == _LIST and split:
            lists[name] = split
    return lists


def read_lists(files: RootFiles, lists: dict[str, str]) -> VotedRows:
    """Read the lists of the splits, with images next to them; InputError for a malformed line or missing image."""
    sources, splits, votes = [], [], []
    file_names = set(files.names)
    again = 0
    for name, split in lists.items():
        where, beside = files.where(name), name[: len(name) - len(_LIST)]
        rows: dict[str, list[int]] = {}
        lines = csv.reader(io.StringIO(read_text(files, name)))
        for number, fields in enumerate(lines, start=1):
            if not any(fields) or (number == 1 and not fields[-1].strip().isdecimal()):
                continue  # a header, which the script does not write
            counts = [field.strip() for field in fields[-len(_ORDER) :]]
            if len(fields) != len(_ORDER) + 2 or not all(text.isdecimal() and len(text) < 4 for text in counts):
                raise InputError(
                    f"{where}: line {number} is {','.join(fields)[:60]!r}; an image's name, its box and ten numbers of "
                    "votes are needed: write it again with the authors' generate_training_data.py"
                )
            image = beside + fields[0].strip()
            if image not in file_names:
                raise InputError(
                    f"{where}: line {number} lists {fields[0].strip()[:40]!r}, which does not lie beside it; write the "
                    "images with the authors' generate_training_data.py, or give a folder of fer2013.csv and "
                    "fer2013new.csv"
                )
            again += image in rows
            rows[image] = [int(text) for text in counts]  # duplicate name: the later row's image was written
        sources += list(rows)
        splits += [split] * len(rows)
        votes += list(rows.values())
    notes = [f"{again:,} image names appear twice in their list; the later row was taken."] if again else []
    array = np.array(votes, dtype=np.float64).reshape(-1, len(_ORDER))[:, _ORDER]
    return VotedRows(sources, splits, np.ones(len(sources), bool), array, notes=notes)


def _read_votes(files: RootFiles, name: str) -> tuple[list[str], list[str], npt.NDArray[np.float64]]:
    """Return image names, usages and votes (N, 10) in the order of EXPRESSIONS, then unknown and no face."""
    where = files.where(name)
    header, rows = read_rows(files, name)
    usage, image = find_column(header, "Usage", where), find_column(header, "Image name", where)
    by_class = {own: find_column(header, column, where) for column, own in _VOTED.items()}
    columns = [by_class[own] for own in EXPRESSIONS] + [find_column(header, column, where) for column in _NO_EXPRESSION]
    votes = np.zeros((len(rows), len(columns)))
    for number, row in enumerate(rows):
        for place, column in enumerate(columns):
            text = row[column].strip()
            if not text.isdecimal() or len(text) > 3:
                raise InputError(
                    f"{where}: row {number + 1}: {header[column]} is {text[:20]!r}, a number of votes is needed; "
                    "fetch the file again"
                )
            votes[number, place] = int(text)
    return [row[image].strip() for row in rows], [row[usage].strip() for row in rows], votes
