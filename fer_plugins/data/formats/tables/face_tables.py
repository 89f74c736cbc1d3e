"""Finds tables and arrays of faces in a file, folder or zip by what they hold, however deep they lie."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fer_plugins.data.formats.archives.file_set import FileSet, SingleFile, make_printable, split_name
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.archives.tar_files import TarFiles
from fer_plugins.data.formats.archives.zip_files import ZipFiles
from fer_plugins.data.formats.file_kinds import Kind, kind_of, look_like
from fer_plugins.data.formats.image_files import OnBadImage
from fer_plugins.data.formats.tables.array_files import ArrayTable
from fer_plugins.data.formats.tables.arrow_files import ArrowTable
from fer_plugins.data.formats.tables.csv_files import CsvFile
from fer_plugins.data.formats.tables.face_rows import FaceRows, FaceTable, join_rows, split_of_path
from fer_plugins.data.formats.tables.pixel_csv import read_dialect, read_pixel_csv
from fer_plugins.runtime.errors import InputError

CSV_SUFFIXES = tuple(f"{kind}{packed}" for kind in (".csv", ".tsv") for packed in ("", ".gz", ".bz2", ".xz"))
_ARRAY_SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")
_ARROW_SUFFIXES = (".parquet", ".arrow", ".feather")
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_TEXT_SUFFIXES = (*CSV_SUFFIXES, *_TAR_SUFFIXES, ".zip", ".gz", ".bz2", ".xz", ".txt", ".data", ".dat", ".npy", ".npz")
_MOST_LOOKED_AT = 200  # csv files of one copy
_MOST_TEXTS = 20  # likewise, of files that end in .txt


@dataclass(frozen=True)
class CsvTable:
    """A csv of pixels."""

    csv: CsvFile
    title: str
    split: str = ""  # of a csv that has no such column, by its name
    file: str = ""  # what its rows' sources begin with; else its own name

    def digest(self) -> str:
        """Hash the bytes of the file, packed or not."""
        return self.csv.digest()

    def read(self, on_bad_image: OnBadImage) -> FaceRows:
        """Read all rows."""
        with self.csv.opened(whole=True) as (stream, file, where):
            rows = read_pixel_csv(stream, where, self.file or file, side=48, on_bad_row=on_bad_image)
        if self.split and not any(rows.split):
            rows.split = [self.split] * len(rows.split)
            rows.bad = [bad._replace(split=self.split) for bad in rows.bad]
        return rows


@dataclass(frozen=True)
class JoinedTables:
    """Several tables, each of which is one split."""

    parts: tuple[FaceTable, ...]
    title: str

    def digest(self) -> str:
        """Hash the files one after the other."""
        return " ".join(part.digest() for part in self.parts)

    def read(self, on_bad_image: OnBadImage) -> FaceRows:
        """Read all of them."""
        return join_rows([part.read(on_bad_image) for part in self.parts])


@dataclass
class FoundTables:
    """What lies in a copy, the csv files by what their first lines say."""

    complete: dict[str, CsvTable] = field(default_factory=dict)  # with a column of splits
    parts: dict[str, CsvTable] = field(default_factory=dict)  # without
    refused: dict[str, str] = field(default_factory=dict)  # no table of faces, and why
    arrays: list[str] = field(default_factory=list)
    arrow: list[str] = field(default_factory=list)
    zips: list[str] = field(default_factory=list)  # whose names say csv

    def split_tables(self) -> list[str]:
        """Return the csv files that are one split each, where there are at least two different ones."""
        named = {name: table.split for name, table in self.parts.items() if table.split}
        return list(named) if len(set(named.values())) == len(named) > 1 else []


def find_tables(files: FileSet) -> FoundTables:
    """Look at the first lines of every csv of a folder or zip, and at the names of the other tables."""
    found = FoundTables()
    texts: list[str] = []
    for name in sorted(files.names, key=lambda name: (len(split_name(name)), name)):
        folded = name.lower()
        if folded.endswith(_ARRAY_SUFFIXES):
            found.arrays.append(name)
        elif folded.endswith(_ARROW_SUFFIXES) and not split_name(folded)[-1].startswith("cache-"):
            found.arrow.append(name)
        elif folded.endswith(".txt") and len(texts) < _MOST_TEXTS:
            texts.append(name)
        elif folded.endswith(CSV_SUFFIXES):
            if len(found.complete) + len(found.parts) + len(found.refused) >= _MOST_LOOKED_AT:
                found.refused[name] = f"only {_MOST_LOOKED_AT} csv files were looked at"
                continue
            _look_at_csv(files, name, found)
    for name in texts:  # Excel saves tables so; most other texts are none, and no news
        _look_at_csv(files, name, found)
        found.refused.pop(name, None)
    return found


def _look_at_csv(files: FileSet, name: str, found: FoundTables) -> None:
    whole, full = (files.whole, files.full_name(name)) if isinstance(files, RootFiles) else (files, name)
    if isinstance(whole, TarFiles):
        found.refused[name] = f"{files.where(name)}: lies beside other files in a tar; unpack it and give the folder"
        return
    if isinstance(whole, ZipFiles):
        csv = CsvFile(whole.path, full)
        title = f"{make_printable(name)} in {whole.path.name}"
    else:
        # A tar or zip whose name says csv is what it is.
        kind = kind_of_file(whole.path / full)
        if kind == "zip":
            found.zips.append(name)
            return
        csv = CsvFile(whole.path / full, packing="tar" if kind == "tar" else "file")
        title = f"csv of pixels ({split_name(name)[-1]})"
    try:
        with csv.opened(whole=False) as (stream, _, where):
            dialect = read_dialect(stream, where)
    except InputError as error:
        found.refused[name] = str(error)
        return
    if dialect.columns.usage is not None:
        found.complete[name] = CsvTable(csv, title)
    else:
        found.parts[name] = CsvTable(csv, title, split_of_path(name))


def join_csvs(found: FoundTables, names: Sequence[str]) -> FaceTable:
    """Return the table of several csv files, each of which is one split."""
    parts = tuple(
        CsvTable(found.parts[name].csv, found.parts[name].title, found.parts[name].split, file=make_printable(name))
        for name in names
    )
    return JoinedTables(parts, f"csv of pixels ({', '.join(names)})")


def table_of_file(path: Path) -> FaceTable | None:
    """Return the table that a single file is, by its content; None where it is none, and a zip may hold anything.

    Raises:
        InputError: it looks like a table, and cannot be read.
    """
    kind = kind_of_file(path)
    folded = path.name.lower()
    if kind in ("npy", "hdf5"):
        return ArrayTable(SingleFile(path), (path.name,), beside=True)
    if kind in ("parquet", "arrow"):
        return ArrowTable(SingleFile(path), (path.name,))
    if kind == "tar" or (kind == "empty" and folded.endswith(_TAR_SUFFIXES)):
        return _checked(CsvTable(CsvFile(path, packing="tar"), f"csv of pixels in a tar ({path.name})"))
    if kind in ("gzip", "bzip2", "xz") or (
        kind in ("text", "empty", "other") and (folded.endswith(_TEXT_SUFFIXES) or not path.suffix)
    ):
        return _checked(CsvTable(CsvFile(path), f"csv of pixels ({path.name})", split_of_path(path.name)))
    return None


def array_table(files: FileSet, names: Sequence[str]) -> FaceTable:
    """Return the table of the arrays in several files of one copy."""
    return ArrayTable(files, tuple(names))


def kind_of_file(path: Path) -> Kind:
    """Tell what a file is; a compressed tar is a tar.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            kind = kind_of(stream.read(4096))
        return "tar" if kind in ("gzip", "bzip2", "xz") and tarfile.is_tarfile(path) else kind
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{make_printable(str(path))}: cannot be read ({why}); give --data.root another") from error


def refuse_file(path: Path, looked_for: str) -> InputError:
    """Return the error for a file that is no table and no archive."""
    with path.open("rb") as stream:
        said = look_like(stream.read(64))
    looks = f"; it looks like {said}" if said else ""
    return InputError(f"{make_printable(str(path))}: is no csv, zip or tar{looks}; looked for {looked_for}")


def _checked(table: CsvTable) -> CsvTable:
    with table.csv.opened(whole=False) as (stream, _, where):
        read_dialect(stream, where)
    return table
