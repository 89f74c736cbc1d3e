"""Match the file names of a copy against a layout, and describe a copy that the chosen dataset cannot read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from fer_image_files.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.decoding import is_image
from fer_image_files.file_kinds import image_ending
from fer_image_files.folders.trees import as_flag, ask_meaning, refuse_trees, sort_trees
from fer_image_files.lists.image_lists import find_lists
from fer_plugins.data.expressions import EXPRESSIONS, expression_of
from fer_plugins.runtime.errors import InputError

_IMAGE = r"\.(?:png|jpe?g|tiff?|bmp|pgm)"
# Known copies: a pattern for the end of a name, its description, the dataset that reads it ("": none), a remedy.
_LOOKS: tuple[tuple[str, str, str, str], ...] = (
    (r"list_par?tition_label\.txt", "RAF-DB's list", "rafdb", ""),
    (r"(?:train|test)_\d{4,5}(?:_aligned)?" + _IMAGE, "RAF-DB", "rafdb", ""),
    (r"[A-Z]{2}\.(?:AN|DI|FE|HA|SA|SU|NE)\d+\.\d+" + _IMAGE, "JAFFE", "jaffe", ""),
    (r"S\d{3}_\d{3}_\d{8}" + _IMAGE, "CK+", "ckplus", ""),
    (r"S\d{3}_\d{3}_\d{8}_emotion\.txt", "CK+", "ckplus", ""),
    (r"ck(?:extended|\+|plus)?\.csv", "CK+ as a csv", "ckplus", ""),
    (r"annotations/\w+_exp\.npy", "AffectNet's annotations", "affectnet", ""),
    (r"(?:aia|bonnie|jules|malcolm|mery|ray)_\w+/[^/]+" + _IMAGE, "FERG-DB", "ferg", ""),
    (r"fer2013new\.csv", "FER+", "ferplus", ""),
    (r"FER2013(?:Train|Valid|Test)/.*", "FER+ as its own script writes it", "ferplus", ""),
    (r"(?:fer2013\.tar\.gz|(?:fer2013|icml_face_data)\.csv(?:\.\w+)?)", "FER-2013", "fer2013", ""),
    (r"(?:Training|PublicTest|PrivateTest)_\d+" + _IMAGE, "FER-2013 as images", "fer2013", ""),
    (r"labels/(?:.*/)?[^/]+\.txt", "YOLO's boxes", "folder", ""),
    (r"[^/]+\.coco\.json", "COCO's boxes", "", "export it as YOLO or as class folders"),
    (r"[^/]+\.xml", "Pascal VOC's boxes", "", "export it as YOLO or as class folders"),
    (
        r"[AB][FM]\d\d(?:AF|AN|DI|HA|NE|SA|SU)(?:S|HL|HR|FL|FR)\.jpe?g",
        "KDEF, whose file names hold the labels",
        "",
        "list image, label and person in a csv and give it as --data folder --data.csv",
    ),
    (
        r"[^/]+\.(?:zip|rar|7z|tar|tar\.\w+|tgz)",
        "a copy that is still packed",
        "",
        "unpack {first} and give its folder",
    ),
    (r"[^/]+\.(?:npy|npz|h5|hdf5|parquet|arrow|pt|pkl|mat|tfrecords?|record)", "arrays", "", ""),
)


_LOOKED_AT = 20  # files without an extension


def describe_look(files: RootFiles, owner: str) -> str:
    """Return a clause such as "it looks like JAFFE: give --data jaffe; ", or "" if the copy is not recognised."""
    return describe_release(files, owner) or _describe_images(files, owner)


def describe_release(files: RootFiles, owner: str) -> str:
    """Return the clause for what names show: a release, a packed copy, arrays, labels in file names; else ""."""
    for pattern, description, dataset, remedy in _LOOKS:
        matches = re.compile(rf"(?:.*/)?{pattern}", re.IGNORECASE).fullmatch
        first = next(filter(matches, files.names), None)
        if first is not None and dataset != owner:
            remedy = remedy.format(first=make_printable(first)) or (f"give --data {dataset}" if dataset else "")
            return f"it looks like {description}{f': {remedy}' if remedy else ''}; "
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
    """Return the clause for images whose names have no extension, from the first bytes of some files."""
    with files.opened() as open_file:
        for name in [name for name in files.names if "." not in split_name(name)[-1]][:_LOOKED_AT]:
            try:
                with open_file(name) as stream:
                    ending = image_ending(stream.read(16))
            except READ_ERRORS:
                continue
            if ending:
                on_disk = files.path.is_dir()
                folder = shlex.quote(make_printable(str(files.path))) if on_disk else "FOLDER"
                unpack = "" if on_disk else "unpack it into FOLDER and "
                return (
                    f"{make_printable(name)} is an image and its name has no ending: {unpack}add it to all with: "
                    f"find {folder} -type f ! -name '*.*' -exec mv {{}} {{}}.{ending} ';'; "
                )
    return ""


def refuse_labels(files: RootFiles, unknown: list[str], shown: str, *, every: bool) -> InputError:
    """Return the error for labels that are not a known expression."""
    labels = [label.removesuffix(".0") for label in sorted(unknown)[:12]]
    remedy = f"say what each means with {ask_meaning(labels)} (or a file of that)"
    if all(word.isdecimal() for word in labels) and sorted(map(int, labels)) == list(range(len(labels))):
        remedy = f"name the numbers 0 to {len(labels) - 1} in order with --data.codes '[...]' (or --data.names)"
    look = describe_release(files, "folder") if every else ""
    drop = "" if every else "drop|"
    return InputError(
        f"{files.path}: labels that are not known expressions: {shown} (known: {', '.join(EXPRESSIONS)}); "
        f"{look}{remedy}, or give --data.on_unknown_label {drop}keep"
    )


def match_files(files: RootFiles, pattern: str, owner: str) -> list[tuple[str, dict[str, str]]]:
    r"""Match the ends of the file names; the folder above the match must be the same for all files.

    ``pattern`` matches the last parts of a name, separated by "/", ignoring case. A second copy of the same tree (such
    as in an archive that contains itself in a subfolder) is removed from ``files``, with a note. Raises InputError if
    two trees differ.

    Returns:
        Names, and the groups of ``pattern`` that matched.
    """
    compiled = re.compile(rf"(?P<above>(?:.*?/)??){pattern}", re.IGNORECASE)
    matches = []
    tops: dict[str, dict[str, str]] = {}
    for name in files.names:
        if matched := compiled.fullmatch(name):
            matches.append((name, matched.groupdict()))
            above = matched["above"]
            tops.setdefault(above.rstrip("/"), {})[name[len(above) :]] = name
    if len(tops) > 1:
        first, differing = sort_trees(files, tops)
        if differing:
            raise refuse_trees(files, first, differing[0], owner)
        tree_files = set(tops[first].values())
        matches = [(name, match) for name, match in matches if name in tree_files]
    return matches


def note_unread(files: RootFiles, read: Iterable[str], why: str) -> list[str]:
    """Return a sentence on the images that are not in ``read``, with the reason ``why``; [] if all were read."""
    samples = set(read)
    unread = [name for name in files.names if is_image(name) and name not in samples]
    if not unread:
        return []
    folders = sorted({"/".join(split_name(name)[:-1]) or "its top" for name in unread})
    shown = ", ".join(make_printable(folder) for folder in folders[:3]) + (", ..." if len(folders) > 3 else "")
    return [
        f"{len(unread):,} images were not read, since {why}: the first {make_printable(unread[0])}; they lie in "
        f"{shown}."
    ]


def refuse_layout(files: RootFiles, owner: str, layouts: str) -> InputError:
    """Return the error for a copy that has none of a dataset's layouts; it lists some of the files found."""
    shown = ", ".join(make_printable(name) for name in files.names[:3])
    return InputError(
        f"{files.path}: nothing of {owner} found in it (it holds {shown}{', ...' if len(files.names) > 3 else ''}); "
        f"{describe_look(files, owner)}looked for {layouts}"
    )


def refuse_no_splits(files: RootFiles, splits: str) -> InputError:
    """Return the error for class folders of a dataset whose release has ``splits``, if no folder names a split."""
    return InputError(
        f"{files.path}: holds class folders and none of {splits}; read it as --data folder with --protocol random"
    )
