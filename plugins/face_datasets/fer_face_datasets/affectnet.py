"""AffectNet: photographs found by web search, read from lists (csv) or from folders of images and annotations."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fer_image_files.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.copy_layout import match_files, note_unread, refuse_layout, refuse_no_splits
from fer_image_files.decoding import OnBadImage, describe_bad, is_image
from fer_image_files.folders.class_folders import find_tree
from fer_image_files.folders.trees import as_flag, ask_meaning, shorten_folder
from fer_image_files.listed_dataset import ListedDataset, Listing, Row
from fer_image_files.option_values import check_value
from fer_image_files.tables.csv_files import read_rows

from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.numpy_files import read_arrays

_LAYOUTS = (
    "training.csv and validation.csv with their images, or train_set and val_set with images/*.jpg and "
    "annotations/*_exp.npy, or train/<class>/*.jpg"
)
_CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
_NO_EXPRESSION = ("none", "uncertain", "no face")  # codes 8 to 10
_TEST_NOTE = (
    "The release has no public test split: its validation split, which everybody reports on, is the test split here; "
    "take --protocol official_val, which selects on some of the training images."
)


def affectnet(
    *,
    root: str | os.PathLike[str] | None,
    expressions: Literal[8, 7] = 8,
    names: str | list[str] | dict[str, str] | None = None,
    ignore: list[str] | None = None,
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """AffectNet: several hundred thousand photographs with one of eight expressions, each labelled by one annotator.

    Mollahosseini, Hasani, Mahoor, "AffectNet", 2017. ``root`` is a folder or zip with one of these layouts:

    - ``training.csv`` and ``validation.csv`` (columns ``subDirectory_filePath`` and ``expression``) with their images,
      at any depth;
    - ``train_set/images/N.jpg`` with ``train_set/annotations/N_exp.npy``, and likewise ``val_set``; all usual names of
      splits are accepted;
    - class folders, ``train/0..7/*`` by code or ``train/<class>/*`` by name.

    Codes: 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; none, uncertain and no face (8
    to 10) are left out and counted. The release's validation split is "test", and there is no "val": use --protocol
    official_val. If a copy has its own test split, all splits keep their names. Labels are read at the first use, since
    the second layout has a file for each.

    Args:
        root: folder, zip or tar with AffectNet.
        names: meaning of class folders that have neither class names nor the release's codes: a mapping from words to
            expressions (or to train, val, test), a list of names for 0, 1, 2, ..., or a JSON or YAML file with one of
            these.
        ignore: files and folders to leave out, relative to the root.
        expressions: number of classes: 8, or 7 without contempt.
        on_bad_image: what to do with an unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: unknown layout, unknown codes, a missing image or annotation, or (at first use) a bad image.
    """
    check_value("affectnet", "expressions", expressions, Literal[8, 7])
    files = open_root("affectnet", root, _LAYOUTS, ignore=ignore)
    classes = EXPRESSIONS[:expressions]
    lists = match_files(files, r"(?:[^/]*/)?(?P<split>train(?:ing)?|val(?:id|idation)?|test(?:ing)?)\.csv", "affectnet")
    annotated = match_files(
        files, r"(?P<split>[^/]+)/(?:(?P=split)/)?annotations/(?P<number>[^/]+)_exp\.npy", "affectnet"
    )
    copy = _Copy(files, classes, ClassNames(names), on_bad_image == "skip", lists, annotated)
    return ListedDataset(
        "affectnet",
        "AffectNet",
        files,
        copy.list_rows if lists or annotated else copy.list_rows(),  # for folders, only names are read
        options={"expressions": expressions, "names": names},
        on_bad_image=on_bad_image,
        classes=classes,
    )


class _Label(NamedTuple):
    """The label of one image as read."""

    name: str  # of the image; "" if it does not exist
    code: int
    split: str
    where: str  # image and the list or annotation, for messages


