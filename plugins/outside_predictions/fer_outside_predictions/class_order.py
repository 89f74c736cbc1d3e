"""The columns of a file in the order of the dataset's classes: by name, and whether another order would fit better."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from fer_outside_predictions.table import PredictionTable
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.runtime.errors import InputError

Labels = npt.NDArray[np.int64]


def name_columns(table: PredictionTable, classes: Sequence[str], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the dataset's class that each column of values is of, (K,).

    Args:
        table: of the file.
        classes: of the dataset, in label order.
        given: the order of the columns as the user says it; None: as the file names them.

    Raises:
        InputError: nobody names the columns, a name is no class of the dataset, or a class has no column or two.
    """
    order = ",".join(classes)
    if given is None and not table.names:
        alphabetical = ",".join(sorted(classes))
        other = f" (in alphabetical order: {alphabetical})" if alphabetical != order else ""
        raise InputError(
            f"{table.path}: does not name its classes; say the order of its columns, such as the dataset's own: "
            f"--classes {order}{other}"
        )
    names, where = (table.names, str(table.path)) if given is None else (tuple(given), "--classes")
    if len(names) != table.values.shape[1]:
        raise InputError(
            f"{where}: {len(names)} classes for {table.values.shape[1]} columns of values in {table.path}"
            f"{f' ({chr(44).join(table.names)})' if table.names else ''}; name each column"
        )
    meant = [find_class(name, classes) for name in names]
    unknown = [name for name, known in zip(names, meant, strict=True) if known is None]
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is no class of the dataset; its classes are {order}. Correct the name, or say "
            f"the order of the columns with --classes"
        )
    columns = tuple(filter(None, meant))
    twice = [name for name, count in Counter(columns).items() if count > 1]
    missing = [name for name in classes if name not in columns]
    if twice or missing:
        fault = f"two columns are of {twice[0]}" if twice else f"no column is of {', '.join(missing)}"
        raise InputError(f"{where}: {fault}; give each class of the dataset one column: {order}")
    return columns


def find_class(name: str, classes: Sequence[str]) -> str | None:
    """Return the class of the dataset that a name means: itself in any case, or a synonym of its expression.

    >>> find_class("Angry", ["anger", "happy"]), find_class("joy", ["anger", "happy"]), find_class("3", ["anger"])
    ('anger', 'happy', None)
    """
    same = [known for known in classes if known.casefold() == name.strip().casefold()]
    expression = expression_of(name)
    alike = [known for known in classes if expression is not None and expression_of(known) == expression]
    return next(iter(same or alike), None)


def find_better_order(true: Labels, predicted: Labels, size: int) -> Labels | None:
    """Return the classes that columns would have to be of for most answers to be correct; None where that is no news.

    The best of all orders is that of an assignment of columns to classes. It is reported where it is better by a paired
    test (exact, McNemar) at 0.05 over the number of orders, size!, since it is the best of so many.

    Args:
        true: (N,) labels.
        predicted: (N,) the column with the largest value.
        size: number of classes K.

    Returns:
        (K,) of each column the class.
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
