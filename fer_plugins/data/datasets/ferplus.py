"""FER+: the images of FER2013 with the votes of ten annotators."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Release
from fer_plugins.data.datasets.archives import FileSet, FolderFiles, SingleFile, ZipFiles
from fer_plugins.data.datasets.csv_files import find_column, read_rows
from fer_plugins.data.datasets.fer2013_layouts import USAGES, CsvLayout, Samples, recognise
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS
from fer_plugins.data.datasets.vote_targets import LabelMode, make_targets
from fer_plugins.errors import InputError

_LAYOUTS = "fer2013.csv (or icml_face_data.csv) and fer2013new.csv"
# The columns of fer2013new.csv; the last two are no expression.
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
_VOTERS = 10
_ON_TOP = {"train": 28_389, "val": 3_553, "test": 3_546}  # rows whose most voted column is an expression
_TARGET_MODES = {"probability": "draw", "cross_entropy": "distribution", "multi_target": "any"}


class FERPlus(FileDataset):
    """FER2013's images under new labels: ten people voted on each, for eight expressions, "unknown" or "no face".

    Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label distribution",
    2016. ``root`` is a folder or zip that holds FER2013 as a csv (only there the order of the images is kept) and
    ``fer2013new.csv`` (https://github.com/microsoft/FERPlus), which has a row for each of its rows. Rows without an
    image name are left out and counted. The table's column ``votes`` holds the votes for the eight expressions.

    Args:
        root: folder or zip that holds both csv files.
        labels: the path of fer2013new.csv, where it lies elsewhere.
        label_mode: majority: the expression with most votes, rows where none is on top are left out. The others are the
            paper's, on votes without those that only one person gave: probability (in training a label is drawn from
            the votes each time), cross_entropy (the votes' distribution is the target), multi_target (any expression
            with at least 30 % of the votes counts as right); rows that are unclear by the authors' rules are left out.
        majority_share: of majority: the top expression must have more than this share of the votes, in [0, 1); the
            authors' code asks for more than 0.5 and, unlike 0, does not count single votes.
        check: what follows when the number of kept rows is not the release's: error, warn (a sentence in the notes) or
            off.
        on_bad_image: what a row with wrong pixels leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: a file is missing, images whose order is lost, rows that do not belong together, or votes that are
            no whole numbers.
    """

    title = "FER+"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        labels: str | None = None,
        label_mode: Literal["majority", "probability", "cross_entropy", "multi_target"] = "majority",
        majority_share: float = 0.0,
        check: Check = "warn",
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if label_mode not in get_args(LabelMode):
            raise InputError(
                f"ferplus: label_mode is {label_mode!r}; give --data.label_mode {', '.join(get_args(LabelMode))}"
            )
        if not 0 <= majority_share < 1:
            raise InputError(
                f"ferplus: majority_share is {majority_share}; give a share from 0 up to, not including, 1"
            )
        if majority_share and label_mode != "majority":
            raise InputError(f"ferplus: majority_share belongs to label_mode majority, not {label_mode}; leave it out")
        if root is None or not os.fspath(root):
            raise InputError(f"ferplus: no data given; give --data.root the folder or zip that holds {_LAYOUTS}")
        self._root = Path(root).expanduser()
        self._layout, _ = recognise(self._root)
        if not isinstance(self._layout, CsvLayout):
            raise InputError(
                f"{self._root}: FER2013 lies there as {self._layout.title}, where the order of its rows, which "
                "fer2013new.csv follows, is lost; give fer2013.csv or icml_face_data.csv"
            )
        self._votes_in, self._votes_name = _find_votes(self._root, labels)
        self._mode: LabelMode = label_mode
        self._share = majority_share
        options = {"labels": labels, "label_mode": label_mode, "majority_share": majority_share}
        files = SingleFile(self._layout.csv.path)
        super().__init__("ferplus", files, options=options, check=check, on_bad_image=on_bad_image)
        if label_mode != "majority":
            self.target_mode = _TARGET_MODES[label_mode]
        self._samples: Samples | None = None
        self._kept = np.empty(0, np.int64)  # rows of the readable samples
        self._votes = np.empty((0, len(EXPRESSIONS)))
        self._target = np.empty((0, len(EXPRESSIONS)))

    @property
    def classes(self) -> tuple[str, ...]:
        """The eight expressions; known without reading."""
        return EXPRESSIONS

    @property
    def release(self) -> Release:
        """How many images have an expression on top, which are those that majority keeps."""
        plain = self._mode == "majority" and self._share == 0
        return Release(samples=sum(_ON_TOP.values())) if plain else Release()

    def other_digests(self) -> list[str]:
        """Hash the csv of votes."""
        return [self._votes_in.digest([self._votes_name])]

    @property
    def table(self) -> dict[str, Any]:
        """Columns ``label``, ``source``, ``split``, ``votes`` (counts) and, beside majority, ``target`` (shares)."""
        columns = {**super().table, "votes": self._votes}
        return columns if self._mode == "majority" else {**columns, "target": self._target}

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Image ``index``: uint8 (48, 48, 1)."""
        self._rows()
        assert self._samples is not None
        image: npt.NDArray[np.uint8] = self._samples.images[int(self._kept[index])]
        return image

    def list_rows(self) -> Listing:
        """Read both files and put them together row by row."""
        samples = self._layout.read(self._on_bad_image)
        names, usages, votes = self._read_votes()
        places = np.array([int(source.rpartition(" ")[2]) - 1 for source in samples.source])  # "fer2013.csv:row 17"
        if places.max(initial=0) >= len(votes) or len(places) + len(samples.bad) != len(votes):
            raise InputError(
                f"{self._votes_in.where(self._votes_name)}: has {len(votes):,} rows for "
                f"{len(places) + len(samples.bad):,} images; the two do not belong together"
            )
        for split, source, place in zip(samples.split, samples.source, places, strict=True):
            if (
                usages[place]
                and USAGES.get(usages[place].lower()) != split
                and "train" != "".join(samples.splits_known)
            ):
                raise InputError(
                    f"{self._votes_in.where(self._votes_name)}: row {place + 1} is {usages[place]}, {source} is "
                    f"{split}; the two do not belong together"
                )
        named = np.array([bool(names[place]) for place in places], dtype=bool)
        targets, on_top = make_targets(votes[places], self._mode, self._share)
        kept = named & (targets.sum(1) > 0)
        self._kept = np.flatnonzero(kept)
        self._samples, self._votes, self._target = samples, votes[places][kept][:, : len(EXPRESSIONS)], targets[kept]
        self._looked_at = True  # bad rows were judged when they were read
        rows = [
            Row(samples.source[row], int(label), samples.split[row])
            for row, label in zip(self._kept.tolist(), self._target.argmax(1).tolist(), strict=True)
        ]
        return Listing(
            f"{self._layout.title} with {Path(self._votes_name).name}, label mode {self._mode}",
            EXPRESSIONS,
            rows,
            Release(),
            self._describe(votes, names, kept, named, on_top, samples),
        )

    def _describe(
        self,
        votes: npt.NDArray[np.float64],
        names: list[str],
        kept: npt.NDArray[np.bool_],
        named: npt.NDArray[np.bool_],
        on_top: npt.NDArray[np.bool_],
        samples: Samples,
    ) -> list[str]:
        notes = [
            f"{len(names) - sum(map(bool, names)):,} rows have no image name and were left out.",
            f"{int(named.sum() - kept.sum()):,} rows are unclear under label mode {self._mode} and were left out.",
        ]
        if samples.bad:
            notes.append(f"{len(samples.bad):,} bad rows were left out, the first: {samples.bad[0][2]}.")
        split = np.array(samples.split)
        found = {name: int((named & on_top & (split == name)).sum()) for name in _ON_TOP}
        wrong = [
            f"{name} {found[name]:,} instead of {number:,}" for name, number in _ON_TOP.items() if found[name] != number
        ]
        other = int((votes.sum(1) != _VOTERS).sum())
        said = [f"rows with an expression on top: {', '.join(wrong)}"] if wrong else []
        said += [f"{other:,} rows do not have {_VOTERS} votes"] if other else []
        self.deviations = said
        if self._check == "off":
            return notes
        if said and self._check == "error":
            raise InputError(
                f"{self._root}: not the complete FER+: {'; '.join(said)}; give the complete release, or go on with "
                "--data.check warn|off"
            )
        return notes + [f"Not the release's: {sentence}." for sentence in said]

    def _read_votes(self) -> tuple[list[str], list[str], npt.NDArray[np.float64]]:
        """Return image names, usages and votes (N, 10) in the order of EXPRESSIONS, then unknown and no face."""
        where = self._votes_in.where(self._votes_name)
        header, rows = read_rows(self._votes_in, self._votes_name)
        usage, name = find_column(header, "Usage", where), find_column(header, "Image name", where)
        by_class = {own: find_column(header, column, where) for column, own in _VOTED.items()}
        columns = [by_class[own] for own in EXPRESSIONS] + [
            find_column(header, column, where) for column in _NO_EXPRESSION
        ]
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
        return [row[name].strip() for row in rows], [row[usage].strip() for row in rows], votes


def _find_votes(root: Path, labels: str | None) -> tuple[FileSet, str]:
    if labels is not None:
        path = Path(labels).expanduser()
        if not path.is_file():
            raise InputError(f"{path}: does not exist; give --data.labels the path of fer2013new.csv")
        return SingleFile(path), path.name
    if root.is_dir():
        files: FileSet = FolderFiles(root)
    elif zipfile.is_zipfile(root):
        files = ZipFiles(root)
    else:
        files = FolderFiles(root.resolve().parent, depth=1)
    found = [name for name in files.names if name.replace("\\", "/").rpartition("/")[2].lower() == "fer2013new.csv"]
    if len(found) != 1:
        what = "no fer2013new.csv lies there" if not found else f"holds {found[0]} and {found[1]}"
        raise InputError(
            f"{root}: {what}; put that of https://github.com/microsoft/FERPlus beside the images, or give --data.labels"
        )
    return files, found[0]
