"""Recognises what a copy is that the chosen dataset cannot read: another dataset, an archive, unlabelled images."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from fer_plugins.data.formats.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.file_kinds import image_ending
from fer_plugins.data.formats.folders.trees import as_flag, ask_meaning
from fer_plugins.data.formats.image_files import is_image
from fer_plugins.data.formats.labels import EXPRESSIONS, expression_of
from fer_plugins.data.formats.lists.image_lists import find_lists
from fer_plugins.runtime.errors import InputError


class _Look(NamedTuple):
    pattern: re.Pattern[str]  # of a name's end
    what: str
    dataset: str  # that reads it, "" for none
    remedy: str = ""


def _look(pattern: str, what: str, dataset: str, remedy: str = "") -> _Look:
    return _Look(re.compile(rf"(?:.*/)?{pattern}", re.IGNORECASE), what, dataset, remedy)


_IMAGE = r"\.(?:png|jpe?g|tiff?|bmp|pgm)"
_LOOKS = (
    _look(r"list_par?tition_label\.txt", "RAF-DB's list", "rafdb"),
    _look(r"(?:train|test)_\d{4,5}(?:_aligned)?" + _IMAGE, "RAF-DB", "rafdb"),
    _look(r"[A-Z]{2}\.(?:AN|DI|FE|HA|SA|SU|NE)\d+\.\d+" + _IMAGE, "JAFFE", "jaffe"),
    _look(r"S\d{3}_\d{3}_\d{8}" + _IMAGE, "CK+", "ckplus"),
    _look(r"S\d{3}_\d{3}_\d{8}_emotion\.txt", "CK+", "ckplus"),
    _look(r"ck(?:extended|\+|plus)?\.csv", "CK+ as a csv", "ckplus"),
    _look(r"annotations/\w+_exp\.npy", "AffectNet's annotations", "affectnet"),
    _look(r"(?:aia|bonnie|jules|malcolm|mery|ray)_\w+/[^/]+" + _IMAGE, "FERG-DB", "ferg"),
    _look(r"fer2013new\.csv", "FER+", "ferplus"),
    _look(r"FER2013(?:Train|Valid|Test)/.*", "FER+ as its own script writes it", "ferplus"),
    _look(r"(?:fer2013\.tar\.gz|(?:fer2013|icml_face_data)\.csv(?:\.\w+)?)", "FER-2013", "fer2013"),
    _look(r"(?:Training|PublicTest|PrivateTest)_\d+" + _IMAGE, "FER-2013 as images", "fer2013"),
    _look(r"labels/(?:.*/)?[^/]+\.txt", "YOLO's boxes", "folder"),
    _look(r"[^/]+\.coco\.json", "COCO's boxes", "", "export it as YOLO or as class folders"),
    _look(r"[^/]+\.xml", "Pascal VOC's boxes", "", "export it as YOLO or as class folders"),
    _look(
        r"[AB][FM]\d\d(?:AF|AN|DI|HA|NE|SA|SU)(?:S|HL|HR|FL|FR)\.jpe?g",
        "KDEF, whose file names hold the labels",
        "",
        "list image, label and person in a csv and give it as --data folder --data.csv",
    ),
    _look(
        r"[^/]+\.(?:zip|rar|7z|tar|tar\.\w+|tgz)",
        "a copy that is still packed",
        "",
        "unpack {first} and give its folder",
    ),
    _look(r"[^/]+\.(?:npy|npz|h5|hdf5|parquet|arrow|pt|pkl|mat|tfrecords?|record)", "arrays", ""),
)


_LOOKED_AT = 20  # files without an ending


def describe_look(files: RootFiles, owner: str) -> str:
    """Return a clause such as "it looks like JAFFE: give --data jaffe; ", or "" where it looks like nothing known."""
    return describe_release(files, owner) or _describe_images(files, owner)


def describe_release(files: RootFiles, owner: str) -> str:
    """Return the clause for what names alone show: a release, a packed copy, arrays, labels in names; else ""."""
    for look in _LOOKS:
        first = next(filter(look.pattern.fullmatch, files.names), None)
        if first is None or look.dataset == owner:
            continue
        remedy = look.remedy.format(first=make_printable(first)) or (
            f"give --data {look.dataset}" if look.dataset else ""
        )
        return f"it looks like {look.what}{f': {remedy}' if remedy else ''}; "
    images = [split_name(name)[-1].rpartition(".")[0] for name in files.names if is_image(name)]
    labelled = sum(any(map(expression_of, re.split(r"[\W_\d]+", stem))) for stem in images)
    if images and labelled >= 0.8 * len(images):
        return (
            f"it looks like {len(images):,} images whose file names say the label: list image and label in a csv, and "
            "give it as --data folder --data.csv; "
        )
    return ""


def _describe_images(files: RootFiles, owner: str) -> str:
    if without := _describe_without_ending(files):
        return without
    images = [split_name(name) for name in files.names if is_image(name)]
    if owner != "folder" and any(expression_of(part) for path in images[:20_000] for part in path[:-1]):
        return "it looks like images in class folders: give --data folder; "
    if lists := find_lists(files):
        return f"it looks like lists of images and labels: give --data folder --data.csv {as_flag(lists[:8])}; "
    if images:
        return (
            f"it looks like {len(images):,} images without labels: sort them into one folder a class, or list image "
            "and label in a csv; "
        )
    return ""


def _describe_without_ending(files: RootFiles) -> str:
    """Return the clause for images whose names have no ending, by the first bytes of some files."""
    with files.opened() as open_file:
        for name in [name for name in files.names if "." not in split_name(name)[-1]][:_LOOKED_AT]:
            try:
                with open_file(name) as stream:
                    ending = image_ending(stream.read(16))
            except READ_ERRORS:
                continue
            if ending:
                there = files.path.is_dir()
                folder = shlex.quote(make_printable(str(files.path))) if there else "FOLDER"
                unpack = "" if there else "unpack it into FOLDER and "
                return (
                    f"{make_printable(name)} is an image and its name has no ending: {unpack}add it to all with: "
                    f"find {folder} -type f ! -name '*.*' -exec mv {{}} {{}}.{ending} ';'; "
                )
    return ""


def refuse_labels(files: RootFiles, unknown: list[str], shown: str, *, every: bool) -> InputError:
    """Return the error for labels that are no known expression."""
    words = [label.removesuffix(".0") for label in sorted(unknown)[:12]]
    remedy = f"say what each means with {ask_meaning(words)} (or a file of that)"
    if all(word.isdecimal() for word in words) and sorted(map(int, words)) == list(range(len(words))):
        remedy = f"name the numbers 0 to {len(words) - 1} in order with --data.codes '[...]' (or --data.names)"
    look = describe_release(files, "folder") if every else ""
    drop = "" if every else "drop|"
    return InputError(
        f"{files.path}: labels that are no known expression: {shown} (known: {', '.join(EXPRESSIONS)}); "
        f"{look}{remedy}, or give --data.on_unknown_label {drop}keep"
    )
