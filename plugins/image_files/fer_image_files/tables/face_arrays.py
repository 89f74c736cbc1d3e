"""Pair arrays of images with arrays of labels, by shape and by the splits in their names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_image_files.archives.file_set import make_printable
from fer_image_files.tables.face_rows import FaceRows, make_rows
from fer_plugins.data.expressions import expression_of
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

_LEAST_SIDE = 8  # pixels
_MOST_CLASSES = 10
_LABEL_WORDS = ("y", "label", "labels", "emotion", "emotions", "target", "targets", "class", "classes", "expression")
_Array = npt.NDArray[Any]


class ArraySet(NamedTuple):
    """Names of the arrays that belong together; labels is "" if they are a column of the image array."""

    images: str
    labels: str
    usage: str
    split: str
    names: tuple[str, ...]  # class names by code


def find_sets(arrays: Mapping[str, _Array], where: str) -> tuple[list[ArraySet], list[str]]:
    """Return which arrays are the images and labels of each split, and notes on what was guessed or not read.

    Raises InputError with a list of the arrays if none match, or several match equally well.
    """
    if not arrays:
        raise InputError(
            f"{where}: holds no array of images; it may be a model's weights. Give arrays X and y in one npz"
        )
    by_split: dict[str, list[str]] = {}
    for key in arrays:
        by_split.setdefault(split_of_key(key), []).append(key)
    images = {split: [key for key in keys if _are_images(arrays[key])] for split, keys in by_split.items()}
    images = {split: keys for split, keys in images.items() if keys}
    if not images:
        raise InputError(f"{where}: holds no array of images (N x H x W, or N x pixels): {_list(arrays)}")
    names = next((class_names for key in arrays if (class_names := _class_names(arrays[key]))), ())
    sets, notes = [], []
    for split, keys in images.items():
        if len(keys) > 1:
            raise InputError(
                f"{where}: several arrays could be the images of {split or 'the one set'}: "
                f"{_list({key: arrays[key] for key in keys})}; give --data.root one file, or save X and y alone"
            )
        size = len(arrays[keys[0]])
        rest = [
            key for key in by_split[split] if key not in keys and not (names and _class_names(arrays[key]) == names)
        ]
        fitting = [key for key in rest if arrays[key].ndim in (1, 2) and len(arrays[key]) == size]
        usage = next((key for key in fitting if _all_mean(arrays[key], split_of)), "")
        labels = _choose_labels(arrays, [key for key in fitting if key != usage], where)
        if labels is None and _label_column(arrays[keys[0]]) is not None:
            labels = ""
        if labels is None:
            lengths = [key for key in rest if arrays[key].ndim in (1, 2)]
            if lengths and not fitting:
                raise InputError(
                    f"{where}: {keys[0]} has {size:,} images and {lengths[0]} {len(arrays[lengths[0]]):,} labels; the "
                    "two do not belong together: save them again"
                )
            notes.append(f"{keys[0]} holds {size:,} images without labels, which were not read.")
            continue
        sets.append(ArraySet(keys[0], labels, usage, split, names))
    if not sets:
        raise InputError(f"{where}: holds images without labels: {_list(arrays)}; save the labels beside them, as y")
    plain = next((array_set.images for array_set in sets if not array_set.split), "")
    if plain and len(sets) > 1:
        if any(array_set.split == "train" for array_set in sets):
            raise InputError(f"{where}: {plain} names no split, others do: {_list(arrays)}; rename or remove it")
        notes.append(f"{plain} names no split beside others that do: it was read as train.")
        sets = [array_set._replace(split=array_set.split or "train") for array_set in sets]
    return sets, notes


def read_set(arrays: Mapping[str, _Array], array_set: ArraySet, where: str) -> FaceRows:
    """Return the rows of one set; raises InputError for values that are not pixels, or labels that are fractions."""
    array = arrays[array_set.images]
    column = None if array_set.labels else _label_column(array)
    if column is None:
        labels = arrays[array_set.labels]
    else:
        labels, array = array[:, column], np.delete(array, column, axis=1)
    sources = [f"{array_set.images}:row {row}" for row in range(1, len(array) + 1)]
    return make_rows(
        where,
        sources=sources,
        places=[f"{where}:{source}" for source in sources],
        labels=_to_labels(labels, f"{where}: {array_set.labels or array_set.images}"),
        images=to_images(array, f"{where}: {array_set.images}"),
        split=array_set.split,
        usages=[_text(value) for value in arrays[array_set.usage].ravel()] if array_set.usage else None,
        usage_column=array_set.usage,
        names=array_set.names,
    )


def to_images(array: _Array, where: str) -> npt.NDArray[np.uint8]:
    """Convert (N, H * H), (N, H, W), (N, H, W, C) or (N, C, H, W) to uint8 (N, H, W, C), C 1 or 3.

    Values are integers or floats in 0..255, or fractions in 0..1, distinguished by the maximum. Raises InputError for
    others.
    """
    if array.ndim == 2:
        side = math.isqrt(array.shape[1])
        array = array.reshape(len(array), side, side)
    if array.ndim == 3:
        array = array[..., np.newaxis]
    elif array.shape[-1] not in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    least, most = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (0 <= least and most <= 255):
        raise InputError(
            f"{where}: its values reach from {least:.3g} to {most:.3g}; pixels are 0 to 255, or fractions 0 to 1. "
            "Save them before they are standardised"
        )
    if array.dtype.kind == "f":
        array = np.rint(array * array.dtype.type(255 if most <= 1 else 1))
    return array.astype(np.uint8)


def split_of_key(key: str) -> str:
    """Return the split named by an array's name, else by its file or folder; "" if none or several are named.

    >>> split_of_key("faces/X_train"), split_of_key("modytest"), split_of_key("a/PublicTestX")
    ('train', 'test', 'val')
    """
    for part in reversed(key.split("/")):
        joined = re.sub(r"[\s_.-]+", "", part.lower())
        for word, split in (("publictest", "val"), ("privatetest", "test")):
            if word in joined:
                return split
        if part_split := split_of(part):
            return part_split
        splits = set()
        for token in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part):
            word = token.lower()
            bare = re.sub(r"^.*[xy](?=(?:train|val|test|valid)$)|[xy]$", "", word)
            splits.add(split_of(word) or split_of(bare) or "")
        splits.discard("")
        if len(splits) == 1:
            return splits.pop()
    return ""


def _are_images(array: _Array) -> bool:
    if array.dtype.kind not in "buif" or len(array.shape) < 2:
        return False
    if array.ndim == 2:
        width = array.shape[1]
        square = math.isqrt(width) ** 2
        return width >= _LEAST_SIDE**2 and (
            square == width or (square == width - 1 and _label_column(array) is not None)
        )
    if array.ndim == 3:
        return bool(min(array.shape[1:]) >= _LEAST_SIDE)
    return array.ndim == 4 and (
        (array.shape[3] in (1, 3) and min(array.shape[1:3]) >= _LEAST_SIDE)
        or (array.shape[1] in (1, 3) and min(array.shape[2:]) >= _LEAST_SIDE)
    )


def _label_column(array: _Array) -> int | None:
    """Return the index of the code column of an array (N, pixels + 1): the first or the last, or None."""
    if array.ndim != 2 or math.isqrt(array.shape[1]) ** 2 != array.shape[1] - 1 or not len(array):
        return None
    ends = [place for place in (0, -1) if np.isin(array[:, place], range(_MOST_CLASSES)).all()]
    ends = [place for place in ends if len(np.unique(array[:, place])) > 1] or ends
    return ends[0] if len(ends) == 1 else None


def _choose_labels(arrays: Mapping[str, _Array], fitting: list[str], where: str) -> str | None:
    fitting = [key for key in fitting if arrays[key].ndim == 1 or arrays[key].shape[1] <= _MOST_CLASSES]
    worded = [key for key in fitting if _all_mean(arrays[key], expression_of)]
    named = [key for key in fitting if set(re.split(r"[^a-z]+", key.rpartition("/")[2].lower())) & {*_LABEL_WORDS}]
    for keys in (worded, fitting if len(fitting) == 1 else named):
        if len(keys) == 1:
            return keys[0]
    if len(fitting) > 1:
        shown = _list({key: arrays[key] for key in fitting})
        raise InputError(f"{where}: several arrays could be the labels: {shown}; save X and y alone in one npz")
    return None


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _all_mean(array: _Array, meaning: Callable[[str], str | None]) -> bool:
    """Return whether all entries are words that mean an expression, or a split."""
    is_text = array.ndim == 1 and array.dtype.kind in "SUOT"
    return is_text and all(meaning(_text(value)) for value in np.unique(array))


def _class_names(array: _Array) -> tuple[str, ...]:
    if array.ndim != 1 or not 1 < len(array) <= _MOST_CLASSES or array.dtype.kind not in "SUOT":
        return ()
    names = tuple(expression_of(_text(value)) or "" for value in array)
    return names if len(set(names)) == len(names) and all(names) else ()


def _to_labels(array: _Array, where: str) -> list[str]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        if not (((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()):
            raise InputError(
                f"{where}: each row must be one 1 among 0s (one-hot), or one code; "
                "shares of several classes are not a label"
            )
        array = array.argmax(1)
    return [_text(value) for value in array.tolist()]


def _list(arrays: Mapping[str, _Array]) -> str:
    shown = [f"{key} {array.dtype} {array.shape}" for key, array in list(arrays.items())[:8]]
    more = f" and {len(arrays) - 8} more" if len(arrays) > 8 else ""
    return make_printable("; ".join(shown) + more)
