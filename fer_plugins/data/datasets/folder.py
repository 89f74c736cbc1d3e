"""Images of one's own: sorted into folders, or listed in a csv whose columns the user names."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

from fer_plugins.data.datasets.archives import FileSet, FolderFiles, make_printable, split_name
from fer_plugins.data.datasets.class_folders import PARTS
from fer_plugins.data.datasets.copy_layout import is_image, note_unread, open_root, refuse_layout
from fer_plugins.data.datasets.csv_files import find_column, read_rows
from fer_plugins.data.datasets.file_dataset import FileDataset, Listing, OnBadImage, Row
from fer_plugins.data.datasets.folder_tables import find_face_table, list_table
from fer_plugins.data.datasets.labels import EXPRESSIONS, expression_of
from fer_plugins.errors import InputError

_LAYOUTS = "<class>/*.png, <split>/<class>/*.png, or a csv with a column of images and one of labels"
_OnUnknownLabel = Literal["error", "drop", "keep"]


class Folder(FileDataset):
    """Any labelled images: ``<class>/*``, ``<split>/<class>/*`` (one folder may lie around all), or a csv.

    Where no image file lies there: a csv of pixels, arrays (npz, npy, HDF5), Parquet or Arrow.

    Labels are read by name, whatever their case: "Happiness", "happy" and "joy" are one class, and the notes say what
    was read as what. Split names are train, val or test (also training, valid, validation, testing).

    Args:
        root: folder or zip of the images, or the csv itself, whose images then lie relative to its folder.
        csv: name of the csv in the folder or zip; where there are no class folders and one csv, that one.
        image_column: the csv's column of file names, relative to the csv. A path that ends like one file there, or the
            other way round, is that file: a bare file name, or the path on another machine.
        label_column: the csv's column of labels.
        split_column: the csv's column of train, val or test, if it has any.
        subject_column: the csv's column of subjects, if it has any.
        sequence_column: the csv's column of sequences, if it has any.
        codes: names for labels that are numbers, in the order 0, 1, 2, ...
        on_unknown_label: what follows when a label is no known expression: error, drop (such images are left out and
            counted) or keep (it is a class of its own).
        on_bad_image: what a missing or unreadable image leads to: error, or skip (left out and counted in the notes).

    Raises:
        InputError: no such layout, labels that are not known, columns that are not there, or (at first use) a bad one.
    """

    title = "folder"

    def __init__(
        self,
        *,
        root: str | os.PathLike[str] | None,
        csv: str | None = None,
        image_column: str = "image",
        label_column: str = "label",
        split_column: str | None = None,
        subject_column: str | None = None,
        sequence_column: str | None = None,
        codes: list[str] | None = None,
        on_unknown_label: Literal["error", "drop", "keep"] = "error",
        on_bad_image: OnBadImage = "error",
    ) -> None:
        if on_unknown_label not in get_args(_OnUnknownLabel):
            raise InputError(
                f"folder: on_unknown_label is {on_unknown_label!r}; give --data.on_unknown_label error, drop or keep"
            )
        self._faces = find_face_table(root) if csv is None else None
        files, given = (self._faces.files, None) if self._faces else _open(root, csv)
        self._columns = {"split": split_column, "subject": subject_column, "sequence": sequence_column}
        options = {
            **{"csv": given, "image": image_column, "label": label_column, "codes": codes},
            **{**self._columns, "on_unknown_label": on_unknown_label},
        }
        super().__init__("folder", files, options=options, on_bad_image=on_bad_image)
        self.title = Path(files.path).resolve().name
        self._csv, self._image_column, self._label_column = given, image_column, label_column
        self._codes, self._on_unknown_label = codes, on_unknown_label
        if self._faces is None:  # a table is read at the first use
            self._listed()

    def other_digests(self) -> list[str]:
        """Hash the table of pixels, whose files may lie beside the one that was given."""
        return [self._faces.table.digest()] if self._faces else []

    def list_rows(self) -> Listing:
        """List the images with their labels."""
        if self._faces is not None:
            return list_table(self._faces, self._on_bad_image, self._codes, self._read_labels)
        if self._csv is None:
            named = [name for name, value in self._columns.items() if value is not None]
            if named:
                raise InputError(
                    f"{self.files.path}: --data.{named[0]}_column is a column of a csv, none was found; leave it out, "
                    "or give --data.csv"
                )
            found = self._list_folders()
        else:
            found = self._list_csv(self._csv)
        labels, classes, notes = self._read_labels(Counter(label for _, label, _ in found))
        rows = [
            Row(name, classes.index(labels[label]), **known)
            for name, label, known in found
            if labels[label] is not None
        ]
        notes += note_unread(self.files, [name for name, *_ in found])
        if self._csv is None and (lists := [name for name in self.files.names if name.lower().endswith(".csv")]):
            notes.append(f"{lists[0]} lies there and was not read (--data.csv names the one to read).")
        layout = "class folders" if self._csv is None else f"images listed in {self._csv}"
        return Listing(layout, classes, rows, notes=notes)

    def _list_folders(self) -> list[tuple[str, str, dict[str, str]]]:
        found, splits = [], set()
        tops: dict[tuple[str, ...], str] = {}
        for name in self.files.names:
            if not is_image(name):
                continue
            *above, folder, _ = ["", *split_name(name)]
            split = PARTS.get(above[-1].lower(), "") if above else ""
            if not folder:
                raise InputError(
                    f"{self.files.where(name)}: lies in no class folder; sort them into <class>/*, or list them in"
                    " a csv"
                )
            tops.setdefault(tuple(above[:-1] if split else above), name)
            splits.add(bool(split))
            found.append((name, folder, {"split": split}))
        if not found:
            raise refuse_layout(self.files, "folder", _LAYOUTS)
        if len(splits) > 1 or len(tops) > 1:
            one, other = sorted(tops.values())[:2] if len(tops) > 1 else (found[0][0], found[-1][0])
            raise InputError(
                f"{self.files.path}: {one} and {other} do not lie alike; sort all images as <class>/* or all as "
                "<split>/<class>/*"
            )
        return found

    def _list_csv(self, listed: str) -> list[tuple[str, str, dict[str, str]]]:
        where = self.files.where(listed)
        header, lines = read_rows(self.files, listed)
        image, label = find_column(header, self._image_column, where), find_column(header, self._label_column, where)
        others = {name: find_column(header, column, where) for name, column in self._columns.items() if column}
        beside = "/".join(split_name(listed)[:-1])
        by_path = {"/".join(split_name(name)): name for name in self.files.names}
        by_file: dict[str, list[str]] = {}
        for path in by_path:
            by_file.setdefault(path.rpartition("/")[2], []).append(path)
        found = []
        seen: dict[str, int] = {}
        for number, line in enumerate(lines, start=1):
            given = line[image].strip()
            path = posixpath.normpath("/".join(part for part in [beside, *split_name(given)] if part))
            if path not in by_path:
                alike = [one for one in by_file.get(path.rpartition("/")[2], ()) if _end_alike(one, given)]
                path = alike[0] if len(alike) == 1 else path
            if path.startswith("../"):
                raise InputError(
                    f"{where}: row {number}: {given!r} lies outside of {self.files.path}; give a folder that holds both"
                    " as --data.root, and --data.csv"
                )
            name = by_path.get(path, path)
            if name in seen:
                raise InputError(
                    f"{where}: rows {seen[name]} and {number} name the same image {given!r}; remove one of them"
                )
            seen[name] = number
            known = {key: line[column].strip() for key, column in others.items()}
            empty = [key for key, value in known.items() if not value]
            if empty:
                raise InputError(f"{where}: row {number} has no {empty[0]}; fill it in, or leave out the column")
            if "split" in known:
                split = PARTS.get(known["split"].lower())
                if split is None:
                    raise InputError(
                        f"{where}: row {number}: the split is {known['split'][:40]!r}; train, val or test is needed"
                    )
                known["split"] = split
            found.append((name, line[label].strip(), known))
        return found

    def _read_labels(self, counted: Counter[str]) -> tuple[dict[str, Any], tuple[str, ...], list[str]]:
        """Map each label as written to its class, or to None where it is dropped."""
        labels: dict[str, Any] = {}
        unknown = []
        for label in counted:
            name = label
            if self._codes is not None:
                if not label.isdecimal() or int(label) >= len(self._codes):
                    raise InputError(
                        f"{self.files.path}: the label {label[:40]!r} has no name among codes, which has "
                        f"{len(self._codes)} (0 to {len(self._codes) - 1})"
                    )
                name = self._codes[int(label)]
            if not name.strip() and self._on_unknown_label == "keep":
                raise InputError(
                    f"{self.files.path}: {counted[label]:,} images have no label; fill them in, or leave such out "
                    "with --data.on_unknown_label drop"
                )
            labels[label] = expression_of(name)
            if labels[label] is None:
                unknown.append(label)
                labels[label] = name.strip().lower() if self._on_unknown_label == "keep" else None
        notes = []
        if unknown:
            shown = ", ".join(f"{label!r} ({counted[label]:,})" for label in sorted(unknown)[:10])
            if self._on_unknown_label == "error":
                remedy = "name numbers with --data.codes, or " if all(label.isdigit() for label in unknown) else ""
                raise InputError(
                    f"{self.files.path}: labels that are no known expression: {shown} (known: "
                    f"{', '.join(EXPRESSIONS)}); {remedy}rename them, or give --data.on_unknown_label drop|keep"
                )
            verb = "left out" if self._on_unknown_label == "drop" else "kept as classes"
            notes.append(f"Labels that are no known expression were {verb}: {shown}.")
        mapped = [
            f"{label} -> {name} ({counted[label]:,})"
            for label, name in sorted(labels.items())
            if name not in (None, label)
        ]
        if mapped:
            notes.append(f"Labels read by name: {', '.join(mapped)}.")
        present = {name for name in labels.values() if name is not None}
        own = sorted(present - set(EXPRESSIONS))
        return labels, (*(name for name in EXPRESSIONS if name in present), *own), notes


def _open(root: str | os.PathLike[str] | None, csv: str | None) -> tuple[FileSet, str | None]:
    """Open the files; return them and the name of the csv to read, or None for class folders."""
    path = Path(root).expanduser() if root is not None and os.fspath(root) else None
    if path is not None and path.suffix.lower() == ".csv" and path.is_file():
        if csv is not None:
            raise InputError(f"{path}: --data.csv names a csv in a folder or zip, the root is one itself; leave it out")
        return FolderFiles(path.parent, depth=6, limit=2_000_000), path.name
    files = open_root("folder", root, _LAYOUTS)
    lists = [name for name in files.names if name.lower().endswith(".csv")]
    if csv is not None:
        if csv not in files.names:
            shown = f"; there are {', '.join(lists[:5])}" if lists else ""
            raise InputError(f"{files.path}: holds no {csv}{shown}; give --data.csv another")
        return files, csv
    sorted_images = any(is_image(name) and len(split_name(name)) > 1 and _names_a_class(name) for name in files.names)
    if len(lists) > 1 and not sorted_images:
        raise InputError(
            f"{files.path}: holds {len(lists)} csv files and no folder named like an expression; name one of "
            f"{', '.join(map(make_printable, lists[:5]))} with --data.csv"
        )
    return files, lists[0] if len(lists) == 1 and not sorted_images else None


def _end_alike(path: str, given: str) -> bool:
    """Tell whether one of two paths is the end of the other, so that the folders that both name are the same."""
    one, other = split_name(path)[::-1], [part for part in split_name(given)[::-1] if part]
    return all(a == b for a, b in zip(one, other, strict=False))


def _names_a_class(name: str) -> bool:
    return expression_of(split_name(name)[-2]) is not None
