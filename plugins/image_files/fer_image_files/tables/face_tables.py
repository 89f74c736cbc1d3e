"""Find tables and arrays of faces in a copy by their content, at any depth."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fer_image_files.archives.file_set import FolderFiles, Opener, hash_file, make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.decoding import OnBadImage
from fer_image_files.file_kinds import kind_of_file, look_like, read_head
from fer_image_files.tables.array_files import read_arrays, read_arrow
from fer_image_files.tables.csv_files import TAR_SUFFIXES, open_csv
from fer_image_files.tables.face_rows import FaceRows, join_rows, split_of_path
from fer_image_files.tables.pixel_csv import find_dialect, read_pixel_csv
from fer_plugins.runtime.errors import InputError

CSV_SUFFIXES = tuple(f"{kind}{packed}" for kind in (".csv", ".tsv") for packed in ("", ".gz", ".bz2", ".xz"))
_ARRAY_SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")
_ARROW_SUFFIXES = (".parquet", ".arrow", ".feather")
_TEXT_SUFFIXES = (*CSV_SUFFIXES, *TAR_SUFFIXES, ".zip", ".gz", ".bz2", ".xz", ".txt", ".data", ".dat", ".npy", ".npz")
_MOST_LOOKED_AT = 200  # maximum number of csv files of one copy
_MOST_TEXTS = 20  # likewise for .txt files


@dataclass(frozen=True)
class FaceTable:
    """One table or array file, or several that belong together; picklable, since nothing stays open."""

    files: RootFiles
    names: tuple[str, ...]
    kind: Literal["csv", "arrays", "arrow"] = "csv"
    has_splits: bool = False  # for a csv, whether it has a column of splits

    @property
    def title(self) -> str:
        """Description for the notes."""
        shown = ", ".join(make_printable(name) for name in self.names[:4]) + (", ..." if len(self.names) > 4 else "")
        if self.kind == "arrow":
            return f"tables of images ({shown})"
        if self.kind == "arrays":
            shown = ", ".join(make_printable(split_name(name)[-1]) for name in self.names[:4])
            return f"arrays ({shown}{', ...' if len(self.names) > 4 else ''}) in {self.files.path.resolve().name}"
        if self.files.packed and len(self.names) == 1:
            return f"csv of pixels ({shown} in {self.files.whole.path.name})"
        return f"csv of pixels ({shown if len(self.names) > 1 else split_name(shown)[-1]})"

    def digest(self) -> str:
        """Hash the bytes of csv files and archives; names, sizes and modification times of arrays in a folder."""
        paths = [self.files.on_disk(name) for name in self.names] if self.kind == "csv" else []
        on_disk = [path for path in paths if path is not None]
        return " ".join(map(hash_file, on_disk)) if on_disk else self.files.digest(self.names)

    def read(self, on_bad_image: OnBadImage) -> FaceRows:
        """Read all rows.

        Raises UnreadableError for a bad row under "error", and InputError if the file is damaged or cannot be
        understood.
        """
        if self.kind == "arrays":
            return read_arrays(self.files, self.names)
        if self.kind == "arrow":
            return read_arrow(self.files, self.names, on_bad_image)
        parts = []
        for name in self.names:
            with open_csv(self.files, name, to_end=True) as (stream, file, where):
                source = make_printable(name) if len(self.names) > 1 else file
                parts.append(read_pixel_csv(stream, where, source, on_bad_row=on_bad_image, split=split_of_path(name)))
        return join_rows(parts)


@dataclass
class CopyTables:
    """The tables in a copy; csv files are sorted by their first lines."""

    complete: dict[str, FaceTable] = field(default_factory=dict)  # with a column of splits
    parts: dict[str, FaceTable] = field(default_factory=dict)  # without a column of splits
    refused: dict[str, str] = field(default_factory=dict)  # not a table of faces, with the reason
    arrays: list[str] = field(default_factory=list)
    arrow: list[str] = field(default_factory=list)
    zips: list[str] = field(default_factory=list)  # whose names contain csv

    def split_tables(self) -> list[str]:
        """Return the csv files that hold one split each, if there are at least two different ones."""
        named = {name: split for name in self.parts if (split := split_of_path(name))}
        return list(named) if len(set(named.values())) == len(named) > 1 else []


def find_tables(files: RootFiles) -> CopyTables:
    """Look at the first lines of every csv of a folder or archive, and at the names of all other tables."""
    tables = CopyTables()
    texts: list[str] = []
    with files.opened() as opener:
        for name in sorted(files.names, key=lambda name: (len(split_name(name)), name)):
            folded = name.lower()
            if folded.endswith(_ARRAY_SUFFIXES):
                tables.arrays.append(name)
            elif folded.endswith(_ARROW_SUFFIXES) and not split_name(folded)[-1].startswith("cache-"):
                tables.arrow.append(name)
            elif folded.endswith(".txt") and len(texts) < _MOST_TEXTS:
                texts.append(name)
            elif folded.endswith(CSV_SUFFIXES):
                if len(tables.complete) + len(tables.parts) + len(tables.refused) >= _MOST_LOOKED_AT:
                    tables.refused[name] = f"only {_MOST_LOOKED_AT} csv files were looked at"
                else:
                    _look_at_csv(files, name, tables, opener)
        for name in texts:  # Excel saves tables as .txt; most other texts are not tables, which is not worth a note
            _look_at_csv(files, name, tables, opener)
            tables.refused.pop(name, None)
    return tables


def _look_at_csv(files: RootFiles, name: str, tables: CopyTables, opener: Opener) -> None:
    path = files.on_disk(name)
    try:
        if path is not None and kind_of_file(path) == "zip":  # its extension is wrong
            tables.zips.append(name)
            return
        table = csv_table(files, name, opener)
    except InputError as error:
        tables.refused[name] = str(error)
        return
    (tables.complete if table.has_splits else tables.parts)[name] = table


def csv_table(files: RootFiles, name: str, opener: Opener | None = None) -> FaceTable:
    """Return the table in a csv; raises InputError if its first lines are not those of a table."""
    with open_csv(files, name, to_end=False, opener=opener) as (stream, _, where):
        dialect = find_dialect(read_head(stream), where, 48)
    return FaceTable(files, (name,), has_splits=dialect.columns.usage is not None)


def table_of_file(files: RootFiles) -> FaceTable | None:
    """Return the table in a single file, None if it holds none (a zip may hold anything).

    Raises InputError if it looks like a table but cannot be read.
    """
    path, names = files.path, tuple(files.names)
    kind = kind_of_file(path)
    folded = path.name.lower()
    if kind in ("npy", "hdf5"):
        if folded.endswith(".npy"):  # it may be one half of a pair
            files = RootFiles(FolderFiles(path.resolve().parent, depth=1))
            names = tuple(name for name in files.names if name.lower().endswith(".npy"))
        return FaceTable(files, names, "arrays")
    if kind in ("parquet", "arrow"):
        return FaceTable(files, names, "arrow")
    readable = folded.endswith(_TEXT_SUFFIXES) or not path.suffix
    if kind in ("tar", "gzip", "bzip2", "xz") or (kind in ("text", "empty", "other") and readable):
        return csv_table(files, path.name)
    return None


def refuse_file(files: RootFiles, looked_for: str) -> InputError:
    """Return the error for a file that is neither a table nor an archive."""
    with files.path.open("rb") as stream:
        description = look_like(stream.read(64))
    looks = f"; it looks like {description}" if description else ""
    return InputError(f"{make_printable(str(files.path))}: is not a csv, zip or tar{looks}; looked for {looked_for}")
