"""Reorder rows and columns of a file as in the dataset: rows by order, name or digest, columns by class name."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from fer_outside_predictions.table import PredictionTable
from fer_plugins.data.expressions import expression_of
from fer_plugins.runtime.errors import InputError

Rows = npt.NDArray[np.int64]
ORDER, NAME, DIGEST = "order", "name", "digest"


def match_rows(
    table: PredictionTable, split: str, sources: Sequence[str], digests: Sequence[str], by: str | None
) -> tuple[Rows, str]:
    """Return for each image of a split its row in the file, (N,), and what was used for matching.

    Args:
        table: the rows of the split.
        split: name of the split, for messages.
        sources: (N,) names of the images, in the order of the dataset.
        digests: (N,) digests of their pixels (``fer_plugins.data.images.digest_of``).
        by: ORDER, NAME or DIGEST; None: by the column that the file has, or by order if it has neither.

    Raises:
        InputError: a row is missing, duplicate, or belongs to no image of the split.
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
    row_names = [name.replace("\\", "/") for name in names]
    if not set(row_names) & set(wanted):  # other parent folders: the bare file name, if it is unique for all images
        short = [PurePosixPath(source).name for source in sources]
        if len(set(short)) == len(short):
            wanted, row_names = short, [PurePosixPath(name).name for name in row_names]
    rows: dict[str, int] = {}
    for number, name in enumerate(row_names):
        if name in rows:
            raise InputError(
                f"{table.path}: rows {rows[name] + 1} and {number + 1} are both of {names[number]!r}; keep one of them"
            )
        rows[name] = number
    missing = [name for name in wanted if name not in rows]
    wanted_set = set(wanted)
    foreign = [names[number] for name, number in rows.items() if name not in wanted_set]
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


Labels = npt.NDArray[np.int64]


def name_columns(table: PredictionTable, classes: Sequence[str], class_order: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dataset's class of each column of values, (K,).

    Args:
        table: table of the file.
        classes: class names of the dataset, in label order.
        class_order: the user's order of the columns; None: the names in the file.

    Raises:
        InputError: the columns have no names, a name is not a class of the dataset, or a class has no column or two.
    """
    order = ",".join(classes)
    if class_order is None and not table.names:
        alphabetical = ",".join(sorted(classes))
        hint = f" (in alphabetical order: {alphabetical})" if alphabetical != order else ""
        raise InputError(
            f"{table.path}: does not name its classes; say the order of its columns, such as the dataset's own: "
            f"--classes {order}{hint}"
        )
    names, where = (table.names, str(table.path)) if class_order is None else (tuple(class_order), "--classes")
    if len(names) != table.values.shape[1]:
        raise InputError(
            f"{where}: {len(names)} classes for {table.values.shape[1]} columns of values in {table.path}"
            f"{f' ({chr(44).join(table.names)})' if table.names else ''}; name each column"
        )
    matches = [find_class(name, classes) for name in names]
    unknown = [name for name, match in zip(names, matches, strict=True) if match is None]
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is not a class of the dataset; its classes are {order}. Correct the name, or say "
            f"the order of the columns with --classes"
        )
    columns = tuple(filter(None, matches))
    twice = [name for name, count in Counter(columns).items() if count > 1]
    missing = [name for name in classes if name not in columns]
    if twice or missing:
        fault = f"two columns are of {twice[0]}" if twice else f"no column is of {', '.join(missing)}"
        raise InputError(f"{where}: {fault}; give each class of the dataset one column: {order}")
    return columns


def find_class(name: str, classes: Sequence[str]) -> str | None:
    """Return the class of the dataset that a name means: the same name ignoring case, or a synonym of its expression.

    >>> find_class("Angry", ["anger", "happy"]), find_class("joy", ["anger", "happy"]), find_class("3", ["anger"])
    ('anger', 'happy', None)
    """
    same = [label for label in classes if label.casefold() == name.strip().casefold()]
    expression = expression_of(name)
    alike = [label for label in classes if expression is not None and expression_of(label) == expression]
    return next(iter(same or alike), None)


def find_better_order(true: Labels, predicted: Labels, size: int) -> Labels | None:
    """Return the order of classes for which most predictions would be correct; None if it is not significantly better.

    The best of all orders is found as an assignment of columns to classes. It is reported if it is better by a paired
    test (exact, McNemar) at 0.05 divided by the number of orders, size!, since it is the best of so many.

    Args:
        true: (N,) labels.
        predicted: (N,) index of the column with the largest value.
        size: number of classes K.

    Returns:
        (K,) class of each column.
    """
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (predicted, true), 1)
    _, order = linear_sum_assignment(counts, maximize=True)
    now, then = predicted == true, order[predicted] == true
    gained, lost = int((then & ~now).sum()), int((now & ~then).sum())
    if gained <= lost:
        return None
    p = binomtest(gained, gained + lost, alternative="greater").pvalue
    return order if p < 0.05 / math.factorial(size) else None
