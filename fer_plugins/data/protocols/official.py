"""The built-in protocols, and the check that every protocol's folds must pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.notices import Notice
from fer_plugins.runtime.seeds import derive

DRAWS_NOTHING = ("official",)  # protocols that the seed does not change

Rows = npt.NDArray[np.int64]
ProtocolCall = Callable[[SampleTable], list[Fold]]  # a protocol whose seed and options are bound


def official(table: SampleTable, seed: int) -> list[Fold]:
    """The release's own split, as one fold. The seed changes nothing.

    Raises:
        InputError: the dataset's release has no split, or lacks one of its three splits.
    """
    del seed
    return [release_fold(table, "official")]


def release_fold(table: SampleTable, protocol: str) -> Fold:
    """Return the release's own split for the protocol of this name; raises as :func:`official` does."""
    if table.split is None:
        remedy = "random" if table.subject is None else "subject_kfold"
        raise InputError(f"protocol {protocol}: the dataset has no official split; use --protocol {remedy}")
    subsets = {name: np.flatnonzero(table.split == name) for name in SPLITS}
    missing = [name for name in SPLITS if len(subsets[name]) == 0]
    if missing:
        # Only this keeps the release's test split where that is there.
        remedy = "official_val" if missing == ["val"] else "random"
        raise InputError(
            f"protocol {protocol}: the dataset's official split has no {' and no '.join(missing)} split; "
            f"use --protocol {remedy}"
        )
    return Fold(**subsets)


def random(table: SampleTable, seed: int, *, val: float = 0.1, test: float = 0.1) -> list[Fold]:
    """Split sample by sample, stratified by class, as one fold; official splits are ignored.

    Images of one subject, one sequence or one source photograph land in different splits, so where a dataset has
    any, the numbers are too good. Each split's count of a class is its share rounded down or up, but at least 1. The
    same images give the same split whatever the order of the rows.

    Args:
        table: the samples.
        seed: decides which samples.
        val: share of the samples for validation, in (0, 1).
        test: share of the samples for the test, in (0, 1).

    Raises:
        InputError: a share is out of range, or a class has fewer than three samples.
    """
    for name, share in (("val", val), ("test", test)):
        if not 0 < share < 1:
            raise InputError(f"protocol.{name} is {share}; give a share between 0 and 1")
    if not val + test < 1:
        raise InputError(f"protocol.val + protocol.test is {val + test:g}; less than 1 must remain, for training")
    generator = np.random.default_rng(derive(seed, "protocol random"))
    order = table.canonical_order()
    order = order[generator.permutation(len(order))]
    subsets: dict[str, list[Rows]] = {name: [] for name in SPLITS}
    for label in np.unique(table.label):
        rows = order[table.label[order] == label]
        if len(rows) < len(SPLITS):
            raise InputError(
                f"protocol random: class {label} (counted from 0) has {len(rows)} samples, at least 3 are needed "
                "(one for each of train, val and test); add images of it, or raise data.limit where that is set"
            )
        ends = np.cumsum(_apportion(len(rows), (1 - val - test, val, test)))
        for name, subset in zip(SPLITS, np.split(rows, ends[:-1]), strict=True):
            subsets[name].append(subset)
    return [Fold(**{name: np.sort(np.concatenate(rows)) for name, rows in subsets.items()})]


def _apportion(total: int, shares: Sequence[float]) -> Rows:
    """Divide ``total`` by ``shares``, which sum to 1, into whole numbers of at least 1 (largest remainders).

    >>> _apportion(29, (0.8, 0.1, 0.1)).tolist()
    [23, 3, 3]
    >>> _apportion(4, (0.8, 0.1, 0.1)).tolist()
    [2, 1, 1]
    """
    quota = total * np.asarray(shares)
    counts = np.floor(quota + 1e-9).astype(np.int64)
    rest = total - int(counts.sum())
    counts[np.argsort(counts - quota, kind="stable")[:rest]] += 1
    while counts.min() < 1:
        counts[counts.argmax()] -= 1
        counts[counts.argmin()] += 1
    return counts


