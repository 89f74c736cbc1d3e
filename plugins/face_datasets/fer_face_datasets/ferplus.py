"""FER+: the images of FER2013 with votes of ten annotators."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.decoding import OnBadImage
from fer_image_files.file_kinds import open_path
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row
from fer_image_files.option_values import check_value
from fer_image_files.tables.face_tables import FaceTable

from fer_face_datasets.fer2013_copies import recognise
from fer_face_datasets.fer2013_folders import has_class_folders
from fer_face_datasets.ferplus_votes import (
    VotedRows,
    find_lists,
    find_votes,
    match_votes,
    open_files,
    read_lists,
)
from fer_face_datasets.official_files import find_checksum
from fer_face_datasets.vote_targets import LabelMode, make_targets
from fer_plugins.contract import Release
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.runtime.errors import InputError

_LAYOUTS = "fer2013.csv (or icml_face_data.csv) and fer2013new.csv, or FER2013Train, FER2013Valid and FER2013Test"
_VOTES = "fer2013new.csv"
_VOTERS = 10
_OTHER_VOTERS = 1  # rows of the release with nine votes
_ON_TOP = {"train": 28_389, "val": 3_553, "test": 3_546}  # rows whose column with most votes is an expression
_TARGET_MODES = {"probability": "draw", "cross_entropy": "distribution", "multi_target": "any"}


def ferplus(
    *,
    root: str | os.PathLike[str] | None,
    labels: str | None = None,
    label_mode: Literal["majority", "probability", "cross_entropy", "multi_target"] = "majority",
    majority_share: float = 0.0,
    check: Check = "warn",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """FER+: FER2013's images with new labels; ten people voted for eight expressions, "unknown" or "no face".

    Barsoum et al., "Training deep networks for facial expression recognition with crowd-sourced label distribution",
    2016. ``root`` is a folder or zip with FER2013 as a csv (only a csv keeps the order of the images) and
    ``fer2013new.csv`` (https://github.com/microsoft/FERPlus), which has a row for each of its rows; or the image
    folders ``FER2013Train``, ``FER2013Valid`` and ``FER2013Test`` with ``label.csv``, as written by the authors' own
    script. Rows without an image name are left out and counted. The table's column ``votes`` has the votes for the
    eight expressions.

    Args:
        root: folder or zip with both csv files, or with the folders written by the authors' script.
        labels: path of fer2013new.csv, if it is not inside root.
        label_mode: majority: the expression with most votes; rows without a unique one are left out. The other modes
            are the paper's, on votes without those of a single person: probability (in training a label is drawn from
            the votes each time), cross_entropy (the distribution of votes is the target), multi_target (any expression
            with at least 30 % of the votes counts as correct); rows that are unclear by the authors' rules are left
            out.
        majority_share: for label_mode majority: the top expression must have more than this fraction of the votes, in
            [0, 1); the authors' code requires more than 0.5 and, unlike 0, ignores single votes.
        check: what to do if the number of kept rows differs from the release's: error, warn (add a sentence to the
            notes) or off.
        on_bad_image: what to do with a row with wrong pixels: error, or skip (left out and counted in the notes).

    Raises:
        InputError: a file is missing, images have lost their order, rows do not match, or votes are not whole numbers.
    """
    check_value("ferplus", "label_mode", label_mode, LabelMode)
    if not 0 <= majority_share < 1:
        raise InputError(f"ferplus: majority_share is {majority_share}; give a share from 0 up to, not including, 1")
    if majority_share and label_mode != "majority":
        raise InputError(f"ferplus: majority_share belongs to label_mode majority, not {label_mode}; leave it out")
    expected = f"the folder or zip that holds {_LAYOUTS}"
    if root is None or not os.fspath(root):
        raise InputError(f"ferplus: no data given; give --data.root {expected}")
    path = open_path(root, expected)
    copy = _find(path, labels)
    plain = label_mode == "majority" and majority_share == 0
    return ListedDataset(
        "ferplus",
        "FER+",
        copy.files,
        partial(_list_rows, copy, path, label_mode, majority_share, check, on_bad_image),
        options={"labels": labels, "label_mode": label_mode, "majority_share": majority_share},
        check=check,
        on_bad_image=on_bad_image,
        classes=EXPRESSIONS,
        release=Release(samples=sum(_ON_TOP.values())) if plain else Release(),  # rows kept by majority
        target_mode=_TARGET_MODES.get(label_mode),
        digests=copy.digests,
    )


@dataclass(frozen=True)
class _Copy:
    """The files of a copy: the csv of pixels with the location of its votes, or else the script's lists."""

    files: RootFiles
    lists: dict[str, str] = field(default_factory=dict)
    table: FaceTable | None = None
    votes_in: RootFiles | None = None
    votes_name: str = ""
    notes: tuple[str, ...] = ()

    def digests(self) -> list[str]:
        """Return hashes of the csv of pixels and of the votes, or else of the script's lists and images."""
        if self.table is None or self.votes_in is None:
            return [self.files.digest(self.files.names)]
        return [self.table.digest(), self.votes_in.digest([self.votes_name])]

    def read(self, on_bad_image: OnBadImage) -> tuple[str, VotedRows]:
        """Read the votes and combine them with the images; also return a description of the layout."""
        if self.table is None or self.votes_in is None:
            return "the folders of the authors' script", read_lists(self.files, self.lists)
        rows = match_votes(self.table.read(on_bad_image), self.votes_in, self.votes_name)
        with self.votes_in.opened() as open_file, open_file(self.votes_name) as stream:
            official = find_checksum(stream)
        rows.notes = [
            *self.notes,
            *rows.notes,
            *([f"The votes are the official file: {official}."] if official else []),
        ]
        return f"{self.table.title} with {Path(self.votes_name).name}", rows


