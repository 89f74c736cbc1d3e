"""Find images in class folders by the meaning of the folder names, at any depth."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fer_image_files.archives.file_set import make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames, divide_folders
from fer_image_files.decoding import is_image
from fer_image_files.folders.trees import as_flag, refuse_splits, refuse_trees, sort_trees
from fer_plugins.runtime.errors import InputError

Path = tuple[str, ...]
# Such as S01, AF01, person_3, 007; names with numbers that usually do not mean people are not subjects.
_SUBJECT = re.compile(
    r"(?!(?:fold|part|batch|set|group|cv|split|v|ver|version|dataset|data|copy|archive|run|take|session)[\s_-]*\d)"
    r"(?:[a-z]{1,11}[\s_-]?\d{1,5}|\d{2,5})",
    re.IGNORECASE,
)


class ClassFile(NamedTuple):
    """One image, and what the folders above it say; "" for what they do not say."""

    name: str  # name in the file set
    split: str  # "train", "val", "test"
    folder: str  # the class folder, as written
    subject: str
    inner: Path  # folders between the class folder and the image
    file: str  # file name of the image


@dataclass
class ClassTree:
    """The images in class folders, and sentences on other files."""

    images: list[ClassFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # files in the class folders that are not images

    @property
    def splits(self) -> set[str]:
        """Splits named by folders."""
        return {image.split for image in self.images} - {""}

    def words(self) -> dict[str, int]:
        """Return the number of images in each class folder, by its name as written."""
        return dict(Counter(image.folder for image in self.images))


class _Meaning(NamedTuple):
    """Indices in a folder's path of its split and its class; -1 if there is none."""

    split: str
    first: int  # first and last of the folders that name the split
    last: int
    known: int  # the folder that names an expression


def find_tree(files: RootFiles, names: ClassNames) -> ClassTree:
    """Find the images in class folders, with or without split folders above or below them.

    The class folder is the one whose name means an expression; if none does (numbers, another language), it is the
    first below the split, or below the top, in which paths differ. A second copy of the same tree is left out, with a
    note. Raises InputError if folders are ambiguous: an unknown split, images outside the class folders, two trees that
    differ, two expressions above one image. The tree is empty if no image is in a folder.
    """
    held: dict[Path, list[str]] = defaultdict(list)
    images = {name: tuple(split_name(name)[:-1]) for name in files.names if is_image(name)}
    divided = divide_folders(images.values(), names)
    for name, folder in images.items():
        held[divided[folder]].append(name)
    meanings = _read_meanings(files, list(held), names)
    levels = _class_places(held, meanings)
    tree = ClassTree()
    if example := next((folder for folder, read in divided.items() if folder != read), None):
        tree.notes.append(f"Folders such as {make_printable('/'.join(example))} were read as split and class.")
    _judge_outside(files, held, meanings, levels, tree)
    tops: dict[Path, dict[str, str]] = defaultdict(dict)
    for folder, place in levels.items():
        top = folder[: min(place, meanings[folder].first) if meanings[folder].split else place]
        for name in held[folder]:
            tops[top]["/".join(split_name(name)[len(top) :])] = name
    any_split = any(meaning.split for meaning in meanings.values())
    subjects = len(tops) > 1 and not any_split and all(top and _SUBJECT.fullmatch(top[-1]) for top in tops)
    if len(tops) > 1 and not subjects:
        by_top = {"/".join(top): paths for top, paths in tops.items()}
        first, differing = sort_trees(files, by_top)
        if differing and not any_split:
            tops_named = sorted(filter(None, by_top))
            raise refuse_splits(
                files, tops_named, [first or tops_named[0], *(top for top in tops_named if top != first)][1:]
            )
        if differing:
            raise refuse_trees(files, first, differing[0], "class folders")
        chosen = set(by_top[first].values())
    else:
        chosen = {name for folder in levels for name in held[folder]}
    if subjects:
        people = sorted({top[-1] for top in tops})
        tree.notes.append(
            f"The folders above the classes are taken for {len(people):,} people ({', '.join(people[:3])}, ...)."
        )
    for folder in sorted(levels):
        place, meaning = levels[folder], meanings[folder]
        inner = tuple(part for at, part in enumerate(folder) if at > place and not meaning.first <= at <= meaning.last)
        subject = folder[place - 1] if subjects else ""
        for name in held[folder]:
            if name in chosen:
                tree.images.append(ClassFile(name, meaning.split, folder[place], subject, inner, split_name(name)[-1]))
    for split in sorted(tree.splits):
        called = sorted({folder[meanings[folder].last] for folder in levels if meanings[folder].split == split})
        if len({name.casefold() for name in called}) > 1:
            tree.notes.append(f"Several folders are the split {split}: {', '.join(called[:5])}.")
    tree.images.sort(key=lambda image: image.name)
    tree.others = [name for name in files.names if not is_image(name) and tuple(split_name(name)[:-1]) in levels]
    return tree


