"""AffectNet: photographs found by web search, from its lists (csv) or from its folders of images and annotations."""

from __future__ import annotations

import io
import os
import re
from typing import Literal, get_args

import numpy as np

from fer_plugins.data.datasets.copy_layout import match_files, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.file_dataset import FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.formats.archives import READ_ERRORS, make_printable, split_name
from fer_plugins.data.formats.class_folders import find_tree
from fer_plugins.data.formats.class_names import ClassNames
from fer_plugins.data.formats.csv_files import read_rows
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.data.formats.labels import EXPRESSIONS
from fer_plugins.data.formats.split_names import split_of
from fer_plugins.data.formats.trees import as_flag, ask_meaning, shorten_folder
from fer_plugins.runtime.errors import InputError

_LAYOUTS = (
    "training.csv and validation.csv with their images, or train_set and val_set with images/*.jpg and "
    "annotations/*_exp.npy, or train/<class>/*.jpg"
)
_CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
_NO_EXPRESSION = ("none", "uncertain", "no face")  # codes 8 to 10
_TEST_NOTE = (
    "The release has no public test split: its validation split, which everybody reports on, is the test split here; "
    "take --protocol official_val, which selects on a part of the training images."
)


class AffectNet(FileDataset):
    """Several hundred thousand photographs with one of eight expressions, by one annotator each.

    Mollahosseini, Hasani, Mahoor, "AffectNet", 2017. ``root`` is a folder or zip that holds one of these:

    - ``training.csv`` and ``validation.csv`` (columns ``subDirectory_filePath`` and ``expression``) with the images
      that they name, anywhere below;
    - ``train_set/images/N.jpg`` with ``train_set/annotations/N_exp.npy``, likewise ``val_set``, under any usual names
      of the splits;
    - class folders, ``train/0..7/*`` by code or ``train/<class>/*`` by name.

    Codes: 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; none, uncertain and no face (8
    to 10) are left out and counted. The release's validation split is "test", and there is no "val": use --protocol
    official_val. Of a copy with a test split of its own, each part is what it is called. Labels are read at the first
    use, since the second layout has a file for each.

    Args:
        root: folder, zip or tar that holds AffectNet.
        names: what class folders mean, where they are neither named nor the release's codes: a mapping from words to
            expressions (or to train, val, test), a list of names for 0, 1, 2, ..., or a JSON or YAML file of one.
        ignore: files and folders, relative to the root, that are no part of it.
        expressions: 8, or 7 without contempt.
        on_bad_image: what an unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: neither layout, unknown codes, an image or annotation that is missing, or (at first use) a bad one.
    """

    title = "AffectNet"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        expressions: Literal[8, 7] = 8,
        names: str | list[str] | dict[str, str] | None = None,
        ignore: list[str] | None = None,
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if expressions not in get_args(Literal[8, 7]):
            raise InputError(f"affectnet: expressions is {expressions}; give --data.expressions 8 or 7")
        files = open_root("affectnet", root, _LAYOUTS, ignore=ignore)
        options = {"expressions": expressions, "names": names}
        super().__init__("affectnet", files, options=options, on_bad_image=on_bad_image)
        self._known = EXPRESSIONS[:expressions]
        self._names = ClassNames(names)
        self._missing: list[str] = []  # places of labels whose image is not there
        self._lists = match_files(
            files, r"(?:[^/]*/)?(?P<split>train(?:ing)?|val(?:id|idation)?|test(?:ing)?)\.csv", "affectnet"
        )
        self._annotated = match_files(
            files, r"(?P<split>[^/]+)/(?:(?P=split)/)?annotations/(?P<number>[^/]+)_exp\.npy", "affectnet"
        )
        for name, match in self._annotated:
            if self._names.split(match["split"]) is None:
                raise InputError(
                    f"{files.where(name)}: the folder {match['split']!r} names no split; say which it is, such as "
                    f"--data.names {as_flag({match['split']: 'val'})} (train, val or test), or "
                    f"leave it out with --data.ignore {as_flag([name.rpartition('/annotations/')[0]])}"
                )
        if self._lists and self._annotated:
            raise InputError(
                f"{files.path}: holds both {self._lists[0][0]} and annotations; leave one of the two layouts out, such "
                f"as --data.ignore {as_flag([name for name, _ in self._lists])}"
            )
        if not self._lists and not self._annotated:
            self._listed()  # names only

    @property
    def classes(self) -> tuple[str, ...]:
        """The seven or eight expressions; known without reading."""
        return self._known

    def list_rows(self) -> Listing:
        """Read the lists, or every annotation."""
        notes: list[str] = []
        if self._lists:
            layout, found = "lists (csv)", self._read_lists()
        elif self._annotated:
            layout, found = "images with annotations (npy)", self._read_annotations()
        else:
            layout, found = "class folders", self._read_folders(notes)
        self._names.refuse_unused(str(self.files.path), [layout])
        splits = {split for *_, split in found}
        three = splits == {"train", "val", "test"}
        rows, left_out = [], dict.fromkeys((*_NO_EXPRESSION, "contempt"), 0)
        for name, code, split in found:
            expression = (*_CODES, *_NO_EXPRESSION)[code]
            if expression in self._known:
                # There is no public test split: what everybody reports on is the validation split.
                place = "test" if split == "val" and not three else split
                rows.append(Row(name, self._known.index(expression), place))
            else:
                left_out[expression] += 1
        counted = [f"{number:,} {name}" for name, number in left_out.items() if number]
        if counted:
            notes.append(f"Left out, since they are no class here: {', '.join(counted)}.")
        bad = []
        if self._missing:
            bad.append(
                f"{len(self._missing):,} bad images were left out (--data.on_bad_image skip), the first: "
                f"{self._missing[0]}: there is no such file."
            )
        if layout != "class folders":
            notes += note_unread(self.files, [name for name, *_ in found], "no list or annotation names them")
        if "val" in splits and not three:
            notes.append(_TEST_NOTE)
        return Listing(layout, self._known, rows, notes=notes, left_out=bad)

    def _read_folders(self, notes: list[str]) -> list[tuple[str, int, str]]:
        tree = find_tree(self.files, self._names)
        words = tree.words()
        coded = {word: int(word) for word in words if re.fullmatch(r"\d\d?", word) and not self._names.given(word)}
        named = {word: self._names.expression(word) for word in words if word not in coded}
        if not tree.images or not (coded or any(named.values())):
            raise refuse_layout(self.files, "affectnet", _LAYOUTS)
        if not tree.splits:
            raise InputError(
                f"{self.files.path}: holds class folders and none of train and val; read it as --data folder with "
                "--protocol random"
            )
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
        return [(image.name, codes[image.folder], image.split) for image in tree.images]

    def _read_lists(self) -> list[tuple[str, int, str]]:
        images: dict[str, str] = {}
        twice: dict[str, str] = {}  # trees of images beside each other, such as aligned ones
        for image in filter(is_image, self.files.names):
            if (key := _last_two(image)) in images:
                twice[key] = image
            images.setdefault(key, image)
        found = []
        for listed, match in self._lists:
            where = self.files.where(listed)
            # Only these two: the landmarks beside them are hundreds of MB.
            _, lines = read_rows(self.files, listed, only=("subDirectory_filePath", "expression"))
            for number, (path, code) in enumerate(lines, start=1):
                key = _last_two(path.strip())
                name = images.get(key)
                if name is None:
                    self._missing.append(f"{where}: row {number}: {make_printable(path)[:80]}")
                    continue
                if key in twice:
                    raise InputError(
                        f"{where}: row {number} could mean {name} or {twice[key]}; leave one of the two out with "
                        f"--data.ignore {as_flag([shorten_folder(twice[key], name)])}"
                    )
                found.append((name, self._code(code, f"{where}: row {number}"), split_of(match["split"]) or ""))
        if self._missing and self._on_bad_image == "error":
            raise InputError(
                f"{self._missing[0]} is not among the images ({len(self._missing):,} are missing); put them beside the "
                "lists, or leave such rows out with --data.on_bad_image skip"
            )
        return found

    def _read_annotations(self) -> list[tuple[str, int, str]]:
        pattern = r"(?P<split>[^/]+)/(?:(?P=split)/)?images/(?P<number>[^/]+)\.(?:jpe?g|png|bmp)"
        images = {
            (match["split"], match["number"]): name for name, match in match_files(self.files, pattern, "affectnet")
        }
        found = []
        with self.files.opened() as open_file:
            for annotation, match in self._annotated:
                where = self.files.where(annotation)
                name = images.get((match["split"], match["number"]))
                if name is None:
                    if self._on_bad_image == "skip":
                        self._missing.append(f"{where}: images/{match['number']}.jpg")
                        continue
                    raise InputError(
                        f"{where}: its image images/{match['number']}.jpg is missing; unpack the images again, or "
                        "leave such rows out with --data.on_bad_image skip"
                    )
                try:
                    with open_file(annotation) as stream:
                        value = np.load(io.BytesIO(stream.read()), allow_pickle=False)
                except (*READ_ERRORS, ValueError) as error:
                    raise InputError(f"{where}: is no readable npy of one value; fetch it again") from error
                text = str(value.reshape(-1)[0]) if value.size == 1 else f"{value.size} values"
                found.append((name, self._code(text, where), self._names.split(match["split"]) or ""))
        return found

    def _code(self, text: str, where: str) -> int:
        matched = re.fullmatch(r"\s*(\d{1,2})(?:\.0*)?\s*", text)
        code = int(matched[1]) if matched else -1
        if not 0 <= code < len(_CODES) + len(_NO_EXPRESSION):
            raise InputError(f"{where}: the expression is {text[:40]!r}; AffectNet's codes are 0 to 10: fetch it again")
        return code


def _last_two(path: str) -> str:
    """Return folder and file of a path: what the lists and the unpacked images have in common."""
    return "/".join(split_name(path)[-2:])