def _list_rows(
    copy: _Copy, root: Path, mode: LabelMode, share: float, check: Check, on_bad_image: OnBadImage
) -> Listing:
    layout, rows = copy.read(on_bad_image)
    targets, on_top = make_targets(rows.votes, mode, share)
    labelled = np.flatnonzero(rows.named & (targets.sum(1) > 0))
    listed = [
        Row(rows.source[row], label, rows.split[row])
        for row, label in zip(labelled.tolist(), targets[labelled].argmax(1).tolist(), strict=True)
    ]
    deviations = _compare(rows, on_top)
    if deviations and check == "error":
        raise InputError(
            f"{root}: not the complete FER+: {'; '.join(deviations)}; give the complete release, or continue with "
            "--data.check warn|off"
        )
    notes = [
        *rows.notes,
        *([f"{rows.unnamed:,} rows have no image name and were left out."] if rows.unnamed else []),
        f"{int(rows.named.sum()) - len(labelled):,} rows are unclear under label mode {mode} and were left out.",
        *([f"Not the release's: {sentence}." for sentence in deviations] if check == "warn" else []),
    ]
    columns = {"votes": rows.votes[labelled][:, : len(EXPRESSIONS)], "target": targets[labelled]}
    if mode == "majority":
        del columns["target"]
    return Listing(
        f"{layout}, label mode {mode}",
        EXPRESSIONS,
        listed,
        notes=notes,
        images=None if rows.images is None else rows.images[labelled],
        left_out=rows.bad,
        columns=columns,
        deviations=deviations,
    )


def _compare(rows: VotedRows, on_top: npt.NDArray[np.bool_]) -> list[str]:
    """Return the differences between the votes and the release's."""
    split = np.array(rows.split)
    counts = {name: int((rows.named & on_top & (split == name)).sum()) for name in _ON_TOP}
    wrong = [
        f"{name} {counts[name]:,} instead of {number:,}" for name, number in _ON_TOP.items() if counts[name] != number
    ]
    incomplete = int((rows.votes.sum(1) != _VOTERS).sum())
    deviations = [f"rows with an expression on top: {', '.join(wrong)}"] if wrong else []
    if incomplete > _OTHER_VOTERS:
        deviations.append(f"{incomplete:,} rows do not have {_VOTERS} votes instead of {_OTHER_VOTERS}")
    return deviations


def _find(root: Path, labels: str | None) -> _Copy:
    """Find the csv of pixels and its votes, or else the script's lists."""
    votes = find_votes(root, labels)
    files = open_files(root)
    lists = {} if labels else find_lists(files)
    if votes is None and lists:
        if root.is_file() and not zipfile.is_zipfile(root):
            raise InputError(
                f"{root}: is the list of one split; give --data.root {root.resolve().parent.parent}, the folder around "
                "those of the splits"
            )
        return _Copy(files, lists)
    try:
        copy = recognise(root, owner="ferplus", read_file=_VOTES)
    except InputError as error:
        if votes is None and has_class_folders(files, ClassNames()):
            raise InputError(
                f"{root}: holds class folders, which say labels and no votes; read them as --data folder, or give what "
                f"FER+ is: {_LAYOUTS}"
            ) from None
        if votes is None:
            raise InputError(f"{error}; of FER+ are needed {_LAYOUTS}") from None
        if lists:
            return _Copy(files, lists)
        raise InputError(
            f"{error}; the votes lie there, the images of fer2013.csv are missing: put it beside"
        ) from None
    if copy.table is None or copy.table.kind != "csv":
        raise InputError(
            f"{root}: FER2013 lies there as {copy.title}, where the order of its rows, which fer2013new.csv follows, "
            "is lost; give fer2013.csv or icml_face_data.csv"
        )
    if votes is None:
        raise InputError(
            f"{root}: no fer2013new.csv lies there; put that of https://github.com/microsoft/FERPlus beside the "
            "images, or give --data.labels"
        )
    files_of_votes, name, more = votes
    return _Copy(copy.files, {}, copy.table, files_of_votes, name, (*copy.notes, *more))
