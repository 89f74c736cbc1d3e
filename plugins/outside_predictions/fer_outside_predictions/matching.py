"""Which row of a file is of which image: by row order, by file name, or by a digest of the pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from fer_outside_predictions.table import PredictionTable
from fer_plugins.runtime.errors import InputError

Rows = npt.NDArray[np.int64]
ORDER, NAME, DIGEST = "order", "name", "digest"


def match_rows(
    table: PredictionTable, split: str, sources: Sequence[str], digests: Sequence[str], by: str | None
) -> tuple[Rows, str]:
    """Return for each image of a split its row in the file, (N,), and what they were matched by.

    Args:
        table: the rows of the split.
        split: its name, for messages.
        sources: (N,) names of the images, in the order of the dataset.
        digests: (N,) digests of their pixels (``fer_plugins.data.images.digest_of``).
        by: ORDER, NAME or DIGEST; None: by the column that the file has, by order where it has neither.

    Raises:
        InputError: a row is missing, is there twice, or is of no image of the split.
    """
    by = by or next((role for role in (DIGEST, NAME) if table.column(role)), ORDER)
    if by == ORDER:
        if len(table.values) != len(sources):
            raise InputError(
                f"{table.path}: {len(table.values):,} rows, but {split} has {len(sources):,} images; predict each "
                "image of the split once, in its order, or name the images in a column source"
            )
        return np.arange(len(sources)), by
    names = table.column(by)
    if names is None:
        column = "source" if by == NAME else "digest"
        raise InputError(f"{table.path}: has no column {column}, so --match {by} cannot be; add it, or leave that out")
    return (_by_digest if by == DIGEST else _by_name)(table, split, names, sources, digests), by


def _by_name(
    table: PredictionTable, split: str, names: Sequence[str], sources: Sequence[str], digests: Sequence[str]
) -> Rows:
    del digests
    wanted = list(sources)
    given = [name.replace("\\", "/") for name in names]
    if not set(given) & set(wanted):  # other folders above: the file's own name, where it tells all images apart
        short = [PurePosixPath(source).name for source in sources]
        if len(set(short)) == len(short):
            wanted, given = short, [PurePosixPath(name).name for name in given]
    rows: dict[str, int] = {}
    for number, name in enumerate(given):
        if name in rows:
            raise InputError(
                f"{table.path}: rows {rows[name] + 1} and {number + 1} are both of {names[number]!r}; keep one of them"
            )
        rows[name] = number
    missing = [name for name in wanted if name not in rows]
    known = set(wanted)
    foreign = [names[number] for name, number in rows.items() if name not in known]
    _refuse(table, split, missing, foreign)
    return np.array([rows[name] for name in wanted], dtype=np.int64)


def _by_digest(
    table: PredictionTable, split: str, names: Sequence[str], sources: Sequence[str], digests: Sequence[str]
) -> Rows:
    rows = defaultdict[str, list[int]](list)
    for number, digest in enumerate(names):
        rows[digest.casefold()].append(number)
    images = defaultdict[str, list[int]](list)
    for place, digest in enumerate(digests):
        images[digest].append(place)
    missing = [f"{sources[places[0]]} ({digest})" for digest, places in images.items() if digest not in rows]
    foreign = [names[numbers[0]] for digest, numbers in rows.items() if digest not in images]
    _refuse(table, split, missing, foreign)
    matched = np.zeros(len(sources), dtype=np.int64)
    for digest, places in images.items():  # identical images have one row, or one each
        if len(rows[digest]) not in (1, len(places)):
            raise InputError(
                f"{table.path}: {len(rows[digest])} rows of digest {digest}, which {len(places)} images of {split} "
                "have; give one row, or one for each of them"
            )
        matched[places] = rows[digest]
    return matched


def _refuse(table: PredictionTable, split: str, missing: Sequence[str], foreign: Sequence[str]) -> None:
    if missing:
        raise InputError(
            f"{table.path}: has no row of {len(missing):,} images of {split}, such as {missing[0]}"
            f"{f'; it has rows of others, such as {foreign[0]}' if foreign else ''}; predict every image of the split"
        )
    if foreign:
        raise InputError(
            f"{table.path}: {len(foreign):,} rows are of no image of {split}, such as {foreign[0]}; remove them, or "
            "say of which split each row is in a column split"
        )
