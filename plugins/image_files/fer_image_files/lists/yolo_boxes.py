"""Images with YOLO boxes: ``images/train/1.jpg`` with ``labels/train/1.txt``, and class names in a yaml."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

import yaml

from fer_image_files.archives.file_set import make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.decoding import is_image
from fer_image_files.folders.trees import as_flag
from fer_image_files.lists.image_lists import ListedImage
from fer_image_files.tables.csv_files import read_text
from fer_plugins.config.yaml_files import load_yaml
from fer_plugins.runtime.errors import InputError

_BOX = re.compile(r"\d+(?:\.0+)?(?:\s+-?[\d.]+(?:e-?\d+)?){4,}", re.IGNORECASE)


class _Read(NamedTuple):
    images: list[ListedImage]
    notes: list[str]


def pair_boxes(files: RootFiles) -> dict[str, str]:
    """Return image -> file of its boxes, for images with such a file; {} for another layout."""
    names = set(files.names)
    pairs = {}
    for name in filter(is_image, files.names):
        folders = name.split("/")
        places = [at for at, part in enumerate(folders[:-1]) if part.lower() == "images"]
        stem = name.rpartition(".")[0]
        tries = [f"{stem}.txt"]
        if places:
            for word in ("labels", "Labels"):
                tries.append("/".join([*folders[: places[-1]], word, *stem.split("/")[places[-1] + 1 :]]) + ".txt")
        if box := next((candidate for candidate in tries if candidate in names), None):
            pairs[name] = box
    if not pairs:
        return {}
    shown = [read_text(files, box).split("\n")[0].strip() for box in list(pairs.values())[:20]]
    return pairs if any(_BOX.fullmatch(line) for line in shown) else {}


def read_boxes(files: RootFiles, pairs: dict[str, str], names: ClassNames) -> _Read:
    """Read the class of each image from its boxes; return the images with one label, and notes.

    An image without a box, or with boxes of several classes, has no single label: it is left out and counted in a note.
    Raises InputError if a line is not a box, or a folder of images names no split if others do.
    """
    class_names = _class_words(files)
    images, left_out = [], Counter[str]()
    first: dict[str, str] = {}
    splits = {name: next((s for part in split_name(name)[:-1] if (s := names.split(part))), "") for name in pairs}
    lost = next((name for name, split in splits.items() if not split), None)
    if any(splits.values()) and lost:
        word = next((part for part in split_name(lost)[-2::-1] if part.lower() != "images"), lost)
        raise InputError(
            f"{files.where(lost)}: lies in no folder that names a split, as others do; say which it is, such as "
            f"--data.names {as_flag({word: 'val'})}, or leave it out with --data.ignore {as_flag([lost])}"
        )
    with files.opened() as opener:
        for name, box in pairs.items():
            codes = set()
            for number, line in enumerate(read_text(files, box, opener).splitlines(), start=1):
                if line.strip() and not _BOX.fullmatch(line.strip()):
                    raise InputError(
                        f"{files.where(box)}: line {number} is {make_printable(line)[:40]!r}; a box is written as "
                        "class, x, y, width and height: mend it"
                    )
                if line.strip():
                    codes.add(str(int(float(line.split()[0]))))
            if len(codes) != 1:
                why = "boxes of several classes" if codes else "no box"
                left_out[why] += 1
                first.setdefault(why, name)
                continue
            code = codes.pop()
            images.append(ListedImage(name, class_names.get(code, code), {"split": splits[name]}))
    notes = ["The images are whole; --data.face_crop cuts the face out of them."]
    for why, number in left_out.items():
        notes.append(f"{number:,} images have {why} and were left out, the first {make_printable(first[why])}.")
    return _Read(images, notes)


def _class_words(files: RootFiles) -> dict[str, str]:
    """Return code -> name from the yaml (or classes.txt), {} if there is none."""
    for name in sorted(files.names, key=lambda name: name.count("/")):
        file = split_name(name)[-1].lower()
        if file.endswith((".yaml", ".yml")):
            try:
                content: Any = load_yaml(read_text(files, name))
            except yaml.YAMLError:
                continue
            class_names = content.get("names") if isinstance(content, dict) else None
            if isinstance(class_names, list):
                class_names = dict(enumerate(class_names))
            if isinstance(class_names, dict) and class_names:
                return {str(code): str(word) for code, word in class_names.items()}
        if file in ("classes.txt", "obj.names", "labels.names"):
            return {
                str(code): word.strip() for code, word in enumerate(read_text(files, name).split("\n")) if word.strip()
            }
    return {}
