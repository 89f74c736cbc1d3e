"""FER2013 in any of its layouts, checked against the counts of the official release."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from fer_image_files.class_names import ClassNames
from fer_image_files.decoding import OnBadImage, UnreadableError, read_images
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row, describe_bad
from fer_image_files.tables.face_rows import check_splits, code_labels
from PIL import Image

from fer_face_datasets.fer2013_copies import FaceCopy, recognise
from fer_face_datasets.fer2013_votes import VotesFile
from fer_face_datasets.official_files import Identity, identify_fer2013
from fer_plugins.contract import Release
from fer_plugins.data import published_counts
from fer_plugins.data.expressions import EXPRESSIONS, expression_of
from fer_plugins.runtime.errors import InputError

CLASSES = EXPRESSIONS[:7]  # in the order of the csv's codes; without contempt
SIDE = 48  # pixels per side
_READER_VERSION = 5  # raise with any change in what is read, so that cached images of older versions are rebuilt
_SPLITS = ("train", "val", "test")
_ALPHABETICAL = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # order of numbered folders, from 0
# Samples per split (Training, PublicTest, PrivateTest) and class, in the order of CLASSES.
OFFICIAL_COUNTS = np.array([list(counts.values()) for counts in published_counts.FER2013.values()], dtype=np.int64)
_REMEDY = (
    "other classes are read with --data folder: give it --data.codes with the names of the codes in the order 0, 1, 2, "
    "..., or --data.on_unknown_label keep where the labels are words"
)


def fer2013(
    *,
    root: str | os.PathLike[str] | None,
    names: str | list[str] | dict[str, str] | None = None,
    ignore: list[str] | None = None,
    check: Literal["error", "warn", "off"] = "error",
    on_bad_image: Literal["error", "skip"] = "error",
    codes: list[str] | None = None,
    votes: str | None = None,
) -> ListedDataset:
    """FER2013, the faces of the ICML 2013 challenge: 35,887 grey images of 48 x 48 pixels, seven classes, three splits.

    Goodfellow et al., "Challenges in representation learning: a report on three machine learning contests", 2013.
    Training is "train", PublicTest "val", PrivateTest "test". ``root`` is one of the following, as a file, or as a
    folder or zip that holds it at any depth. It is recognised by content, not by name, and is read in place:

    - a csv of pixels (``emotion,pixels,Usage``), plain, compressed, in a tar or a zip; variants are accepted: names
      instead of codes, decimals, semicolons, one column per pixel, no header, UTF-16;
    - images as ``train/<class>/Training_*`` and ``test/<class>/PublicTest_*|PrivateTest_*``, with any usual names of
      splits, and classes by name in any case or by the csv's codes. Without such file names the split is that of the
      folder; if there are only train and test folders, there is no "val";
    - one csv per split, without a column of splits;
    - arrays: npz, npy (images and labels) or HDF5; Parquet or Arrow, as exported by Hugging Face;
    - ``train.csv`` (``emotion,pixels``): all rows are "train". ``test.csv`` has no labels and is rejected.

    If there are several, the first in this order is read, with csv files of well-known names (``fer2013.csv``,
    ``icml_face_data.csv``, ``fer2013.tar.gz``, ``fer2013.zip``) before all others, and ``notes`` says so. The
    constructor looks only at names and first lines; everything is read at the first use.

    Args:
        root: file or folder with FER2013.
        names: meaning of class and split folders in another language or with numbers: a mapping from words to
            expressions (or to train, val, test), a list of names for 0, 1, 2, ..., or a JSON or YAML file with one of
            these.
        ignore: files and folders to leave out, relative to the root.
        check: what to do if the number of samples of any split and class, or the size of an image, differs from the
            official release: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable or truncated image, or a row with wrong pixels: error, or skip (left
            out and counted in the notes).
        codes: class names in the order of the copy's codes, if they are not 0 anger, 1 disgust, 2 fear, 3 happy, 4 sad,
            5 surprise, 6 neutral; many copies number the classes alphabetically.
        votes: path of FER+'s fer2013new.csv, with votes of ten annotators on the same images. Labels, training and
            selection remain those of FER2013 (``ferplus`` trains on votes); the scores of each split are also compared
            with the majority vote (``vote_majority`` in metrics.json). ``root`` must be a csv in the official order.

    Raises:
        InputError: on construction if the layout is unknown, or has lost the order that ``votes`` need; on first use if
            a sample is bad, a label or Usage is unknown, the counts differ, or votes and rows do not match.
    """
    meaning = _read_codes(codes)
    copy = recognise(root, ClassNames(names), ignore, read_file="" if votes is None else "fer2013new.csv")
    votes_file = VotesFile.find(votes, copy)
    dataset = ListedDataset(
        "fer2013",
        "FER2013",
        copy.files,
        partial(_list_samples, copy, meaning, check, on_bad_image, votes_file),
        options={"version": _READER_VERSION, "names": names, "codes": meaning, "choice": [copy.title, *copy.notes]},
        check=check,
        on_bad_image=on_bad_image,
        classes=CLASSES,
        digests=votes_file.digests,
    )
    dataset.identify = partial(_identify, dataset, copy, recoded=codes is not None)
    return dataset


FER2013 = fer2013  # spelling of the release


def _identify(dataset: ListedDataset, copy: FaceCopy, *, recoded: bool) -> Identity:
    images = [dataset[row] for row in range(len(dataset))]
    return identify_fer2013(copy.table, images, dataset.table["label"], dataset.table["split"], recoded=recoded)


def _list_samples(
    copy: FaceCopy, codes: tuple[str, ...], check: Check, on_bad_image: OnBadImage, votes: VotesFile
) -> Listing:
    if copy.table is None:
        listing, copy_splits = _read_images(copy, on_bad_image)
    else:
        listing, copy_splits = _read_table(copy, codes, on_bad_image, votes)
    assert listing.images is not None
    if not listing.rows:
        reason = listing.left_out[0].partition("the first: ")[2] if listing.left_out else "it is empty"
        raise InputError(
            f"{copy.files.path}: none of its {len(listing.bad_rows):,} samples can be read, the first: {reason}; give "
            "another copy as --data.root"
        )
    listing.notes[:0] = copy.notes
    wrong = [row for row, image in enumerate(listing.images) if image.shape != (SIDE, SIDE, 1)]
    if wrong:
        height, width, _ = listing.images[wrong[0]].shape
        first = f"{listing.rows[wrong[0]].name} is {width} x {height}"
        if check == "error":
            raise InputError(
                f"{copy.files.path}: {first} pixels, FER2013 has {SIDE} x {SIDE}; give the original, or --data.check "
                "warn|off"
            )
        listing.deviations.append(f"{len(wrong):,} images are not {SIDE} x {SIDE} pixels")
        if check == "warn":
            listing.notes.append(f"{listing.deviations[0]} as FER2013's are: the first, {first}.")
    counts = OFFICIAL_COUNTS.copy()
    if "val" not in copy_splits:  # it is part of test
        counts[2] += counts[1]
    official = {split: counts[at].tolist() for at, split in enumerate(_SPLITS) if split in copy_splits}
    listing.release = Release(
        {split: dict(zip(CLASSES, row, strict=True)) for split, row in official.items()},
        samples=sum(sum(row) for row in official.values()),
    )
    listing.explanation = _describe_order(listing)
    return listing


def _read_images(copy: FaceCopy, on_bad_image: OnBadImage) -> tuple[Listing, tuple[str, ...]]:
    """Decode images in class folders; return the listing, and the splits that the copy distinguishes."""
    listing = Listing(copy.title, CLASSES, [])
    images = []
    reasons = []
    unnamed = Counter(image.split for image in copy.images if not image.is_named)
    with closing(read_images(copy.files, [image.name for image in copy.images], grey=True)) as decoded:
        for file, image in zip(copy.images, decoded, strict=True):
            row = Row(file.name, CLASSES.index(file.expression), file.split)
            if not isinstance(image, UnreadableError):
                images.append(image)
                listing.rows.append(row)
            elif on_bad_image == "error":
                raise image
            else:
                listing.bad_rows.append(row)
                reasons.append(f"{image.where}: {image.reason}")
    listing.images = images
    listing.left_out = describe_bad(reasons)
    if unnamed["test"] and not any(image.split == "val" for image in copy.images):
        listing.notes.append(
            "File names without PublicTest_ and PrivateTest_: the two cannot be told apart, so the folder test is "
            "the test split and there is no official validation split."
        )
        return listing, ("train", "test")
    if unnamed:
        listing.notes.append(
            f"{unnamed.total():,} file names do not begin with Training_, PublicTest_ or PrivateTest_: "
            "their split is their folder's."
        )
    return listing, _SPLITS


def _read_table(
    copy: FaceCopy, codes: tuple[str, ...], on_bad_image: OnBadImage, votes: VotesFile
) -> tuple[Listing, tuple[str, ...]]:
    """Read all rows; return the listing, and the splits that the copy distinguishes. Without a split, all is train."""
    assert copy.table is not None
    rows = copy.table.read(on_bad_image)
    labels, bad = code_labels(rows, CLASSES, codes, remedy=_REMEDY)
    any_split = check_splits(rows)
    listing = Listing(copy.title, CLASSES, [], notes=rows.notes, images=rows.images, left_out=rows.describe_bad())
    listing.columns |= votes.columns(rows, labels)
    listing.rows = [Row(*row) for row in zip(rows.source, labels, (s or "train" for s in rows.split), strict=True)]
    listing.bad_rows = [
        Row(row.where, -1 if label is None else label, row.split or ("" if any_split else "train"))
        for row, label in zip(rows.bad, bad, strict=True)
    ]
    if copy.table.kind != "csv":
        listing.images = [_to_grey(image) for image in rows.images]
    if copy.table.has_splits:
        return listing, _SPLITS  # a missing split was lost
    splits = {row.split for row in (*listing.rows, *listing.bad_rows)} - {""}
    if splits == {"train"}:
        listing.notes.append(
            "No column Usage and no other split, as in the challenge's train.csv: all samples are training samples."
        )
    elif "val" not in splits and "test" in splits:
        listing.notes.append("The copy names no validation split: PublicTest and PrivateTest are test, or lost.")
    return listing, tuple(split for split in _SPLITS if split in splits)


def _to_grey(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return image if image.shape[2] == 1 else np.asarray(Image.fromarray(image).convert("L"))[:, :, np.newaxis]


def _describe_order(listing: Listing) -> str:
    """Return the order of classes with which the counts are the release's; "" if there is none."""
    official: Mapping[str, Mapping[str, int]] = listing.release.counts or {}
    counted = Counter((row.split, row.label) for row in (*listing.rows, *listing.bad_rows))
    columns = {tuple(row[name] for row in official.values()): name for name in CLASSES}
    order = [columns.get(tuple(counted[split, label] for split in official), "") for label in range(len(CLASSES))]
    if sorted(order) != sorted(CLASSES) or order == list(CLASSES):
        return ""
    alphabetical = ", the alphabetical order of folders angry to surprise" if order == list(_ALPHABETICAL) else ""
    return (
        f"; they are those of codes in the order {', '.join(order)}{alphabetical}: give --data.codes "
        f"'[{', '.join(order)}]'"
    )


def _read_codes(codes: list[str] | None) -> tuple[str, ...]:
    names = tuple(expression_of(str(name)) or "" for name in codes or ())
    if codes is not None and sorted(names) != sorted(CLASSES):
        raise InputError(
            f"fer2013: codes are {', '.join(map(str, codes))[:200]!r}; give --data.codes the seven classes in the "
            f"order of the copy's codes, such as '[{', '.join(_ALPHABETICAL)}]'"
        )
    return names
