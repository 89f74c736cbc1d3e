"""Reads faces from Parquet and Arrow files, as Hugging Face's exports and ``save_to_disk`` write them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_plugins.data.formats.archives.file_set import READ_ERRORS, FileSet, make_printable
from fer_plugins.data.formats.file_kinds import kind_of
from fer_plugins.data.formats.image_files import OnBadImage, UnreadableError, decode_image
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.data.formats.split_names import split_of
from fer_plugins.data.formats.tables.array_images import to_images
from fer_plugins.data.formats.tables.csv_columns import LABEL_NAMES, USAGE_NAMES
from fer_plugins.data.formats.tables.face_rows import (
    BadRow,
    FaceRows,
    clean_label,
    join_rows,
    refuse_splits,
    split_of_path,
)
from fer_plugins.data.formats.tables.pixel_text import find_form, parse_pixels, split_numbers
from fer_plugins.runtime.errors import InputError

_LEAST = 64  # numbers: fewer are no image


@dataclass(frozen=True)
class ArrowTable:
    """Parquet or Arrow files of a copy, each of one split or with a column of splits."""

    files: FileSet
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is, for the notes."""
        shown = ", ".join(make_printable(name) for name in self.names[:4])
        return f"tables of images ({shown}{', ...' if len(self.names) > 4 else ''})"

    def digest(self) -> str:
        """Hash the files' contents or, of a folder, their names, sizes and times."""
        return self.files.digest(self.names)

    def read(self, on_bad_image: OnBadImage) -> FaceRows:
        """Read all rows of all files."""
        parts = []
        with self.files.opened() as open_file:
            for name in self.names:
                where = self.files.where(name)
                try:
                    with open_file(name) as stream:
                        table = _read_table(stream.read(), where)
                except READ_ERRORS as error:
                    raise InputError(
                        f"{where}: the file is damaged or cannot be read ({make_printable(str(error))}); fetch it again"
                    ) from None
                parts.append(_read_rows(table, name, where, on_bad_image))
        return join_rows(parts)


def _read_table(data: bytes, where: str) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f"{where}: reading Parquet and Arrow needs pyarrow; pip install pyarrow") from None
    try:
        if kind_of(data[:16]) == "parquet":
            return pq.read_table(pa.BufferReader(data))
        try:
            return pa.ipc.open_file(data).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_stream(data).read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{where}: is no readable Parquet or Arrow file ({make_printable(str(error))[:200]}); fetch it again"
        ) from None


def _read_rows(table: Any, name: str, where: str, on_bad_image: OnBadImage) -> FaceRows:
    label, usage = _find_columns(table, where)
    rows = FaceRows(where, names=_class_names(table, label))
    labels = [clean_label("" if value is None else value) for value in table[label].to_pylist()]
    written = [""] * len(labels) if usage is None else [str(value) for value in table[usage].to_pylist()]
    split = split_of_path(name)
    images, reasons = _read_images(table, where, {label, usage})
    kept: list[Any] = []
    used: list[str] = []
    for number, (text, image, reason) in enumerate(zip(labels, images, reasons, strict=True), start=1):
        place = f"{where}: row {number}"
        its_split = split if usage is None else split_of(written[number - 1]) or ""
        if reason is not None:
            if on_bad_image == "error":
                raise UnreadableError(place, reason)
            rows.bad.append(BadRow(text, its_split, place, reason))
            continue
        kept.append(image)
        used.append(written[number - 1])
        rows.source.append(f"{make_printable(name)}:row {number}")
        rows.place.append(place)
        rows.label.append(text)
        rows.split.append(its_split)
    rows.images = kept
    if usage is not None:
        refuse_splits(rows, used, usage)
    return rows


def _find_columns(table: Any, where: str) -> tuple[str, str | None]:
    folded = {column.strip().casefold(): column for column in reversed(table.column_names)}
    named = [folded[name] for name in LABEL_NAMES if name in folded]
    words = [column for column in named if _holds_words(table[column])]
    if not named:
        raise InputError(
            f"{where}: has no column of labels by a known name ({_show(table)}); rename the column to label"
        )
    usage = next((folded[name] for name in USAGE_NAMES if name in folded), None)
    return (words or named)[0], usage


def _holds_words(column: Any) -> bool:
    values = column.slice(0, 50).to_pylist()
    return bool(values) and all(isinstance(value, str) and expression_of(value) for value in values)


def _class_names(table: Any, label: str) -> tuple[str, ...]:
    """Return the names of a ClassLabel, which Hugging Face's exports keep beside the columns."""
    try:
        info = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
        names = info["info"]["features"][label]["names"]
        return tuple(expression_of(str(name)) or str(name) for name in names)
    except (ValueError, KeyError, TypeError):
        return ()


def _read_images(table: Any, where: str, taken: set[str | None]) -> tuple[list[Any], list[str | None]]:
    """Return the images, and None or what is wrong for each row."""
    import pyarrow as pa

    single = []
    for column in table.column_names:
        kind = table.schema.field(column).type
        if column not in taken and (
            (
                pa.types.is_struct(kind)
                and {"bytes", "path"} & {kind.field(place).name for place in range(kind.num_fields)}
            )
            or pa.types.is_binary(kind)
            or pa.types.is_large_binary(kind)
        ):
            return _decode([_bytes_of(value) for value in table[column].to_pylist()], where)
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
        if column not in taken and is_list and np.size(table[column][0].as_py() if len(table) else []) >= _LEAST:
            return _to_rows(table[column].to_pylist(), where)
        if column not in taken and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            single.append(column)
        if column not in taken and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            texts = [("" if value is None else value).encode() for value in table[column].to_pylist()]
            if texts and 2 * sum(len(split_numbers(text)) >= _LEAST for text in texts[:24]) > len(texts[:24]):
                form = find_form(texts[:24], 48)
                pixels, reasons = parse_pixels(texts, form)
                good = iter(pixels.reshape(-1, form.side, form.side, 1))
                return [None if reason else next(good) for reason in reasons], reasons
    wide = [column for column in single if column[-1:].isdigit()]
    if len(wide) >= _LEAST:
        stacked = np.stack([table[column].to_numpy() for column in wide], axis=1)
        return _to_rows(list(stacked), where)
    raise InputError(f"{where}: has no column of images ({_show(table)}); it holds no images, or only their paths")


def _to_rows(values: list[Any], where: str) -> tuple[list[Any], list[str | None]]:
    try:
        array = np.array(values)
        side = int(np.sqrt(array.shape[1])) if array.ndim == 2 else 0
        if (
            array.dtype.kind not in "buif"
            or array.ndim not in (2, 3, 4)
            or (array.ndim == 2 and side**2 != array.shape[1])
        ):
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(f"{where}: its images are not all of one square size; save them as one size") from None
    images = to_images(array, where)
    return list(images), [None] * len(images)


def _bytes_of(value: Any) -> bytes | str:
    if isinstance(value, dict):
        value = value.get("bytes") or f"its image is only a path ({value.get('path')}), the pixels are not in the table"
    return value if isinstance(value, bytes | str) else "has no image"


def _decode(values: list[bytes | str], where: str) -> tuple[list[Any], list[str | None]]:
    images: list[Any] = []
    reasons: list[str | None] = []
    for value in values:
        try:
            if isinstance(value, str):
                raise UnreadableError(where, make_printable(value))
            images.append(decode_image(value, where, grey=False))
            reasons.append(None)
        except UnreadableError as error:
            images.append(None)
            reasons.append(error.reason)
    return images, reasons


def _show(table: Any) -> str:
    return make_printable(", ".join(f"{field.name} {field.type}" for field in table.schema)[:200])
