"""FER+: the images of FER2013 with the votes of ten annotators."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Release
from fer_plugins.data.datasets.fer2013_copies import recognise
from fer_plugins.data.datasets.fer2013_layouts import TableLayout
from fer_plugins.data.datasets.ferplus_votes import (
    VotedRows,
    find_lists,
    find_votes,
    match_votes,
    open_files,
    read_lists,
)
from fer_plugins.data.datasets.file_dataset import Check, FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.vote_targets import LabelMode, make_targets
from fer_plugins.data.formats.archives import FileSet, SingleFile
from fer_plugins.data.formats.face_tables import CsvTable
from fer_plugins.data.formats.file_kinds import open_path
from fer_plugins.data.formats.labels import EXPRESSIONS
from fer_plugins.runtime.errors import InputError

_LAYOUTS = "fer2013.csv (or icml_face_data.csv) and fer2013new.csv, or FER2013Train, FER2013Valid and FER2013Test"
_VOTES = "fer2013new.csv"
_VOTERS = 10
_OTHER_VOTERS = 1  # rows of the release with nine votes
_ON_TOP = {"train": 28_389, "val": 3_553, "test": 3_546}  # rows whose most voted column is an expression
_TARGET_MODES = {"probability": "draw", "cross_entropy": "distribution", "multi_target": "any"}


class FERPlus(FileDataset):
    """FER2013's images under new labels: ten people voted on each, for eight expressions, "unknown" or "no face".

    Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label distribution",
    2016. ``root`` is a folder or zip that holds FER2013 as a csv (only there the order of the images is kept) and
    ``fer2013new.csv`` (https://github.com/microsoft/FERPlus), which has a row for each of its rows; or the folders
    ``FER2013Train``, ``FER2013Valid`` and ``FER2013Test`` of images with ``label.csv`` that the authors' own script
    writes. Rows without an image name are left out and counted. The table's column ``votes`` holds the votes for the
    eight expressions.

    Args:
        root: folder or zip that holds both csv files, or the script's folders.
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
        self._root = open_path(root, f"the folder or zip that holds {_LAYOUTS}")
        self._pair, self._lists, files = _find(self._root, labels)
        self._mode: LabelMode = label_mode
        self._share = majority_share
        options = {"labels": labels, "label_mode": label_mode, "majority_share": majority_share}
        super().__init__("ferplus", files, options=options, check=check, on_bad_image=on_bad_image)
        if label_mode != "majority":
            self.target_mode = _TARGET_MODES[label_mode]
        self._places: dict[str, int] = {}  # of each row's source, once they are read
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
        """Hash the csv of votes, which may lie elsewhere."""
        return [self._pair[1].digest([self._pair[2]])] if self._pair else []

    @property
    def table(self) -> dict[str, Any]:
        """Columns ``label``, ``source``, ``split``, ``votes`` (counts) and, beside majority, ``target`` (shares)."""
        columns = super().table
        kept = [self._places[row.name] for row in self._rows()]
        columns["votes"] = self._votes[kept]
        return columns if self._mode == "majority" else {**columns, "target": self._target[kept]}

    def list_rows(self) -> Listing:
        """Read the votes and put them together with the images."""
        if self._pair is not None:
            table, votes_in, votes_name, notes = self._pair
            rows = match_votes(table.read(self._on_bad_image), votes_in, votes_name)
            layout = f"{table.title} with {Path(votes_name).name}"
            rows.notes = [*notes, *rows.notes]
        else:
            rows = read_lists(self.files, self._lists)
            layout = "the folders of the authors' script"
        targets, on_top = make_targets(rows.votes, self._mode, self._share)
        kept = np.flatnonzero(rows.named & (targets.sum(1) > 0))
        self._votes, self._target = rows.votes[kept][:, : len(EXPRESSIONS)], targets[kept]
        self._places = {rows.source[row]: place for place, row in enumerate(kept.tolist())}
        listed = [
            Row(rows.source[row], int(label), rows.split[row])
            for row, label in zip(kept.tolist(), self._target.argmax(1).tolist(), strict=True)
        ]
        return Listing(
            f"{layout}, label mode {self._mode}",
            EXPRESSIONS,
            listed,
            Release(),
            self._describe(rows, on_top, len(kept)),
            None if rows.images is None else rows.images[kept],
            rows.bad,
        )

    def _describe(self, rows: VotedRows, on_top: npt.NDArray[np.bool_], kept: int) -> list[str]:
        notes = [
            *rows.notes,
            *([f"{rows.unnamed:,} rows have no image name and were left out."] if rows.unnamed else []),
            f"{int(rows.named.sum()) - kept:,} rows are unclear under label mode {self._mode} and were left out.",
        ]
        split = np.array(rows.split)
        found = {name: int((rows.named & on_top & (split == name)).sum()) for name in _ON_TOP}
        wrong = [
            f"{name} {found[name]:,} instead of {number:,}" for name, number in _ON_TOP.items() if found[name] != number
        ]
        other = int((rows.votes.sum(1) != _VOTERS).sum())
        said = [f"rows with an expression on top: {', '.join(wrong)}"] if wrong else []
        if other > _OTHER_VOTERS:
            said.append(f"{other:,} rows do not have {_VOTERS} votes instead of {_OTHER_VOTERS}")
        self.deviations = said
        if self._check == "off":
            return notes
        if said and self._check == "error":
            raise InputError(
                f"{self._root}: not the complete FER+: {'; '.join(said)}; give the complete release, or go on with "
                "--data.check warn|off"
            )
        return notes + [f"Not the release's: {sentence}." for sentence in said]


def _find(
    root: Path, labels: str | None
) -> tuple[tuple[CsvTable, FileSet, str, list[str]] | None, dict[str, str], FileSet]:
    """Return the csv of pixels with the place of its votes, or else the script's lists, and the files.

    Raises:
        InputError: neither lies there; the message says what is missing.
    """
    votes = find_votes(root, labels)
    files = open_files(root)
    lists = {} if labels else find_lists(files)
    if votes is None and lists:
        if root.is_file() and not zipfile.is_zipfile(root):
            raise InputError(
                f"{root}: is the list of one split; give --data.root {root.resolve().parent.parent}, the folder around "
                "those of the splits"
            )
        return None, lists, files
    try:
        layout, notes = recognise(root, known=_VOTES)
    except InputError as error:
        if votes is None:
            raise InputError(f"{error}; of FER+ are needed {_LAYOUTS}") from None
        if lists:
            return None, lists, files
        raise InputError(
            f"{error}; the votes lie there, the images of fer2013.csv are missing: put it beside"
        ) from None
    if not isinstance(layout, TableLayout) or not isinstance(layout.table, CsvTable):
        raise InputError(
            f"{root}: FER2013 lies there as {layout.title}, where the order of its rows, which fer2013new.csv follows, "
            "is lost; give fer2013.csv or icml_face_data.csv"
        )
    if votes is None:
        raise InputError(
            f"{root}: no fer2013new.csv lies there; put that of https://github.com/microsoft/FERPlus beside the "
            "images, or give --data.labels"
        )
    files_of_votes, name, more = votes
    return (layout.table, files_of_votes, name, notes + more), {}, SingleFile(layout.table.csv.path)