def split_folds(table: SampleTable, protocol: ProtocolCall, *, limit: int | float | None = None) -> list[Fold]:
    """Return the checked folds of ``protocol`` on the table, or on its subset of size ``limit``, as sorted table rows.

    ``limit`` is that of :meth:`SampleTable.subset`.

    Raises:
        InputError: ``limit`` is wrong; the protocol refuses the table; a fold is not three arrays of whole numbers in
            0..len(table)-1; or a row comes twice, in one split or in two (a protocol that says its ``flaw`` may use the
            same rows for val and test).
    """
    chosen = np.arange(len(table)) if limit is None else table.subset(limit)
    subset = table if len(chosen) == len(table) else table.rows(chosen)
    owner = f"protocol {_name_of(protocol)}"
    try:
        folds: object = protocol(subset)
    except InputError:
        raise
    except ValueError as error:  # the contract's way to refuse a table
        raise InputError(f"{owner}: {one_line(error)}") from error
    if not isinstance(folds, list) or not folds:
        raise InputError(f"{owner} must return a list of at least one fold, not {type(folds).__name__}")
    flawed = flaw_of(protocol) is not None
    checked = [_checked_fold(fold, f"{owner}, fold {place}", len(subset), flawed) for place, fold in enumerate(folds)]
    return [Fold(*(chosen[rows] for rows in fold)) for fold in checked]


def pick_fold(folds: Sequence[Fold], number: int, protocol: ProtocolCall) -> Fold:
    """Return fold ``number``, counted from 0; raises InputError if there is none."""
    if not 0 <= number < len(folds):
        raise InputError(f"run.fold is {number}; protocol {_name_of(protocol)} has folds 0 to {len(folds) - 1}")
    return folds[number]


def _checked_fold(fold: object, where: str, size: int, flawed: bool) -> Fold:
    if not isinstance(fold, tuple) or len(fold) != len(SPLITS):
        raise InputError(f"{where} must be a Fold of train, val and test")
    owner = np.full(size, -1)
    subsets: list[Rows] = []
    for number, (name, subset) in enumerate(zip(SPLITS, fold, strict=True)):
        if not (isinstance(subset, np.ndarray) and subset.ndim == 1 and np.issubdtype(subset.dtype, np.integer)):
            raise InputError(f"{where}: {name} must be a one-dimensional array of whole numbers")
        if len(subset) and not (0 <= subset.min() and subset.max() < size):
            raise InputError(f"{where}: {name} has a row outside 0..{size - 1}")
        if len(np.unique(subset)) != len(subset):
            raise InputError(f"{where}: {name} has a row twice")
        shared = subset[owner[subset] >= 0]
        selects_on_test = flawed and name == "test" and np.array_equal(np.sort(subset), subsets[1])
        if len(shared) and not selects_on_test:
            row = int(shared[0])
            raise InputError(f"{where}: row {row} is both in {SPLITS[owner[row]]} and in {name}")
        owner[subset] = number
        subsets.append(np.sort(subset).astype(np.int64))
    return Fold(*subsets)


def flaw_of(protocol: ProtocolCall) -> str | None:
    """Return the protocol's attribute ``flaw``: why its numbers must not be trusted; None for a sound protocol."""
    flaw = _attribute(protocol, "flaw")
    return str(flaw) if flaw is not None else None


def augments_first(protocol: ProtocolCall) -> bool:
    """Return whether images are added before the split, as some papers do; raises InputError without a ``flaw``."""
    if not getattr(_unbound(protocol), "augments_first", False):
        return False
    if flaw_of(protocol) is None:
        raise InputError(
            f"protocol {_name_of(protocol)} says augments_first and no flaw, and that is one; tell its author"
        )
    return True


def wants_near_copies(protocol: ProtocolCall) -> bool:
    """Return whether the protocol, with its options, decides by near copies (the table's column ``near``)."""
    return bool(_attribute(protocol, "wants_near_copies"))


def describe_fold(protocol: ProtocolCall, table: SampleTable, limit: int | float | None = None) -> Notice | None:
    """Return what the protocol's attribute ``describe``, a function of table and options, says of its folds.

    Such as which images it leaves out.
    """
    describe = getattr(_unbound(protocol), "describe", None)
    if describe is None:
        return None
    notice: Notice = describe(table if limit is None else table.rows(table.subset(limit)), **_options(protocol))
    return notice


def _attribute(protocol: ProtocolCall, name: str) -> Any:
    """Return an attribute of the protocol's function; where it is a function of the options, what that returns."""
    value = getattr(_unbound(protocol), name, None)
    return value(**_options(protocol)) if callable(value) else value


def _options(protocol: ProtocolCall) -> dict[str, Any]:
    return protocol.keywords if isinstance(protocol, functools.partial) else {}


def _name_of(protocol: ProtocolCall) -> str:
    call = _unbound(protocol)
    return getattr(call, "__name__", type(call).__name__)


def _unbound(protocol: ProtocolCall) -> Any:
    call: Any = protocol
    while isinstance(call, functools.partial):
        call = call.func
    return call
