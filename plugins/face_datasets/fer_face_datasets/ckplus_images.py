"""Images of CK+: the official tree with its labels, class folders, and class folders of whole sequences."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import NamedTuple

from fer_image_files.archives.file_set import Opener, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.folders.class_folders import ClassFile, ClassTree
from fer_image_files.folders.trees import as_flag, ask_meaning, refuse_doubles
from fer_image_files.listed_dataset import Listing, Row
from fer_image_files.tables.csv_files import read_text

from fer_plugins.contract import Release
from fer_plugins.data import published_counts
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.runtime.errors import InputError

SEQUENCES = published_counts.CKPLUS_SEQUENCES
_SEVEN = tuple(SEQUENCES)
FRAME = r"(?P<subject>S\d{3})_(?P<take>\d{3})_(?P<frame>\d{8})"
_EMOTION_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # of Emotion files
_NO_PEAK = "lack the image that was labelled, so that the last one there stands for it"
_NO_START = "do not begin with image 1, so that their first may be no neutral face"


class Frames(NamedTuple):
    """Which images of a sequence are used."""

    last: int  # number of images at its end
    neutral: bool  # whether its first image is used as neutral

    def choose(self, images: list[str], label: str) -> list[tuple[str, str]]:
        """Return (name, expression) of the images used; a neutral first image gets no second label."""
        first = images[:1] if self.neutral and len(images) > 1 else []
        peak = images[len(first) :][-self.last :]
        return [*((image, "neutral") for image in first), *((image, label) for image in peak)]

    def counts(self) -> dict[str, dict[str, int]] | None:
        """Return the release's counts; None if ``last`` is not 1, since short sequences may have fewer images."""
        if self.last != 1:
            return None
        return {"all": {**SEQUENCES, **({"neutral": 327} if self.neutral else {})}}

    def title(self) -> str:
        """Return a description of the selection."""
        return f"last {self.last} of each labelled sequence" + (", first as neutral" if self.neutral else "")


def is_series(tree: ClassTree) -> bool:
    """Return whether the class folders hold folders of sequences."""
    return any(image.inner for image in tree.images)


def list_folders(files: RootFiles, tree: ClassTree, names: ClassNames, frames: Frames) -> Listing:
    """List class folders of images, or of sequences of images from neutral to peak.

    Raises InputError for an unknown class, a duplicate image, or names without subject and sequence.
    """
    labels = {word: names.expression(word) for word in tree.words()}
    if labels and all(re.fullmatch(r"S\d{3}(?:[_-]\d{3})?", word, re.IGNORECASE) for word in labels):
        raise InputError(
            f"{files.path}: holds sequences and no class folders; give the folder above as --data.root, whose folders "
            "name the classes"
        )
    if unknown := sorted(word for word, expression in labels.items() if expression is None):
        folders = sorted({image.name.rpartition("/")[0] for image in tree.images if image.folder in unknown})
        raise InputError(
            f"{files.path}: the class folder {unknown[0]!r} is unknown (known: {', '.join(EXPRESSIONS)}); say what it "
            f"means with {ask_meaning(unknown)}, or leave it out with --data.ignore {as_flag(folders[:12])}"
        )
    refuse_twice(files, [image.name for image in tree.images])
    series = is_series(tree)
    held: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)  # split, class, subject, sequence
    for image in tree.images:
        held[(image.split, labels[image.folder] or "", *_person_of(files, image, series=series))].append(image.name)
    rows = []
    present = {expression for _, expression, *_ in held} | ({"neutral"} if series and frames.neutral else set())
    classes = tuple(name for name in EXPRESSIONS if name in present or name != "neutral")
    for (split, label, subject, sequence), sequence_images in held.items():
        ordered = sorted(sequence_images, key=_order_of)
        for name, expression in frames.choose(ordered, label) if series else [(name, label) for name in ordered]:
            rows.append(Row(name, classes.index(expression), split, subject, sequence))
    order = {name: place for place, name in enumerate(files.names)}
    rows.sort(key=lambda row: order[row.name])
    notes = list(tree.notes)
    if tree.splits:
        notes.append("The folders' splits are the copy's own: CK+ has no official split.")
    if series:
        notes.append(f"Of {len(tree.images):,} images in {len(held):,} sequences, {len(rows):,} are samples.")
        layout = f"class folders of sequences, {frames.title()}"
        return Listing(layout, classes, rows, Release(frames.counts(), subjects=118, sequences=327), notes)
    counts = {name: 3 * number for name, number in SEQUENCES.items()}
    release = Release({"all": counts}, 981, subjects=118, sequences=327)
    return Listing("class folders, subject and sequence from the file names", classes, rows, release, notes)