@dataclass
class _Copy:
    """The files of a copy, sorted by name, and options for reading them."""

    files: RootFiles
    known: tuple[str, ...]  # class names
    names: ClassNames
    skip: bool  # whether to leave out rows without an image
    lists: list[tuple[str, dict[str, str]]]
    annotated: list[tuple[str, dict[str, str]]]

    def __post_init__(self) -> None:
        """Raise InputError for annotation folders that name no split, and for two layouts in one copy."""
        for name, match in self.annotated:
            if self.names.split(match["split"]) is None:
                raise InputError(
                    f"{self.files.where(name)}: the folder {match['split']!r} names no split; say which it is, such as "
                    f"--data.names {as_flag({match['split']: 'val'})} (train, val or test), or "
                    f"leave it out with --data.ignore {as_flag([name.rpartition('/annotations/')[0]])}"
                )
        if self.lists and self.annotated:
            raise InputError(
                f"{self.files.path}: holds both {self.lists[0][0]} and annotations; leave one of the two layouts out, "
                f"such as --data.ignore {as_flag([name for name, _ in self.lists])}"
            )

    def list_rows(self) -> Listing:
        """Read the lists, or all annotations."""
        notes: list[str] = []
        if self.lists:
            layout, labels = "lists (csv)", list(self._read_lists())
        elif self.annotated:
            layout, labels = "images with annotations (npy)", list(self._read_annotations())
        else:
            layout, labels = "class folders", self._read_folders(notes)
        self.names.refuse_unused(str(self.files.path), [layout])
        missing = [label.where for label in labels if not label.name]
        labels = [label for label in labels if label.name]
        if missing and not self.skip:
            raise InputError(
                f"{missing[0]} ({len(missing):,} are missing); put them beside the lists or unpack them again, or "
                "leave such rows out with --data.on_bad_image skip"
            )
        splits = {label.split for label in labels}
        three = splits == {"train", "val", "test"}
        rows, left_out = [], dict.fromkeys((*_NO_EXPRESSION, "contempt"), 0)
        for label in labels:
            expression = (*_CODES, *_NO_EXPRESSION)[label.code]
            if expression in self.known:
                # There is no public test split: the validation split, on which everybody reports, is used.
                place = "test" if label.split == "val" and not three else label.split
                rows.append(Row(label.name, self.known.index(expression), place))
            else:
                left_out[expression] += 1
        if counted := [f"{number:,} {name}" for name, number in left_out.items() if number]:
            notes.append(f"Left out, since they are not classes here: {', '.join(counted)}.")
        if layout != "class folders":
            notes += note_unread(self.files, [label.name for label in labels], "no list or annotation names them")
        if "val" in splits and not three:
            notes.append(_TEST_NOTE)
        return Listing(layout, self.known, rows, notes=notes, left_out=describe_bad(missing))

    def _read_folders(self, notes: list[str]) -> list[_Label]:
        tree = find_tree(self.files, self.names)
        folders = tree.words()
        coded = {word: int(word) for word in folders if re.fullmatch(r"\d\d?", word) and not self.names.given(word)}
        named = {word: self.names.expression(word) for word in folders if word not in coded}
        if not tree.images or not (coded or any(named.values())):
            raise refuse_layout(self.files, "affectnet", _LAYOUTS)
        if not tree.splits:
            raise refuse_no_splits(self.files, "train and val")
        wrong = sorted(word for word, expression in named.items() if expression is None)
        if coded and (0 not in coded.values() or max(coded.values()) > 10 or any(named.values())):
            wrong += sorted(coded)
        if wrong:
            raise InputError(
                f"{self.files.path}: the class folders {', '.join(map(repr, wrong[:12]))} are neither named nor all of "
                f"AffectNet's codes from 0 {_CODES[0]} to 7 {_CODES[7]}; say what they mean with "
                f"{ask_meaning(wrong)}"
            )
        notes += tree.notes
        if coded:
            notes.append(f"Numbered folders were read by AffectNet's own codes, 0 {_CODES[0]} to 7 {_CODES[7]}.")
        codes = {word: _CODES.index(expression) for word, expression in named.items() if expression} | coded
        return [_Label(image.name, codes[image.folder], image.split, "") for image in tree.images]

    def _read_lists(self) -> Iterator[_Label]:
        images: dict[str, str] = {}
        twice: dict[str, str] = {}  # several trees of images, such as aligned ones
        for image in filter(is_image, self.files.names):
            if (key := _last_two(image)) in images:
                twice[key] = image
            images.setdefault(key, image)
        for listed, match in self.lists:
            # Only these two columns: the landmarks next to them have hundreds of MB.
            _, lines = read_rows(self.files, listed, only=("subDirectory_filePath", "expression"))
            for number, (path, code) in enumerate(lines, start=1):
                where = f"{self.files.where(listed)}: row {number}"
                key = _last_two(path.strip())
                name = images.get(key, "")
                if key in twice:
                    raise InputError(
                        f"{where} could mean {name} or {twice[key]}; leave one of the two out with "
                        f"--data.ignore {as_flag([shorten_folder(twice[key], name)])}"
                    )
                missing = f"{where}: {make_printable(path)[:80]} is not among the images"
                yield _Label(name, _code(code, where), split_of(match["split"]) or "", missing)

    def _read_annotations(self) -> Iterator[_Label]:
        pattern = r"(?P<split>[^/]+)/(?:(?P=split)/)?images/(?P<number>[^/]+)\.(?:jpe?g|png|bmp)"
        images = {
            (match["split"], match["number"]): name for name, match in match_files(self.files, pattern, "affectnet")
        }
        with self.files.opened() as open_file:
            for annotation, match in self.annotated:
                where = self.files.where(annotation)
                try:
                    with open_file(annotation) as stream:
                        value = read_arrays(io.BytesIO(stream.read()))[""]
                except (*READ_ERRORS, ValueError, KeyError) as error:
                    raise InputError(f"{where}: is not a readable npy of one value; fetch it again") from error
                text = str(value.reshape(-1)[0]) if value.size == 1 else f"{value.size} values"
                name = images.get((match["split"], match["number"]), "")
                missing = f"{where}: its image images/{match['number']}.jpg is missing"
                yield _Label(name, _code(text, where), self.names.split(match["split"]) or "", missing)


def _code(text: str, where: str) -> int:
    matched = re.fullmatch(r"\s*(\d{1,2})(?:\.0*)?\s*", text)
    code = int(matched[1]) if matched else -1
    if not 0 <= code < len(_CODES) + len(_NO_EXPRESSION):
        raise InputError(f"{where}: the expression is {text[:40]!r}; AffectNet's codes are 0 to 10: fetch it again")
    return code


def _last_two(path: str) -> str:
    """Return the last folder and file name of a path, which lists and unpacked images have in common."""
    return "/".join(split_name(path)[-2:])
