"""Reads faces from arrays: npy, npz and HDF5 files, told apart by their shapes and by the splits in their names."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.data.formats.archives.file_set import READ_ERRORS, FileSet, make_printable, split_name
from fer_plugins.data.formats.archives.folder_files import FolderFiles
from fer_plugins.data.formats.file_kinds import kind_of
from fer_plugins.data.formats.image_files import OnBadImage
from fer_plugins.data.formats.tables.face_arrays import find_sets, read_set
from fer_plugins.data.formats.tables.face_rows import FaceRows, join_rows
from fer_plugins.runtime.errors import InputError

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class ArrayTable:
    """The arrays of some files of a copy."""

    files: FileSet
    names: tuple[str, ...]
    beside: bool = False  # the one file may be half of a pair: its neighbours are looked at where it is

    @property
    def title(self) -> str:
        """What it is, for the notes."""
        shown = ", ".join(make_printable(split_name(name)[-1]) for name in self.names[:4])
        return f"arrays ({shown}{', ...' if len(self.names) > 4 else ''}) in {self.files.path.resolve().name}"

    def digest(self) -> str:
        """Hash the files' contents or, of a folder, their names, sizes and times."""
        files, names = self._with_neighbours()
        return files.digest(names)

    def read(self, on_bad_image: OnBadImage) -> FaceRows:
        """Read all arrays and put images and labels together."""
        files, names = self._with_neighbours()
        arrays = _read_all(files, names)
        where = make_printable(str(self.files.path))
        sets, notes = find_sets(arrays, where)
        rows = join_rows([read_set(arrays, one, where) for one in sets])
        rows.notes += notes
        return rows

    def _with_neighbours(self) -> tuple[FileSet, tuple[str, ...]]:
        if not (self.beside and self.names[0].lower().endswith(".npy")):
            return self.files, self.names
        folder = FolderFiles(self.files.path.resolve().parent, depth=1)
        return folder, tuple(name for name in folder.names if name.lower().endswith(".npy"))


def _read_all(files: FileSet, names: tuple[str, ...]) -> Arrays:
    arrays: Arrays = {}
    with files.opened() as open_file:
        for name in names:
            stem = re.sub(r"\.\w+$", "", "/".join(split_name(name)))
            where = files.where(name)
            try:
                with open_file(name) as stream:
                    for key, array in _read_file(stream, where):
                        arrays[f"{stem}/{key}" if key else stem] = array
            except (*READ_ERRORS, ValueError, KeyError, TypeError, RuntimeError) as error:  # h5py raises all of them
                if isinstance(error, InputError):
                    raise
                if "pickle" in str(error).lower():
                    raise InputError(
                        f"{where}: holds Python objects, which could run any code and are never opened; save plain "
                        "arrays of numbers and text with numpy.savez"
                    ) from None
                raise InputError(
                    f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
                ) from None
    return arrays


def _read_file(stream: Any, where: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    head = stream.read(16)
    stream.seek(0)
    kind = kind_of(head)
    if kind == "npy":
        yield "", np.load(io.BytesIO(stream.read()), allow_pickle=False)
    elif kind == "zip":
        with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            for member in archive.namelist():
                if member.endswith(".npy"):
                    yield member.removesuffix(".npy"), np.load(io.BytesIO(archive.read(member)), allow_pickle=False)
    elif kind == "hdf5":
        yield from _read_hdf5(stream, where)
    else:
        raise InputError(f"{where}: is no npy, npz or HDF5 file; fetch it again")


def _read_hdf5(stream: Any, where: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    try:
        import h5py
    except ImportError:
        raise InputError(f"{where}: reading HDF5 needs h5py; pip install h5py") from None
    found: list[tuple[str, npt.NDArray[Any]]] = []

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found.append((name, item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]))

    with h5py.File(stream, "r") as file:
        if "model_weights" not in file and "layer_names" not in file.attrs:  # Keras writes models so
            file.visititems(take)
    yield from ((name, np.asarray(array)) for name, array in found)