def _person_of(files: RootFiles, image: ClassFile, *, series: bool) -> tuple[str, str]:
    """Return subject and sequence of an image, from its own name or the folders above it."""
    matched = re.match(FRAME, image.file, re.IGNORECASE)
    if matched:
        return matched["subject"].upper(), f"{matched['subject'].upper()}_{matched['take']}"
    inner = "/".join(image.inner)
    matched = re.search(r"(S\d{3})[_/-](\d{3})", inner, re.IGNORECASE)
    if matched:
        return matched[1].upper(), f"{matched[1].upper()}_{matched[2]}"
    if series and inner:
        return "", f"{image.folder}/{inner}"
    raise InputError(
        f"{files.where(image.name)}: neither its name nor a folder says subject and sequence, as S005_001_00000011.png "
        f"does; leave it out with --data.ignore {as_flag([image.name])}, or read the copy as --data folder"
    )


def _order_of(name: str) -> tuple[int, str]:
    file = split_name(name)[-1]
    digits = re.findall(r"\d+", file.rpartition(".")[0])
    return int(digits[-1]) if digits else 0, file


def list_tree(
    files: RootFiles, emotions: list[tuple[str, dict[str, str]]], images: list[str], frames: Frames
) -> Listing:
    """List the official tree: the last images of each labelled sequence, and on request its first as neutral.

    ``emotions`` are the label files, with the groups ``sequence`` ("S005/001") and ``frame``, the labelled one;
    ``images`` are named S005/001/S005_001_00000001.png. Raises InputError if labels or images are missing or duplicate.
    """
    if not emotions:
        raise InputError(
            f"{files.path}: holds cohn-kanade-images but no Emotion/S###/###/*_emotion.txt; put the release's "
            "Emotion folder beside it"
        )
    refuse_twice(files, images)
    labelled: dict[str, str] = {}
    pairs = [
        (first, name)
        for name, match in emotions
        if (first := labelled.setdefault(match["sequence"].upper(), name)) != name
    ]
    if pairs:
        raise refuse_doubles(files, pairs, "the label of a sequence")
    held: dict[str, list[str]] = defaultdict(list)
    for name in images:
        held[sequence_of(name)].append(name)
    classes = EXPRESSIONS if frames.neutral else _SEVEN
    rows: list[Row] = []
    odd: dict[str, list[str]] = {_NO_PEAK: [], _NO_START: []}
    with files.opened() as opener:
        labels = [_read_emotion(files, name, opener) for name, _ in emotions]
    for (name, match), label in zip(emotions, labels, strict=True):
        key = match["sequence"].upper().replace("/", "_")
        if label not in classes:
            raise InputError(
                f"{files.where(name)}: the emotion is {label}, which the release never gives; fetch it again"
            )
        sequence_images = sorted(held.get(key, []), key=lambda name: split_name(name)[-1])
        if not sequence_images:
            raise InputError(f"{files.where(name)}: sequence {key} has no image in cohn-kanade-images; unpack it again")
        subject = key.partition("_")[0]
        if _frame_of(sequence_images[-1]) != int(match["frame"]):
            odd[_NO_PEAK].append(key)
        if frames.neutral and _frame_of(sequence_images[0]) != 1:
            odd[_NO_START].append(key)
        chosen = frames.choose(sequence_images, label)
        rows += [Row(image_name, classes.index(expression), "", subject, key) for image_name, expression in chosen]
    layout = f"the official tree, {frames.title()}"
    notes = [f"{len(keys):,} sequences {fault}, the first {keys[0]}." for fault, keys in odd.items() if keys]
    return Listing(layout, classes, rows, Release(frames.counts(), subjects=118, sequences=327), notes)


def sequence_of(name: str) -> str:
    """Return "S005_001" for ".../S005/001/S005_001_00000001.png", else ""."""
    parts = split_name(name)
    if len(parts) < 3:
        return ""
    subject, take, file = (part.upper() for part in parts[-3:])
    return f"{subject}_{take}" if file.startswith(f"{subject}_{take}_") else ""


def _frame_of(name: str) -> int:
    """Return 11 for ".../S005_001_00000011.png"."""
    digits = re.match(r"\d+", split_name(name)[-1].rpartition("_")[2])
    return int(digits[0]) if digits else 0


def refuse_twice(files: RootFiles, names: list[str]) -> None:
    """Raise InputError for two files with the same name: two copies of the images, or one image with two labels."""
    first_names: dict[str, str] = {}
    pairs = []
    for name in names:
        stem = split_name(name)[-1].rpartition(".")[0].upper()
        if not stem.startswith("S"):  # a name such as 1.png is unique only in its sequence
            continue
        if stem in first_names:
            pairs.append((first_names[stem], name))
        first_names.setdefault(stem, name)
    if pairs:
        raise refuse_doubles(files, pairs, split_name(pairs[0][0])[-1].rpartition(".")[0])


def _read_emotion(files: RootFiles, name: str, opener: Opener) -> str:
    text = read_text(files, name, opener).strip()  # such as 3.0000000e+00
    codes = {float(code): label for code, label in enumerate(_EMOTION_CODES)}
    try:
        return codes[float(text)]
    except (ValueError, KeyError):
        raise InputError(
            f"{files.where(name)}: holds {text[:40]!r}, a code from 0 to 7 is needed; fetch it again"
        ) from None