def _read_meanings(files: RootFiles, folders: Sequence[Path], names: ClassNames) -> dict[Path, _Meaning]:
    """Read each path; names shared by all paths (such as train.zip) are ignored if deeper names have a meaning."""
    shared = 0
    while folders and len({folder[: shared + 1] for folder in folders}) == 1 and len(folders[0]) > shared:
        shared += 1
    parts = {part for folder in folders for part in folder}
    split_of = {part: names.split(part) for part in parts}
    class_of = {part: names.expression(part) for part in parts if split_of[part] is None}

    def pick(folder: Path, meaning: Mapping[str, str | None], own: bool) -> list[int]:
        places = [at for at, part in enumerate(folder) if meaning.get(part)]
        return [at for at in places if at >= shared] if own else places

    own_split = any(pick(folder, split_of, True) for folder in folders)
    own_class = any(pick(folder, class_of, True) for folder in folders)
    meanings = {}
    for folder in folders:
        splits, classes = pick(folder, split_of, own_split), pick(folder, class_of, own_class)
        for places, meaning, kind in ((splits, split_of, "splits"), (classes, class_of, "expressions")):
            if len({meaning[folder[at]] for at in places}) > 1:
                first, *_, last = (folder[at] for at in places)
                raise InputError(
                    f"{files.where('/'.join(folder))}: the folders {first!r} and {last!r} name two {kind}; leave this "
                    f"folder out with --data.ignore {as_flag(['/'.join(folder)])}, or sort its images again"
                )
        meanings[folder] = _Meaning(
            (split_of[folder[splits[0]]] or "") if splits else "",
            splits[0] if splits else -1,
            splits[-1] if splits else -1,
            classes[-1] if classes else -1,
        )
    return meanings


def _class_places(held: Mapping[Path, list[str]], meanings: Mapping[Path, _Meaning]) -> dict[Path, int]:
    """Return the index of the class folder in the path of each folder whose images have one."""
    any_split = any(meaning.split for meaning in meanings.values())
    levels = Counter[tuple[bool, int]]()  # (below the split, levels below it or below the top) -> images
    for folder, meaning in meanings.items():
        if meaning.known >= 0 and bool(meaning.split) == any_split:
            below = bool(meaning.split) and meaning.known > meaning.last
            levels[below, meaning.known - (meaning.last + 1 if below else 0)] += len(held[folder])
    if levels:
        (below, level), _ = levels.most_common(1)[0]
    else:
        below = any_split
        rests = [folder[meanings[folder].last + 1 :] for folder in meanings if meanings[folder].split or not any_split]
        rests = [rest for rest in rests if rest]
        level = 0
        while rests and all(len(rest) > level + 1 for rest in rests) and len({rest[level] for rest in rests}) == 1:
            level += 1
    places = {}
    for folder, meaning in meanings.items():
        if meaning.known >= 0:
            if any_split and not meaning.split:
                continue
            places[folder] = meaning.known
        elif bool(meaning.split) == any_split:
            at = level + (meaning.last + 1 if below else 0)
            if at < len(folder) and not (meaning.split and meaning.first <= at <= meaning.last):
                places[folder] = at
    if levels and not any_split:  # ignore another top folder without any class
        tops = {folder[:at] for folder, at in places.items() if meanings[folder].known >= 0}
        places = {folder: at for folder, at in places.items() if folder[:at] in tops}
    return places


def _judge_outside(
    files: RootFiles,
    held: Mapping[Path, list[str]],
    meanings: Mapping[Path, _Meaning],
    levels: Mapping[Path, int],
    tree: ClassTree,
) -> None:
    """Raise an error for images that look like samples but are in no class folder; note all others."""
    if not levels:
        return
    outside = [folder for folder in held if folder not in levels]
    classes_read = {folder[at] for folder, at in levels.items()}
    above = {folder[:at] for folder, at in levels.items()}
    any_split = any(meaning.split for meaning in meanings.values())
    beside: Counter[Path] = Counter()
    unknown: set[str] = set()
    mixed: list[str] = []  # classes side by side with split folders
    for folder in outside:
        name = held[folder][0]
        classes = [at for at, part in enumerate(folder) if part in classes_read or at == meanings[folder].known]
        if any_split and not meanings[folder].split and classes:
            at = classes[0]
            if at == 0:
                mixed.append(folder[0])
                continue
            unknown.add("/".join(folder[:at]))
            continue
        if folder in above or meanings[folder].split:
            path = "/".join(folder)
            labelled = any(inner[: len(folder)] == folder for inner in levels)
            endings = sorted({inner.rpartition(".")[2] for inner in held[folder]})
            strays = [f"{path}/*.{ending}" for ending in endings] if labelled else [path]
            strays = [name] if len(held[folder]) == 1 and labelled else strays
            raise InputError(
                f"{files.where(name)}: lies in no class folder ({len(held[folder]):,} such images there); sort them "
                f"into <class>/*, or leave them out with --data.ignore {as_flag(strays)}"
            )
        beside[folder[:1]] += len(held[folder])
    if mixed:
        inner = next(held[folder][0] for folder in levels)
        outer = next(held[folder][0] for folder in outside if folder[:1] == (mixed[0],))
        raise InputError(
            f"{files.path}: {make_printable(inner)} and {make_printable(outer)} do not lie alike; sort all images as "
            "<class>/* or all as <split>/<class>/*, or leave some out with --data.ignore "
            f"{as_flag(sorted(set(mixed)))}"
        )
    if unknown:
        raise refuse_splits(files, sorted(unknown), sorted(unknown))
    for top, number in beside.items():
        where = f"in {make_printable(top[0])}" if top else "at the top"
        tree.notes.append(f"{number:,} images {where} were not read: they lie in no class folder, so have no label.")
