"""RAF-DB, basic expressions: the official list with its images, or numbered class folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Literal

from fer_image_files.archives.file_set import make_printable
from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.copy_layout import match_files, note_unread, refuse_layout, refuse_no_splits
from fer_image_files.decoding import OnBadImage, is_image
from fer_image_files.folders.class_folders import ClassTree, find_tree
from fer_image_files.folders.trees import as_flag, ask_meaning
from fer_image_files.listed_dataset import Check, ListedDataset, Listing, Row
from fer_image_files.option_values import check_value
from fer_image_files.tables.csv_files import find_column, read_rows, read_text

from fer_plugins.contract import Release
from fer_plugins.data import published_counts
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

_LAYOUTS = "EmoLabel/list_patition_label.txt with Image/aligned, or DATASET/train/1..7 and DATASET/test/1..7"
_CLASSES = EXPRESSIONS[:7]
_CODES = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")  # codes 1 to 7 in the release
_RELEASE = Release(published_counts.RAFDB, 15_339)


def rafdb(
    *,
    root: str | os.PathLike[str] | None,
    images: Literal["aligned", "original"] = "aligned",
    names: str | list[str] | dict[str, str] | None = None,
    ignore: list[str] | None = None,
    check: Check = "error",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """RAF-DB: 15,339 photographs with one of seven basic expressions, by some forty annotators each; train and test.

    Li, Deng, Du, "Reliable crowdsourcing and deep locality-preserving learning for expression recognition in the wild",
    2017. ``root`` is a folder or zip with the official ``EmoLabel/list_patition_label.txt`` (its own spelling) and the
    images unpacked in ``Image/aligned`` (100 x 100) or ``Image/original``; or with the copy ``train/1..7/*.jpg``,
    ``test/1..7/*.jpg`` (any usual names of the splits, classes by number or name), with or without ``train_labels.csv``
    and ``test_labels.csv``, which are then compared with the folders. Codes: 1 surprise, 2 fear, 3 disgust, 4 happy, 5
    sad, 6 anger, 7 neutral. The release has no validation split (use --protocol official_val) and no subjects. In a
    copy with two splits the second is the test split, even if it is called valid; in a copy with three splits, each
    keeps its name.

    Args:
        root: folder, zip or tar with RAF-DB.
        names: meaning of codes and folders, if they are not the release's: a list of names for 0, 1, 2, ..., a mapping
            from words to expressions (or to train, val, test), or a JSON or YAML file with one of these.
        ignore: files and folders to leave out, relative to the root.
        images: images of the official layout to use: aligned, or original.
        check: what to do if counts differ from the release's: error, warn (add a sentence to the notes) or off.
        on_bad_image: what to do with an unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: unknown layout, a code outside 1..7, lists that contradict folders, other counts, or (at first use)
            a missing or bad image.
    """
    check_value("rafdb", "images", images, Literal["aligned", "original"])
    files = open_root("rafdb", root, _LAYOUTS, ignore=ignore)
    listing = _list_rows(files, images, ClassNames(names))
    options = {"images": images, "names": names}
    return ListedDataset("rafdb", "RAF-DB", files, listing, options=options, check=check, on_bad_image=on_bad_image)


def _list_rows(files: RootFiles, images: str, names: ClassNames) -> Listing:
    """Read the official list, or the folder names."""
    lists = match_files(files, r"(?:EmoLabel/)?list_par?tition_label\.txt", "rafdb")
    if lists:
        listing = _list_official(files, lists[0][0], images, names)
    else:
        tree = find_tree(files, names)
        if not any(names.expression(word) or word.isdecimal() for word in tree.words()):
            raise refuse_layout(files, "rafdb", _LAYOUTS)
        if not tree.splits:
            raise refuse_no_splits(files, "train and test")
        listing = _list_folders(files, tree, names)
    names.refuse_unused(str(files.path), [_CLASSES[row.label] for row in listing.rows])
    return listing


def _list_official(files: RootFiles, listed: str, which: str, names: ClassNames) -> Listing:
    where = files.where(listed)
    ending = "_aligned" if which == "aligned" else ""
    pattern = rf"Image/{which}/(?:{which}/)?(?P<stem>(?:train|test)_\d+){ending}\.(?:jpe?g|png)"
    images = {match["stem"].lower(): name for name, match in match_files(files, pattern, "rafdb")}
    if not images:
        packed = [name for name in files.names if re.search(rf"{which}\.(zip|rar|7z)$", name, re.I)]
        remedy = f"unpack {make_printable(packed[0])}" if packed else f"put the folder Image/{which} beside it"
        raise InputError(f"{where}: no image of Image/{which} lies beside it; {remedy}")
    rows: list[Row] = []
    missing = []
    lines: list[tuple[str, str, str]] = []  # stem, split, code
    for number, line in enumerate(read_text(files, listed).splitlines(), start=1):
        if not line.strip():
            continue
        matched = re.fullmatch(
            r"(?P<stem>(?P<split>train|test)_\d+)(?:_aligned)?\.\w+[\s,;]+(?P<code>\S+)", line.strip(), re.I
        )
        if matched is None:
            raise InputError(
                f"{where}: line {number} is {make_printable(line)[:60]!r}; it must be like 'train_00001.jpg 5'"
            )
        lines.append((matched["stem"].lower(), matched["split"].lower(), matched["code"]))
    labels = _read_codes({code for *_, code in lines}, where, names)
    for stem, split, code in lines:
        if stem in images:
            rows.append(Row(images[stem], labels[code], split))
        else:
            missing.append(stem)
    if missing:
        raise InputError(
            f"{where}: {len(missing):,} of its images are not in Image/{which}, the first {missing[0]}; "
            "unpack the images again"
        )
    other_kind = "original" if which == "aligned" else "aligned"
    other_images = [name for name in files.names if is_image(name) and f"Image/{other_kind}/" in name]
    notes = [f"Image/{other_kind} was not read; --data.images {other_kind} reads it."] if other_images else []
    notes += note_unread(files, [*other_images, *(row.name for row in rows)], "the list does not name them")
    return Listing(f"the official list with Image/{which}", _CLASSES, rows, _RELEASE, notes)


def _list_folders(files: RootFiles, tree: ClassTree, names: ClassNames) -> Listing:
    labels = _read_codes(tree.words(), str(files.path), names, in_folders=True)
    splits, release, notes = _place_splits(tree)
    rows: list[Row] = []
    codes: dict[tuple[str, str], int] = {}
    for image in tree.images:
        split = splits[image.split]
        rows.append(Row(image.name, labels[image.folder], split))
        codes[split, image.file.lower()] = labels[image.folder]
    notes += tree.notes
    for listed, match in match_files(files, r"(?P<split>train|test|val|valid)_labels\.csv", "rafdb"):
        header, lines = read_rows(files, listed)
        where = files.where(listed)
        image_at, code_at = find_column(header, "image", where), find_column(header, "label", where)
        split = splits.get(split_of(match["split"]) or "", "")
        listed_files = {(split, line[image_at].strip().lower()) for line in lines}
        labels = _read_codes({line[code_at].strip() for line in lines}, where, names)
        for number, line in enumerate(lines, start=1):
            in_folder = codes.get((split, line[image_at].strip().lower()))
            in_list = labels[line[code_at].strip()]
            if in_folder is not None and in_folder != in_list:
                raise InputError(
                    f"{where}: row {number} says {_CLASSES[in_list]} for {line[image_at]}, which lies in the folder "
                    f"of {_CLASSES[in_folder]}; fetch the copy again"
                )
        lost, more = len(listed_files - codes.keys()), len({key for key in codes if key[0] == split} - listed_files)
        notes.append(
            f"{make_printable(listed)} lists {lost:,} images that do not exist and lacks {more:,} that do."
            if lost or more
            else f"{make_printable(listed)} agrees with the folders."
        )
    return Listing("class folders", _CLASSES, rows, release, notes)


def _read_codes(labels: Iterable[str], where: str, names: ClassNames, *, in_folders: bool = False) -> dict[str, int]:
    """Return the class of each code (1 to 7) or class folder; InputError for others."""
    expressions = {word: names.expression(word) for word in labels}
    coded = [word for word in expressions if re.fullmatch("[1-7]", word) and names.given(word) is None]
    expressions |= {word: _CODES[int(word) - 1] for word in coded}
    wrong = sorted(word for word, expression in expressions.items() if expression not in _CLASSES)
    if "0" in wrong:
        raise InputError(
            f"{where}: the class '0' is none of RAF-DB's, which are 1 {_CODES[0]} to 7 {_CODES[-1]}; say what the "
            f"numbers from 0 on mean: --data.names '[{', '.join(_CODES)}]' where each is one less than the "
            "release's"
        )
    if wrong:
        shown = ", ".join(repr(make_printable(word)[:40]) for word in wrong[:8])
        away = f", or leave them out with --data.ignore {as_flag([f'*/{word}/*' for word in wrong[:8]])}"
        raise InputError(
            f"{where}: the classes {shown} are none of RAF-DB's, which are 1 to 7, or {', '.join(_CLASSES)}; say "
            f"what they mean with {ask_meaning(wrong)}{away if in_folders else ''}"
        )
    return {word: _CLASSES.index(expression) for word, expression in expressions.items() if expression}


def _place_splits(tree: ClassTree) -> tuple[dict[str, str], Release, list[str]]:
    """Return folder's split -> split, the release's counts that can be compared, and notes."""
    notes = []
    splits = {name: name for name in tree.splits}
    cut = any(image.split == "val" and _split_of(image.file) == "train" for image in tree.images)
    if splits.keys() == {"train", "val"} and not cut:
        splits["val"] = "test"
        notes.append("The second split of the copy, called validation, is the test split: the release has these two.")
    # The file names show from which split of the release an image is.
    strange = [image for image in tree.images if splits[image.split] != "test" and _split_of(image.file) == "test"]
    strange += [image for image in tree.images if splits[image.split] == "test" and _split_of(image.file) == "train"]
    if strange:
        notes.append(
            f"{len(strange):,} images lie in another split than the release's, as their names say, the first "
            f"{make_printable(strange[0].name)}: results are not comparable with those on RAF-DB's own test split."
        )
    if "val" in splits.values():
        notes.append("The validation split is the copy's own, taken from the release's training split.")
        counts = {"test": published_counts.RAFDB["test"]} if "test" in splits.values() else None
        return splits, Release(counts, 15_339), notes
    return splits, _RELEASE, notes


def _split_of(file: str) -> str:
    matched = re.match(r"(train|test)_\d", file, re.IGNORECASE)
    return matched[1].lower() if matched else ""
