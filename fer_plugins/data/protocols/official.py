"""The protocols `official` and `random`, and the checks that the folds of every protocol must pass."""

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

DRAWS_NOTHING = ("official",)  # protocols on which the seed has no effect

Rows = npt.NDArray[np.int64]
ProtocolCall = Callable[[SampleTable], list[Fold]]  # a protocol with its seed and options bound


def official(table: SampleTable, seed: int) -> list[Fold]:
    """Return the official split of the release, as one fold. The seed has no effect.

    Raises:
        InputError: The release has no split, or lacks one of the three splits.
    """
    del seed
    return [release_fold(table, "official")]


def release_fold(table: SampleTable, protocol: str) -> Fold:
    """Return the official split for the protocol with this name; raises the errors of :func:`official`."""
    if table.split is None:
        remedy = "random" if table.subject is None else "subject_kfold"
        raise InputError(f"protocol {protocol}: the dataset has no official split; use --protocol {remedy}")
    subsets = {name: np.flatnonzero(table.split == name) for name in SPLITS}
    missing = [name for name in SPLITS if len(subsets[name]) == 0]
    if missing:
        # Only official_val keeps the official test split, if there is one.
        remedy = "official_val" if missing == ["val"] else "random"
        raise InputError(
            f"protocol {protocol}: the dataset's official split has no {' and no '.join(missing)} split; "
            f"use --protocol {remedy}"
        )
    return Fold(**subsets)


def random(table: SampleTable, seed: int, *, val: float = 0.1, test: float = 0.1) -> list[Fold]:
    """Split by sample, stratified by class, as one fold; official splits are ignored.

    Images of the same subject, sequence or source photograph can be in different splits, so scores are too optimistic
    if a dataset has any. Each split gets its fraction of each class rounded down or up, but at least 1 sample. The same
    images give the same split, whatever the order of the rows.

    Args:
        table: the samples.
        seed: seed of the random split.
        val: fraction of the samples used for validation, in (0, 1).
        test: fraction of the samples used for testing, in (0, 1).

    Raises:
        InputError: A fraction is out of range, or a class has fewer than three samples.
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
    """Divide ``total`` in proportion to ``shares``, which sum to 1, into integers >= 1 (largest remainder method).

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
    """Run ``protocol`` on the table, or a subset of size ``limit``, and return the checked folds as sorted table rows.

    ``limit`` is as in :meth:`SampleTable.subset`.

    Raises:
        InputError: ``limit`` is invalid; the protocol refuses the table; a fold is not three integer arrays with values
            in 0..len(table)-1; or a row occurs twice, in one split or in two (a protocol with a ``flaw`` may use the
            same rows for val and test).
    """
    chosen = np.arange(len(table)) if limit is None else table.subset(limit)
    subset = table if len(chosen) == len(table) else table.rows(chosen)
    owner = f"protocol {_name_of(protocol)}"
    try:
        folds: object = protocol(subset)
    except InputError:
        raise
    except ValueError as error:  # raised by protocols that refuse a table, see the contract
        raise InputError(f"{owner}: {one_line(error)}") from error
    if not isinstance(folds, list) or not folds:
        raise InputError(f"{owner} must return a list of at least one fold, not {type(folds).__name__}")
    flawed = flaw_of(protocol) is not None
    checked = [_checked_fold(fold, f"{owner}, fold {place}", len(subset), flawed) for place, fold in enumerate(folds)]
    return [Fold(*(chosen[rows] for rows in fold)) for fold in checked]


def pick_fold(folds: Sequence[Fold], number: int, protocol: ProtocolCall) -> Fold:
    """Return the fold with index ``number``, from 0; raises InputError if it does not exist."""
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
    """Return the protocol's attribute ``flaw``, why its scores must not be trusted; None for a sound protocol."""
    flaw = _attribute(protocol, "flaw")
    return str(flaw) if flaw is not None else None


def augments_first(protocol: ProtocolCall) -> bool:
    """Return whether images are generated before the split, as in some papers; raises InputError without a ``flaw``."""
    if not getattr(_unbound(protocol), "augments_first", False):
        return False
    if flaw_of(protocol) is None:
        raise InputError(
            f"protocol {_name_of(protocol)} says augments_first and no flaw, and that is one; tell its author"
        )
    return True


def wants_near_copies(protocol: ProtocolCall) -> bool:
    """Return whether the protocol, with its options, depends on near copies (the column ``near`` of the table)."""
    return bool(_attribute(protocol, "wants_near_copies"))


def describe_fold(protocol: ProtocolCall, table: SampleTable, limit: int | float | None = None) -> Notice | None:
    """Return the result of the protocol's attribute ``describe``, a function of table and options, or None.

    It says, for example, which images the protocol leaves out.
    """
    describe = getattr(_unbound(protocol), "describe", None)
    if describe is None:
        return None
    notice: Notice = describe(table if limit is None else table.rows(table.subset(limit)), **_options(protocol))
    return notice


def _attribute(protocol: ProtocolCall, name: str) -> Any:
    """Return an attribute of the protocol's function, or its result if it is a function of the options."""
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
