"""FER2013 as images in class folders, with class names or FER2013's own codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fer_image_files.archives.file_set import make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames, divide_folders
from fer_image_files.decoding import is_image
from fer_image_files.folders.class_folders import ClassTree, find_tree
from fer_image_files.folders.trees import as_flag, ask_meaning

from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

_CLASSES = EXPRESSIONS[:7]  # in the order of FER2013's codes 0 to 6; without contempt
# Prefixes of image files unpacked from the csv.
_PREFIXES = {"training": "train", "publictest": "val", "privatetest": "test"}


class FolderImage(NamedTuple):
    """One image in a class folder."""

    name: str  # name in the file set
    split: str
    expression: str
    is_named: bool  # whether its own file name contains the split


def has_class_folders(files: RootFiles, names: ClassNames) -> bool:
    """Return whether there are images in a folder that names a class, or in one below a split."""
    paths = {tuple(split_name(name)[:-1]) for name in files.names if is_image(name)}
    folders = set(divide_folders(paths, names).values())
    classes = {part for folder in folders for part in folder if names.expression(part)}
    splits = {part for folder in folders for part in folder if names.split(part)}
    return any(
        classes.intersection(folder) or (splits.intersection(folder[:-1]) and folder[-1] not in splits)
        for folder in folders
    )


def find_class_folders(files: RootFiles, names: ClassNames) -> tuple[list[FolderImage], list[str]]:
    """Find images in class folders, by name (in any order) or by FER2013's own codes 0 to 6; also return notes.

    The split is that of the file name if it begins with Training_, PublicTest_ or PrivateTest_, else that of the
    folder. Raises InputError for a class that FER2013 does not have, or images without a split.
    """
    tree = find_tree(files, names)
    folders = tree.words()
    coded = bool(folders) and all(word.isdecimal() and names.given(word) is None for word in folders)
    coded = coded and {int(word) for word in folders} <= set(range(len(_CLASSES)))
    meanings = {word: _CLASSES[int(word)] if coded else names.expression(word) for word in folders}
    if unknown := [word for word, expression in meanings.items() if expression not in _CLASSES]:
        raise _refuse_words(files, unknown, tree, meanings)
    images = []
    for image in tree.images:
        prefix, underscore, _ = image.file.partition("_")
        named = _PREFIXES.get(prefix.lower())
        split = named or (split_of(prefix) if underscore else None) or image.split
        if not split:
            raise InputError(
                f"{files.path}: holds class folders and neither folders nor file names of train and test; read it as "
                "--data folder with --protocol random"
            )
        images.append(FolderImage(image.name, split, meanings[image.folder] or "", named is not None))
    names.refuse_unused(str(files.path), folders)
    notes = list(tree.notes)
    if coded:
        shown = ", ".join(f"{word} {expression}" for word, expression in sorted(meanings.items()))
        notes.append(f"Numbered folders were read by FER2013's own codes: {shown}.")
    if tree.others:
        notes.append(f"{len(tree.others):,} files in the class folders are not images, the first {tree.others[0]}.")
    return images, notes


def _refuse_words(
    files: RootFiles, unknown: list[str], tree: ClassTree, meanings: Mapping[str, str | None]
) -> InputError:
    """Return the error for class folders that mean none of the seven classes, with a remedy."""
    folders = sorted({image.name.rpartition("/")[0] for image in tree.images if image.folder in unknown})
    shown = ", ".join(repr(make_printable(word)[:40]) for word in unknown[:12])
    lacking = sorted({expression for word in unknown if (expression := meanings[word])})
    remedies = [
        f"read the copy as --data folder, since FER2013 has no {', '.join(lacking)}"
        if lacking
        else f"say what they mean with {ask_meaning(unknown)} (or a file of that)"
    ]
    if len(folders) <= 12:
        remedies.append(f"leave them out with --data.ignore {as_flag(folders)}")
    first = next(image.name for image in tree.images if image.folder in unknown)
    return InputError(
        f"{files.path}: class folders that are unknown: {shown}, the first image {make_printable(first)} (known: "
        f"{', '.join(_CLASSES)}); {', or '.join(remedies)}"
    )
