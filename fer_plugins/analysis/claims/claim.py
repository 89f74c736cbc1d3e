"""What a claims file holds: printed numbers, models, class counts from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_plugins.analysis.claims.aliases import Reading


@dataclass(frozen=True)
class Claim:
    """One printed number. Rates are fractions in 0..1."""

    model: str | None  # as the paper calls it; None: a statement about data
    dataset: str | None
    split: str  # one of SPLITS
    metric: str
    value: float | list[list[float]]  # for metric confusion_matrix: counts, shares or percentages
    source: str  # "Table 4"
    note: str = ""
    class_name: str | None = None
    epoch: int | None = None
    classes: tuple[str, ...] | None = None  # of a confusion matrix
    split_means: str | None = None  # what the paper's split really was, where that is known
    protocols: tuple[str, ...] = ()  # that cut this split as the paper did; a flawed paper's are flawed
    written: str = ""  # the number as the file has it, trailing zeros kept
    step: float | None = None  # unit of the last printed digit, where ``written`` does not show it
    over: str | None = None  # of a gain: the model that it is measured against
    averaging: str | None = None  # over classes: "not_stated", where that is known
    averaged: str | None = None  # "folds" or "runs": a mean of as many rates, not a rate of all images
    run: int | None = None  # which of several runs of one model it is the result of
    cells: tuple[tuple[str, ...], ...] = ()  # a matrix as it was written


@dataclass(frozen=True)
class KnownCounts:
    """Images per class of a split, known from elsewhere than a printed table: a release, or an assumption."""

    dataset: str
    split: str  # one of SPLITS
    counts: dict[str, int]
    source: str


@dataclass(frozen=True)
class Claims:
    """A checked claims.yaml."""

    path: Path
    paper: dict[str, Any]
    models: tuple[dict[str, Any], ...]  # name, role ("proposed", "baseline"), params (int or None)
    claims: tuple[Claim, ...]
    counts: tuple[KnownCounts, ...] = ()
    aliases: tuple[Reading, ...] = ()  # what the paper's own names of scores mean
