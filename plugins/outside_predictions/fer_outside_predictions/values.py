"""Probabilities of what a file holds: which of the two it is, and whether it can be that."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from fer_outside_predictions.table import LOGITS, PROBABILITIES, PredictionTable, Values
from fer_plugins.runtime.errors import InputError

TOLERANCE = 0.01  # of the sum of a row: seven probabilities that were rounded to three digits
_EXACT = 1e-5  # float32; rows that differ more are divided by their sum, and that is said


def to_probabilities(table: PredictionTable, wanted: str | None) -> tuple[Values, str, list[str]]:
    """Return probabilities, what the file held, and what is to be said of it.

    Args:
        table: of the file.
        wanted: PROBABILITIES or LOGITS, as the user says; None: as the file says, or as its numbers show.

    Returns:
        (N, K), rows that sum to 1; PROBABILITIES or LOGITS; sentences.

    Raises:
        InputError: a value is no finite number, the two cannot be told apart, or a row is no distribution.
    """
    values, path, notes = table.values, table.path, list[str]()
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise InputError(
            f"{path}: row {bad[0] + 1} holds a value that is no finite number ({len(bad):,} such rows); predict these "
            "images again"
        )
    if wanted and table.kind and wanted != table.kind:
        raise InputError(f"{path}: says itself that it holds {table.kind}; leave --values {wanted} out")
    kind = wanted or table.kind
    sums = values.sum(1)
    if not kind:
        kind = _recognise(table, sums)
        notes.append(f"taken for {kind}: {_reason(kind)}; --values says it yourself")
    if kind == LOGITS:
        return softmax(values, axis=1), kind, notes
    outside = np.flatnonzero(((values < 0) | (values > 1 + _EXACT)).any(1))
    if len(outside):
        raise InputError(
            f"{path}: row {outside[0] + 1} has a value outside of 0 to 1 ({len(outside):,} such rows), so these are no "
            f"probabilities; give --values {LOGITS} if that is what they are"
        )
    wrong = np.flatnonzero(np.abs(sums - 1) > TOLERANCE)
    if len(wrong):
        raise InputError(
            f"{path}: row {wrong[0] + 1} sums to {sums[wrong[0]]:.4f} and not to 1 ({len(wrong):,} such rows); give "
            f"every class a column, or --values {LOGITS} if that is what they are"
        )
    largest = float(np.abs(sums - 1).max())
    if largest > _EXACT:
        notes.append(f"rows sum to 1 within {largest:.2g} only, as rounded numbers do; each is divided by its sum")
    return np.clip(values / sums[:, None], 0, 1), kind, notes


def _recognise(table: PredictionTable, sums: Values) -> str:
    """Tell what values are: negative numbers are no probabilities, and rows of logits do not all sum to 1."""
    if (table.values < 0).any():
        return LOGITS
    if (table.values <= 1 + _EXACT).all() and (np.abs(sums - 1) <= TOLERANCE).all():
        return PROBABILITIES
    row = int(np.argmax(np.abs(sums - 1)))
    raise InputError(
        f"{table.path}: neither probabilities nor surely logits: no value is negative, and row {row + 1} sums to "
        f"{sums[row]:.4f}; give probabilities that sum to 1, or --values {LOGITS} if that is what they are"
    )


def _reason(kind: str) -> str:
    return "some values are negative" if kind == LOGITS else "all lie within 0 to 1, and every row sums to 1"
