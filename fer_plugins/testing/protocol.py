"""The contract of ``fer_plugins.protocols``."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import first_line
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature


def check_protocol(function: Callable[..., list[Fold]], table: SampleTable | None = None) -> None:
    """Check a protocol: disjoint folds within range, and a pure function of table, seed and options.

    Args:
        function: ``(table, seed, typed options) -> list of Fold``; wrap it in ``functools.partial`` to set options.
        table: a table that the protocol can split; default: 210 samples with all columns except ``digest``.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("protocol", function)
    offered = ("table", "seed")
    check_signature(findings, function, required=offered, offered=offered, defaults=False)
    table = example_table() if table is None else table
    flaw = getattr(getattr(function, "func", function), "flaw", None)
    if callable(flaw):  # depends on the options
        flaw = flaw(**getattr(function, "keywords", {}))
    flawed = bool(flaw)
    clean = {name: column.copy() for name, column in table.columns()}
    with kept_generators():
        seed_generators(0)
        state = _global_state()
        folds = findings.attempt(
            lambda: function(table=table, seed=0),
            "splits the table",
            f"function(table=<{len(table)} rows>, seed=0)",
            "serve tables with the columns that it needs; hand check_protocol such a table",
        )
        used = [name for name, before, after in zip(_SOURCES, state, _global_state(), strict=True) if before != after]
        findings.require(
            not used,
            "leaves global seeds alone",
            f"it draws from {', '.join(used)}",
            "use np.random.default_rng(seed)",
        )
        changed = [name for name, column in table.columns() if not np.array_equal(column, clean[name])]
        findings.require(
            not changed, "table unchanged", f"it changed the column {', '.join(changed)}", "sort and shuffle copies"
        )
        if not isinstance(folds, Failed) and _check_form(findings, folds):
            for number, fold in enumerate(folds):
                _check_fold(findings, fold, f"fold {number}", len(table), flawed)
            _check_deterministic(findings, function, table, folds, flawed)
    findings.require(
        flaw is None or (isinstance(flaw, str) and flaw != ""),
        "flaw is text",
        f"it is {flaw!r}",
        "say in words what is wrong",
    )
    findings.report()


def example_table() -> SampleTable:
    """Return 7 classes x 30 samples of 15 subjects, with splits, sequences and votes, but without pixels."""
    rows = np.arange(210)
    label = rows % 7
    return SampleTable(
        label=label.astype(np.int64),
        source=np.array([f"sample{row:03d}.png" for row in rows]),
        split=np.where(rows < 140, "train", np.where(rows < 175, "val", "test")),
        subject=np.array([f"subject{row // 14:02d}" for row in rows]),
        sequence=np.array([f"sequence{row // 2:03d}" for row in rows]),
        votes=np.eye(7)[label] * 8.0 + 0.25,
    )


_SOURCES = ("random", "numpy.random", "torch")


def _global_state() -> tuple[str, str, str]:
    return repr(random.getstate()), repr(np.random.get_state(legacy=False)), repr(torch.get_rng_state().tolist())


def _check_form(findings: Findings, folds: Any) -> bool:
    rule, remedy = "returns folds", "return a list of fer_plugins.contract.Fold(train, val, test)"
    if not isinstance(folds, list) or not folds:
        return findings.require(False, rule, f"it returns {folds!r:.80}", remedy)
    wrong = next((fold for fold in folds if not isinstance(fold, Fold)), None)
    if wrong is not None:
        return findings.require(False, rule, f"an element is a {type(wrong).__name__}", remedy)
    for number, fold in enumerate(folds):
        for split, rows in zip(SPLITS, fold, strict=True):
            observed = f"{split} of fold {number} is a {type(rows).__name__}"
            if isinstance(rows, np.ndarray):
                observed = f"{split} of fold {number} is {rows.dtype} {rows.shape}"
                if rows.dtype == np.int64 and rows.ndim == 1:
                    continue
            return findings.require(
                False, "rows are int64", observed, "use np.flatnonzero, or np.asarray(rows, np.int64)"
            )
    return True


def _check_fold(findings: Findings, fold: Fold, where: str, size: int, flawed: bool) -> None:
    splits = dict(zip(SPLITS, fold, strict=True))
    for split, rows in splits.items():
        if len(rows):
            findings.require(
                0 <= rows.min() and rows.max() < size,
                "rows are in range",
                f"{split} of {where} has rows {rows.min()} to {rows.max()}, the table {size}",
                "number rows from 0 to len(table) - 1",
            )
        findings.require(
            len(np.unique(rows)) == len(rows),
            "rows are unique",
            f"{split} of {where} repeats rows",
            "take each row once",
        )
    for first, second in itertools.combinations(SPLITS, 2):
        shared = len(np.intersect1d(splits[first], splits[second]))
        if flawed and (first, second) == ("val", "test") and shared == len(fold.val) == len(fold.test):
            continue  # it selects on the test split, and declares this
        findings.require(
            shared == 0,
            "parts are disjoint",
            f"{first} and {second} of {where} share {shared} rows",
            "give each row one split; a protocol that selects on the test split must say so in its attribute flaw",
        )
    findings.require(
        len(fold.train) > 0 and len(fold.val) + len(fold.test) > 0,
        "something to train and to score",
        f"{where} has {len(fold.train)} train, {len(fold.val)} val and {len(fold.test)} test rows",
        "refuse tables that it cannot split with a ValueError",
    )


def _check_deterministic(
    findings: Findings, function: Callable[..., list[Fold]], table: SampleTable, folds: list[Fold], flawed: bool
) -> None:
    rule, remedy = "same seed, same folds", "draw from np.random.default_rng(seed) only, and sort what comes from sets"
    seed_generators(1)
    again = findings.attempt(lambda: function(table=table, seed=0), rule, "a second call", remedy)
    if not isinstance(again, Failed) and _check_form(findings, again):
        same = len(again) == len(folds) and all(
            np.array_equal(rows, rows_again)
            for fold, fold_again in zip(folds, again, strict=True)
            for rows, rows_again in zip(fold, fold_again, strict=True)
        )
        findings.require(same, rule, "a second call with seed 0 under other global seeds gives other folds", remedy)
    try:
        reseeded = function(table=table, seed=12345)
    except Exception as error:  # whatever the plug-in raises is the finding
        findings.add("takes any seed", f"seed 12345 raises {first_line(error)}", "serve every seed from 0 on")
        return
    if _check_form(findings, reseeded):
        for number, fold in enumerate(reseeded):
            _check_fold(findings, fold, f"fold {number} of seed 12345", len(table), flawed)
