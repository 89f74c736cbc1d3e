"""Read faces from npy, npz and HDF5 files, and from Parquet and Arrow as written by Hugging Face."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_image_files.archives.file_set import READ_ERRORS, make_printable, split_name
from fer_image_files.archives.root_files import RootFiles
from fer_image_files.decoding import OnBadImage, UnreadableError, decode_image
from fer_image_files.file_kinds import kind_of
from fer_image_files.tables.csv_columns import LABEL_NAMES, LEAST, USAGE_NAMES
from fer_image_files.tables.face_arrays import find_sets, read_set, to_images
from fer_image_files.tables.face_rows import FaceRows, join_rows, make_rows, split_of_path
from fer_image_files.tables.pixel_text import find_form, parse_pixels, split_numbers
from fer_plugins.data.expressions import expression_of
from fer_plugins.runtime import numpy_files
from fer_plugins.runtime.errors import InputError


def read_arrays(files: RootFiles, names: Sequence[str]) -> FaceRows:
    """Read and pair images and labels of array files; raises InputError if a file is damaged or no arrays match."""
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
            except Exception as error:  # h5py raises many kinds, including OverflowError and MemoryError
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
    if kind in ("npy", "zip"):
        yield from numpy_files.read_arrays(io.BytesIO(stream.read())).items()
    elif kind == "hdf5":
        yield from _read_hdf5(stream, where)
    else:
        raise InputError(f"{where}: is not an npy, npz or HDF5 file; fetch it again")


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
        if "model_weights" not in file and "layer_names" not in file.attrs:  # Keras writes models with these
            file.visititems(take)
    return arrays


def read_arrow(files: RootFiles, names: Sequence[str], on_bad_image: OnBadImage) -> FaceRows:
    """Read all rows of Parquet or Arrow files, each with one split or a column of splits.

    Raises UnreadableError for a bad row under "error", and InputError if a file is damaged or has no labels or images.
    """
    parts = []
    with files.opened() as open_file:
        for name in names:
            where = files.where(name)
            try:
                with open_file(name) as stream:
                    data = stream.read()
            except READ_ERRORS as error:
                raise InputError(
                    f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
                ) from None
            try:
                parts.append(_read_rows(_read_table(data, where), name, where, on_bad_image))
            except UnicodeDecodeError as error:  # Arrow does not validate column names, and text inside not always
                raise InputError(f"{where}: holds text that is not UTF-8 ({error.reason}); fetch it again") from None
    return join_rows(parts)


def _read_table(data: bytes, where: str) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{where}: reading Parquet and Arrow needs pyarrow; pip install pyarrow") from None
    try:
        if kind_of(data[:16]) == "parquet":
            table = pq.read_table(pa.BufferReader(data))
        else:
            try:
                table = pa.ipc.open_file(data).read_all()
            except pa.ArrowInvalid:
                table = pa.ipc.open_stream(data).read_all()
        table.validate(full=True)  # Arrow trusts a file's offsets: a damaged one would crash the process
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: text that is not UTF-8
        raise InputError(
            f"{where}: is not a readable Parquet or Arrow file ({make_printable(str(error))[:200]}); fetch it again"
        ) from None
    return table


def _read_rows(table: Any, name: str, where: str, on_bad_image: OnBadImage) -> FaceRows:
    folded = {column.strip().casefold(): column for column in reversed(table.column_names)}
    named = [folded[column] for column in LABEL_NAMES if column in folded]
    if not named:
        raise InputError(
            f"{where}: has no column of labels by a known name ({_show(table)}); rename the column to label"
        )
    label = next((column for column in named if _holds_words(table[column])), named[0])
    usage = next((folded[column] for column in USAGE_NAMES if column in folded), None)
    images, reasons = _read_images(table, where, {label, usage})
    rows = range(1, len(reasons) + 1)
    return make_rows(
        where,
        sources=[f"{make_printable(name)}:row {row}" for row in rows],
        places=[f"{where}: row {row}" for row in rows],
        labels=["" if value is None else value for value in table[label].to_pylist()],
        images=images,
        reasons=reasons,
        split=split_of_path(name),
        usages=None if usage is None else [str(value) for value in table[usage].to_pylist()],
        usage_column=usage or "",
        names=_class_names(table, label),
        on_bad_image=on_bad_image,
    )


def _holds_words(column: Any) -> bool:
    values = column.slice(0, 50).to_pylist()
    return bool(values) and all(isinstance(value, str) and expression_of(value) for value in values)


def _class_names(table: Any, label: str) -> tuple[str, ...]:
    """Return the names of a ClassLabel, which Hugging Face's exports store in the schema metadata."""
    try:
        info = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
        names = info["info"]["features"][label]["names"]
        return tuple(expression_of(str(name)) or str(name) for name in names)
    except (ValueError, KeyError, TypeError):
        return ()


def _read_images(table: Any, where: str, other_columns: set[str | None]) -> tuple[list[Any], list[str | None]]:
    """Return the images of the good rows, and for each row None or what is wrong with it."""
    from pyarrow import types

    numbers = []
    for field in table.schema:
        kind, values = field.type, table[field.name]
        if field.name in other_columns:
            continue
        files = types.is_struct(kind) and {"bytes", "path"} & {kind.field(at).name for at in range(kind.num_fields)}
        if files or types.is_binary(kind) or types.is_large_binary(kind):
            return _decode(values.to_pylist(), where)
        lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        if lists and np.size(values[0].as_py() if len(table) else []) >= LEAST:
            return _to_images(values.to_pylist(), where)
        if types.is_integer(kind) or types.is_floating(kind):
            numbers.append(field.name)
        if types.is_string(kind) or types.is_large_string(kind):
            texts = [value or "" for value in values.to_pylist()]
            first = texts[:24]
            if first and 2 * sum(len(split_numbers(text)) >= LEAST for text in first) > len(first):
                form = find_form(first, 48)
                pixels, reasons = parse_pixels(texts, form)
                return list(pixels.reshape(-1, form.side, form.side, 1)), reasons
    wide = [column for column in numbers if column[-1:].isdigit()]
    if len(wide) >= LEAST:
        return _to_images(np.stack([table[column].to_numpy() for column in wide], axis=1), where)
    raise InputError(f"{where}: has no column of images ({_show(table)}); it holds no images, or only their paths")


def _to_images(values: Any, where: str) -> tuple[list[Any], list[str | None]]:
    try:
        array = np.array(values)
        square = array.ndim != 2 or int(np.sqrt(array.shape[1])) ** 2 == array.shape[1]
        if array.dtype.kind not in "buif" or array.ndim not in (2, 3, 4) or not square:
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(f"{where}: its images are not all of one square size; save them as one size") from None
    return list(to_images(array, where)), [None] * len(array)


def _decode(values: list[Any], where: str) -> tuple[list[Any], list[str | None]]:
    images: list[Any] = []
    reasons: list[str | None] = []
    for value in values:
        path = value.get("path") if isinstance(value, dict) else None
        data = value.get("bytes") if isinstance(value, dict) else value
        reason = None
        try:
            if data is None or (not data and path):
                reason = (
                    f"its image is only a path ({path}), the pixels are not in the table" if value else "has no image"
                )
            else:
                images.append(decode_image(data, where, grey=False))
        except UnreadableError as error:
            reason = error.reason
        reasons.append(None if reason is None else make_printable(reason))
    return images, reasons


def _show(table: Any) -> str:
    return make_printable(", ".join(f"{field.name} {field.type}" for field in table.schema)[:200])
