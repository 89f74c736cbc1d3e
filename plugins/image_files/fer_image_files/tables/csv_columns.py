"""Find the columns of pixels, labels and splits of a csv, by name or by value."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fer_image_files.archives.file_set import make_printable
from fer_image_files.decoding import is_image
from fer_image_files.tables.face_rows import clean_label
from fer_image_files.tables.pixel_text import split_numbers
from fer_plugins.data.expressions import expression_of
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

# Usual names of columns, the most likely first.
LABEL_NAMES = (
    *("emotion", "emotions", "expression", "expressions", "label", "labels", "class", "classes", "category", "target"),
    *("y", "emotion_label", "emotion_id", "class_id", "emotion_name", "label_name", "class_name", "name"),
)
USAGE_NAMES = ("usage", "split", "subset", "partition", "set", "purpose")
_PIXEL_NAMES = ("pixels", "pixel", "image", "images", "img", "data", "face")
LEAST = 64  # numbers: fewer are not an image
_PLAIN_CODES = 10  # if no name identifies the label column, its labels are among 0..9


@dataclass(frozen=True)
class Columns:
    """Indices of the columns, from 0."""

    label: int
    pixels: tuple[int, ...]  # one column of numbers separated by blanks, or one column per pixel
    usage: int | None
    width: int  # number of columns
    label_name: str = ""  # as written, if it is worth a note


def find_columns(names: Sequence[str], samples: Sequence[Sequence[str]], width: int, where: str) -> Columns:
    """Find the columns of pixels, labels and splits by a known name, else by content.

    ``names`` is empty if the file has no header; ``samples`` are its first rows, each with ``width`` fields. Raises
    InputError if there are no pixels or no labels, or several columns could be either.
    """
    folded = [name.strip().casefold() for name in names] or [""] * width
    pixels = _find_pixels(folded, samples, width)
    if not pixels:
        raise _refuse_pixels(names, samples, where)
    rest = sorted({*range(width)} - {*pixels})
    texts = {place: [row[place] for row in samples] for place in rest}
    usage = _first_named(folded, USAGE_NAMES, rest)
    if usage is not None and folded[usage] not in USAGE_NAMES[:2] and not any(map(split_of, texts[usage])):
        usage = None
    if usage is None:
        usage = next((p for p in rest if samples and all(map(split_of, texts[p]))), None)
    rest = [place for place in rest if place != usage]
    named = sorted((p for p in rest if folded[p] in LABEL_NAMES), key=lambda p: LABEL_NAMES.index(folded[p]))
    # Words define a class, codes only a numbering by the author of this file.
    worded = [p for p in named if samples and all(expression_of(text) for text in texts[p])]
    if named:
        label = (worded or named)[0]
        return Columns(label, pixels, usage, width, names[label] if label != named[0] else "")
    plain = [place for place in rest if samples and all(map(_is_plain_label, texts[place]))]
    if not names and len(rest) == 1:
        plain = rest
    if len(plain) == 1:
        return Columns(plain[0], pixels, usage, width, names[plain[0]] if names else f"number {plain[0] + 1}")
    shown = _show(names) if names else f"none named, {width} fields a row"
    if len(plain) > 1:
        raise InputError(
            f"{where}: several columns could be the labels (columns: {shown}); name the right one emotion in the first"
            " line"
        )
    if not rest or not names:
        raise InputError(
            f"{where}: holds images without labels (columns: {shown}), as the challenge's test.csv does: "
            "nothing can be trained or scored on it; give fer2013.csv or icml_face_data.csv"
        )
    raise InputError(
        f"{where}: holds images without labels, or with labels in a column of an unknown name (columns: {shown}); "
        "rename the column of labels to emotion, or give fer2013.csv or icml_face_data.csv"
    )


def is_number(field: str) -> bool:
    """Return whether a field is a finite number."""
    try:
        return field.isascii() and math.isfinite(float(field))
    except ValueError:
        return False


def _is_plain_label(text: str) -> bool:
    label = clean_label(text)
    return expression_of(label) is not None or (label.isdecimal() and label.isascii() and int(label) < _PLAIN_CODES)


def _first_named(folded: Sequence[str], names: Sequence[str], among: Sequence[int]) -> int | None:
    return next((place for name in names for place in among if folded[place] == name), None)


def _find_pixels(folded: Sequence[str], samples: Sequence[Sequence[str]], width: int) -> tuple[int, ...]:
    def long(place: int) -> bool:
        full = sum(len(split_numbers(row[place])) >= LEAST for row in samples)
        return 2 * full > len(samples)

    named = _first_named(folded, _PIXEL_NAMES[:1], range(width))
    if named is not None:
        return (named,)
    full = [place for place in range(width) if long(place)]
    if full:
        return (next((place for place in full if folded[place] in _PIXEL_NAMES), full[0]),)
    by_stem: dict[str, list[int]] = {}
    for place, name in enumerate(folded):
        if matched := re.fullmatch(r"(\D*?)\d+(?:[x_,.]\d+)?", name):
            by_stem.setdefault(matched[1], []).append(place)
    wide = max(by_stem.values(), key=len, default=[])
    wide = wide if len(wide) >= LEAST else []
    if not wide and width > LEAST and samples and not any(folded):
        wide = [place for place in range(width) if all(is_number(row[place]) for row in samples)]
    if len(wide) < LEAST:
        return ()
    if math.isqrt(len(wide)) ** 2 == len(wide) - 1:
        # One of the number columns is the label: the one at the end that contains only codes.
        texts = {place: [row[place] for row in samples] for place in (wide[0], wide[-1])}
        ends = [place for place, column in texts.items() if all(map(_is_plain_label, column))]
        ends = [place for place in ends if len(set(texts[place])) > 1] or ends
        if len(ends) == 1:
            wide.remove(ends[0])
    return tuple(wide)


def _refuse_pixels(names: Sequence[str], samples: Sequence[Sequence[str]], where: str) -> InputError:
    shown = _show(names)
    files = any(is_image(field) for row in samples for field in row)
    looks = ""
    if {"nf", "neutral", "happiness"} <= {name.strip().casefold() for name in names}:
        looks = "; it looks like the votes of FER+, which --data ferplus reads beside fer2013.csv"
    elif files:
        looks = "; it looks like a list of image files, which --data folder reads with --data.csv"
    return InputError(
        f"{where}: the columns emotion and pixels are needed (and Usage for the splits); found: {shown}{looks}"
    )


def _show(names: Sequence[str]) -> str:
    shown = ", ".join(names)
    if not names or not shown.isprintable():
        return "no readable names"
    return make_printable(shown if len(shown) <= 200 else f"{shown[:180]}, ... ({len(names)} columns)")
