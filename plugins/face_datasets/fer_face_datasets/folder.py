"""The user's own images: sorted into class folders, listed in csv or text files, or with YOLO boxes."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from fer_image_files.archives.file_set import make_printable, split_name
from fer_image_files.archives.opening import open_root
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.class_names import ClassNames
from fer_image_files.copy_layout import describe_release, note_unread, refuse_labels, refuse_layout
from fer_image_files.decoding import OnBadImage, is_image
from fer_image_files.folders.class_folders import find_tree
from fer_image_files.listed_dataset import ListedDataset, Listing, Row
from fer_image_files.lists.image_lists import (
    Columns,
    ListedImage,
    choose_lists,
    find_lists,
    name_splits,
    read_list,
)
from fer_image_files.lists.list_lines import LIST_SUFFIXES
from fer_image_files.lists.yolo_boxes import pair_boxes, read_boxes
from fer_image_files.option_values import check_value

from fer_face_datasets.folder_tables import find_face_table, list_table
from fer_plugins.data.expressions import EXPRESSIONS
from fer_plugins.runtime.errors import InputError

_LAYOUTS = (
    "<class>/*.png, <split>/<class>/*.png, lists of images and labels (csv or text), or images/ and labels/ of YOLO"
)
_CK_NAME = re.compile(r"S\d{3}_\d{3}_\d{8}\.", re.IGNORECASE)


def folder(
    *,
    root: str | os.PathLike[str] | None,
    csv: str | list[str] | dict[str, str] | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    subject_column: str | None = None,
    sequence_column: str | None = None,
    names: str | list[str] | dict[str, str] | None = None,
    codes: list[str] | None = None,
    ignore: list[str] | None = None,
    on_unknown_label: Literal["error", "drop", "keep"] = "error",
    on_bad_image: OnBadImage = "error",
) -> ListedDataset:
    """Any labelled images, in class folders, in lists, or with YOLO boxes, as a folder, a zip or a tar.

    - ``<class>/*``, ``<split>/<class>/*`` or ``<class>/<split>/*``, with any number of folders around or between;
    - a list (csv, tsv, text lines ``path label``, JSON lines), or one per split, such as ``train.txt`` and ``test.txt``
      or ``train/metadata.csv``;
    - ``images/train/1.jpg`` with ``labels/train/1.txt`` and a ``data.yaml``: the label of an image is the class of its
      boxes.

    Without image files: a csv of pixels, arrays (npz, npy, HDF5), Parquet or Arrow.

    Labels are read by name, ignoring case: "Happiness", "happy" and "joy" are one class, and the notes list what was
    read as what. Splits are train, val or test, by any of their usual names.

    Args:
        root: folder, zip or tar of the images, a folder in an archive (``a.zip/images``), or the list itself, with
            image paths relative to its folder.
        csv: a list, several lists, a folder of lists, or a mapping from splits to lists; by default, if there are no
            class folders, the lists found in the root.
        image_column: column of the list with file names, relative to the list; by default one of the usual names. A
            path matches a file if one ends like the other: a bare file name, or a path from another machine.
        label_column: column of the list with labels; by default one of the usual names.
        split_column: column of the list with splits, if there is one.
        subject_column: column of the list with subjects, if there is one.
        sequence_column: column of the list with sequences, if there is one.
        names: meaning of folders and labels in another language or with numbers: a mapping from words to expressions
            (or to train, val, test), a list of names for 0, 1, 2, ..., or a JSON or YAML file with one of these.
        codes: class names of numeric labels, in the order 0, 1, 2, ...
        ignore: files and folders to leave out, relative to the root.
        on_unknown_label: what to do with a label that is not a known expression: error, drop (leave out and count its
            images) or keep (use it as a class of its own).
        on_bad_image: what to do with a missing or unreadable image: error, or skip (left out and counted in the notes).

    Raises:
        InputError: unknown layout, unknown labels, missing columns, or (at first use) a bad image.
    """
    check_value("folder", "on_unknown_label", on_unknown_label, Literal["error", "drop", "keep"])
    if names is not None and codes is not None:
        raise InputError("folder: --data.names and --data.codes both name labels; leave one of them out")
    faces = find_face_table(root, _LAYOUTS, ignore) if csv is None else None
    lists = csv
    if faces is not None:
        files = faces.files
    else:
        path = Path(os.path.expanduser(root)) if root is not None and os.fspath(root) else None
        if path is not None and path.suffix.lower() in LIST_SUFFIXES and path.is_file():
            if csv is not None:
                raise InputError(f"{path}: is a list itself, and --data.csv names another; leave one of them out")
            path, lists = path.parent, path.name
        files = open_root("folder", path, _LAYOUTS, ignore=ignore)
    named = {"split": split_column, "subject": subject_column, "sequence": sequence_column}
    meanings = names if codes is None else codes
    columns = Columns(image_column, label_column, {key: name for key, name in named.items() if name})
    copy = _Copy(files, lists, columns, ClassNames(meanings), codes, on_unknown_label)
    return ListedDataset(
        "folder",
        Path(files.path).resolve().name,
        files,
        copy.list_rows() if faces is None else partial(list_table, faces, on_bad_image, meanings, copy.read_labels),
        options={"csv": lists, "columns": columns, "names": names, "codes": codes, "unknown": on_unknown_label},
        on_bad_image=on_bad_image,
        digests=None if faces is None else faces.digests,
    )


@dataclass
class _Copy:
    """The files of a copy of image files, and the options for reading them."""

    files: RootFiles
    csv: str | list[str] | dict[str, str] | None
    columns: Columns
    names: ClassNames
    codes: list[str] | None
    on_unknown_label: str

    def list_rows(self) -> Listing:
        """List the images with their labels."""
        layout, images, notes = self._find()
        labels, classes, more = self.read_labels(Counter(image.label for image in images))
        self.names.refuse_unused(str(self.files.path), [image.label for image in images])
        rows = [
            Row(image.name, classes.index(expression), **image.known)
            for image in images
            if (expression := labels[image.label]) is not None
        ]
        return Listing(layout, classes, rows, notes=[*more, *notes])

    def _find(self) -> tuple[str, list[ListedImage], list[str]]:
        """Detect the layout; return its description, the images, and notes."""
        lists = self._choose_lists()
        pairs = {} if lists else pair_boxes(self.files)
        columns = {"image": self.columns.image, "label": self.columns.label, **self.columns.others}
        named = [name for name, value in columns.items() if value]
        if named and not lists:
            raise InputError(
                f"{self.files.path}: --data.{named[0]}_column is a column of a csv, none was found; leave it out, or "
                "give --data.csv"
            )
        if lists:
            try:
                return self._read_lists(lists)
            except InputError as error:
                look = describe_release(self.files, "folder") if self.csv is None else ""
                raise (InputError(f"{self.files.path}: {look}as a list: {error}") if look else error) from None
        if pairs:
            images, notes = read_boxes(self.files, pairs, self.names)
            unread = note_unread(self.files, pairs, "no file of boxes belongs to them")
            return "images with YOLO's boxes", images, [*notes, *unread]
        tree = find_tree(self.files, self.names)
        if not tree.images:
            raise refuse_layout(self.files, "folder", _LAYOUTS)
        images = [
            ListedImage(image.name, image.folder, {"split": image.split, "subject": image.subject})
            for image in tree.images
        ]
        notes = list(tree.notes)
        if further := sorted({"/".join(image.inner) for image in tree.images if image.inner}):
            notes.append(
                f"Images of {len(further):,} folders inside the class folders, such as {make_printable(further[0])}, "
                "belong to the class above them."
            )
        if any(_CK_NAME.match(image.file) for image in tree.images):
            notes.append("Their names are CK+'s: --data ckplus reads subjects and sequences from them.")
        if unread := [name for name in self.files.names if name.lower().endswith((".csv", ".tsv", ".jsonl"))]:
            notes.append(f"{make_printable(unread[0])} lies there and was not read (--data.csv names the one to read).")
        return "class folders", images, notes

    def _choose_lists(self) -> list[tuple[str, str]]:
        if self.csv is not None:
            path = self.files.path
            return choose_lists(self.files, self.csv, self.names, str(path) if path.is_dir() else "")
        folders = {folder for name in self.files.names if is_image(name) for folder in split_name(name)[:-1]}
        if any(map(self.names.expression, folders)):
            return []
        lists = find_lists(self.files)
        return [(lists[0], "")] if len(lists) == 1 else name_splits(self.files, lists, self.names)

    def _read_lists(self, lists: list[tuple[str, str]]) -> tuple[str, list[ListedImage], list[str]]:
        listed: list[ListedImage] = []
        notes: list[str] = []
        for name, split in lists:
            images, more = read_list(self.files, name, self.columns, self.names, split)
            if split and any("split" in image.known for image in images[:1]):
                more.append(f"The splits of {make_printable(name)} are those of its column, not of its name.")
            elif split:
                images = [image._replace(known={**image.known, "split": split}) for image in images]
            listed += images
            notes += more
        unread = note_unread(self.files, [image.name for image in listed], "no list names them")
        if further := [name for name in find_lists(self.files) if name not in dict(lists)] if unread else []:
            unread.append(f"Lists that were not read: {', '.join(further[:8])}; --data.csv takes several, one a split.")
        notes += unread
        return f"images listed in {', '.join(make_printable(name) for name, _ in lists)}", listed, notes

    def read_labels(self, counted: Counter[str]) -> tuple[dict[str, str | None], tuple[str, ...], list[str]]:
        """Map each label as written to its class, or to None if it is dropped."""
        labels: dict[str, str | None] = {}
        unknown = []
        for label in counted:
            number = label[:-2] if label.endswith(".0") and label[:-2].isdecimal() else label
            meaning = self.names.given(number)
            if self.codes is not None and meaning is None:
                raise InputError(
                    f"{self.files.path}: the label {label[:40]!r} has no name among codes, which has "
                    f"{len(self.codes)} (0 to {len(self.codes) - 1})"
                )
            name = number if meaning is None else meaning
            if not name.strip() and self.on_unknown_label == "keep":
                raise InputError(
                    f"{self.files.path}: {counted[label]:,} images have no label; fill them in, or leave such out "
                    "with --data.on_unknown_label drop"
                )
            labels[label] = self.names.expression(number)
            if labels[label] is None:
                unknown.append(label)
                labels[label] = name.strip().lower() if self.on_unknown_label == "keep" else None
        notes = []
        if unknown:
            shown = ", ".join(f"{make_printable(label)!r} ({counted[label]:,})" for label in sorted(unknown)[:10])
            if self.on_unknown_label == "error":
                raise refuse_labels(self.files, unknown, shown, every=len(unknown) == len(counted))
            verb = "left out" if self.on_unknown_label == "drop" else "kept as classes"
            notes.append(f"Labels that are not known expressions were {verb}: {shown}.")
        mapped = [
            f"{make_printable(label)} -> {name} ({counted[label]:,})"
            for label, name in sorted(labels.items())
            if name not in (None, label)
        ]
        if mapped:
            notes.append(f"Labels read by name: {', '.join(mapped)}.")
        present = {name for name in labels.values() if name is not None}
        own = sorted(present - set(EXPRESSIONS))
        return labels, (*(name for name in EXPRESSIONS if name in present), *own), notes
