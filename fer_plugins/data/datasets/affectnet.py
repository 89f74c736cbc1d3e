"""AffectNet: photographs found by web search, from its lists (csv) or from its folders of images and annotations."""

from __future__ import annotations

import io
import os
import re
from typing import Literal, get_args

import numpy as np

from fer_plugins.data.datasets.archives import READ_ERRORS, make_printable, split_name
from fer_plugins.data.datasets.copy_layout import is_image, match_files, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.csv_files import read_rows
from fer_plugins.data.datasets.file_dataset import FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.labels import EXPRESSIONS
from fer_plugins.errors import InputError

_LAYOUTS = (
    "training.csv and validation.csv with their images, or train_set and val_set with images/*.jpg and "
    "annotations/*_exp.npy"
)
_CODES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
_NO_EXPRESSION = ("none", "uncertain", "no face")  # codes 8 to 10
# There is no public test part: the validation part is what everybody reports on, so it is the test part here.
_SPLITS = {"train": "train", "training": "train", "val": "test", "validation": "test"}
_TEST_NOTE = (
    "The release has no public test part: its validation part, which everybody reports on, is the test part here; take "
    "--protocol official_val, which selects on a part of the training images."
)


class AffectNet(FileDataset):
    """Several hundred thousand photographs with one of eight expressions, by one annotator each.

    Mollahosseini, Hasani, Mahoor, "AffectNet", 2017. ``root`` is a folder or zip that holds one of these:

    - ``training.csv`` and ``validation.csv`` (columns ``subDirectory_filePath`` and ``expression``) with the images
      that they name, anywhere below;
    - ``train_set/images/N.jpg`` with ``train_set/annotations/N_exp.npy``, likewise ``val_set``.

    Codes: 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt; none, uncertain and no face (8
    to 10) are left out and counted. The release's validation part is "test", and there is no "val": use --protocol
    official_val. Labels are read at the first use, since the second layout has a file for each.

    Args:
        root: folder or zip that holds AffectNet.
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
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if expressions not in get_args(Literal[8, 7]):
            raise InputError(f"affectnet: expressions is {expressions}; give --data.expressions 8 or 7")
        files = open_root("affectnet", root, _LAYOUTS)
        super().__init__("affectnet", files, options={"expressions": expressions}, on_bad_image=on_bad_image)
        self._known = EXPRESSIONS[:expressions]
        self._missing: list[str] = []  # places of labels whose image is not there
        self._lists = match_files(files, r"(?:[^/]*/)?(?P<split>training|validation)\.csv", "affectnet")
        self._annotated = match_files(
            files, r"(?P<split>train|val)(?:_set)?/annotations/(?P<number>\w+)_exp\.npy", "affectnet"
        )
        if not self._lists and not self._annotated:
            raise refuse_layout(files, "affectnet", _LAYOUTS)
        if self._lists and self._annotated:
            raise InputError(
                f"{files.path}: holds both {self._lists[0][0]} and annotations; give one of the two layouts"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The seven or eight expressions; known without reading."""
        return self._known

    def list_rows(self) -> Listing:
        """Read the lists, or every annotation."""
        found = self._read_lists() if self._lists else self._read_annotations()
        rows, left_out = [], dict.fromkeys((*_NO_EXPRESSION, "contempt"), 0)
        for name, code, split in found:
            expression = (*_CODES, *_NO_EXPRESSION)[code]
            if expression in self._known:
                rows.append(Row(name, self._known.index(expression), split))
            else:
                left_out[expression] += 1
        counted = [f"{number:,} {name}" for name, number in left_out.items() if number]
        notes = [f"Left out, since they are no class here: {', '.join(counted)}."] if counted else []
        bad = []
        if self._missing:
            bad.append(
                f"{len(self._missing):,} bad images were left out (--data.on_bad_image skip), the first: "
                f"{self._missing[0]}: there is no such file."
            )
        notes += note_unread(self.files, [name for name, *_ in found])
        layout = "lists (csv)" if self._lists else "images with annotations (npy)"
        return Listing(layout, self._known, rows, notes=[*notes, _TEST_NOTE], left_out=bad)

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
                    raise InputError(f"{where}: row {number} could mean {name} or {twice[key]}; keep one of the two")
                found.append((name, self._code(code, f"{where}: row {number}"), _SPLITS[match["split"].lower()]))
        if self._missing and self._on_bad_image == "error":
            raise InputError(
                f"{self._missing[0]} is not among the images ({len(self._missing):,} are missing); put them beside the "
                "lists, or leave such rows out with --data.on_bad_image skip"
            )
        return found

    def _read_annotations(self) -> list[tuple[str, int, str]]:
        pattern = r"(?P<split>train|val)(?:_set)?/images/(?P<number>\w+)\.(?:jpe?g|png|bmp)"
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
                found.append((name, self._code(text, where), _SPLITS[match["split"].lower()]))
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
