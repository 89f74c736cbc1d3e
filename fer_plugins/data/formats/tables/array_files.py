"""Reads faces from npy, npz and HDF5 files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.data.formats.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_plugins.data.formats.archives.root_files import RootFiles
from fer_plugins.data.formats.file_kinds import kind_of
from fer_plugins.data.formats.tables.face_arrays import find_sets, read_set
from fer_plugins.data.formats.tables.face_rows import FaceRows, join_rows
from fer_plugins.runtime.errors import InputError


def read_arrays(files: RootFiles, names: Sequence[str]) -> FaceRows:
    """Read and pair the images and labels of array files; raises InputError if a file is damaged or nothing pairs."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    with files.opened() as open_file:
        for name in names:
            stem = re.sub(r"\.\w+$", "", "/".join(split_name(name)))
            where = files.where(name)
            try:
                with open_file(name) as stream:
                    for key, array in _read_file(stream, where):
                        arrays[f"{stem}/{key}" if key else stem] = array
            except InputError:
                raise
            except (*READ_ERRORS, ValueError, KeyError, TypeError, RuntimeError) as error:  # h5py raises all of them
                if "pickle" in str(error).lower():
                    raise InputError(
                        f"{where}: holds Python objects, which could run any code and are never opened; save plain "
                        "arrays of numbers and text with numpy.savez"
                    ) from None
                raise InputError(
                    f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
                ) from None
    where = make_printable(str(files.path))
    sets, notes = find_sets(arrays, where)
    rows = join_rows([read_set(arrays, array_set, where) for array_set in sets])
    rows.notes += notes
    return rows


def _read_file(stream: Any, where: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    kind = kind_of(stream.read(16))
    stream.seek(0)
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


def _read_hdf5(stream: Any, where: str) -> list[tuple[str, npt.NDArray[Any]]]:
    try:
        import h5py
    except ImportError:
        raise InputError(f"{where}: reading HDF5 needs h5py; pip install h5py") from None
    arrays: list[tuple[str, npt.NDArray[Any]]] = []

    def take(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            values = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
            arrays.append((name, np.asarray(values)))

    with h5py.File(stream, "r") as file:
        if "model_weights" not in file and "layer_names" not in file.attrs:  # Keras writes models so
            file.visititems(take)
    return arrays
