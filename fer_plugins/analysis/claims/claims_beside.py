"""Compares the claims of a paper with what a run measured, and notes how they differ. Does not import torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fer_plugins.analysis.claims import Claim, Claims, aliases, dataset_key, title
from fer_plugins.analysis.claims.aliases import Reading
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice, as_values

_OWN_SPLIT = {"train": "train", "validation": "val", "test": "test"}  # a claim's split -> ours

_AVERAGES = ("weighted", "micro")
CLAIMED = "claimed"  # code of a remark on the claims for a model's scores; data: {scores: names}
# Codes of notes: averaging over classes not stated; the same number under another name; a name of several scores.
AVERAGING, RENAMED, READING = "averaging", "renamed", "reading"
SPLIT, PROTOCOL = "split", "protocol"  # the claim is about another split; the run used another protocol
_MACRO = ("specificity", "precision", "recall", "f1")
_UNSTATED = Notice(AVERAGING, "averaging not stated, compared with macro")
# Claimed metric -> (score that it is compared with, note). Names of several scores are in ``aliases``.
_SCORES: dict[str, tuple[str, str]] = {
    "accuracy": ("accuracy", ""),
    "balanced_accuracy": ("balanced_accuracy", ""),
    **{name: (name, _UNSTATED) for name in (*_MACRO, "auroc", "average_precision")},
    **{f"macro_{name}": (name, "") for name in (*_MACRO, "auroc", "average_precision")},
    **{f"weighted_{name}": (f"{name}_weighted", "") for name in ("specificity", "precision", "f1")},
    "weighted_recall": ("accuracy", Notice(RENAMED, "weighted recall is accuracy")),
    **{
        f"micro_{name}": ("accuracy", Notice(RENAMED, f"micro {name} is accuracy"))
        for name in ("precision", "recall", "f1")
    },
    "micro_specificity": ("specificity_micro", ""),
    "cross_entropy": ("loss", ""),
    "loss": ("loss", "which terms the loss has is not stated, compared with the mean cross-entropy"),
    "ece": ("ece", "number of bins not stated"),
    "brier": ("brier", "range not stated (0 to 1, or 0 to 2), compared with 0 to 2"),
}
NO_RATES = ("cross_entropy", "loss", "nll", "ece", "brier")  # not compared as rates: no differences in points


def readings_of(metric: str, own: Sequence[Reading] = ()) -> tuple[Reading, ...]:
    """Return every score of a run that a claimed metric may mean, the most usual one first; () if there is none.

    Args:
        metric: as named in claims files.
        own: the meanings of the paper's own names of scores (``Claims.aliases``).
    """
    if metric in _SCORES:
        score, _ = _SCORES[metric]
        first = Reading(metric, "macro average" if metric in _MACRO else score, score, "same", "")
        if metric not in _MACRO:
            return (first,)
        return (first, *(replace(first, formula=f"{how} average", score=f"{metric}_{how}") for how in _AVERAGES))
    try:
        return aliases.readings(metric, own)
    except InputError:
        return ()


def has_several(metric: str) -> bool:
    """Return whether a metric is a name of several scores (GAR, FAR, FRR, ...), all of which are compared."""
    return metric not in _SCORES


def for_run(claims: Claims, model: str | None, dataset_title: str) -> list[Claim]:
    """Return the headline claims (rates; no class, no epoch) on a model and dataset that a run can be compared with.

    Args:
        claims: the claims of the plug-in's paper.
        model: the architecture's name in the claims; None for an architecture without claims.
        dataset_title: such as "CK+"; case and punctuation do not matter, "+" counts as "plus".

    Raises:
        InputError: the file does not list the model.
    """
    if model is None:
        return []
    models = [entry["name"] for entry in claims.models]
    if model not in models:
        raise InputError(f"{claims.path}: models has no {model!r}; known: {', '.join(models)}")
    return [
        claim
        for claim in claims.claims
        if claim.model == model
        and claim.dataset is not None
        and dataset_key(claim.dataset) == dataset_key(dataset_title)
        and readings_of(claim.metric, claims.aliases)
        and claim.metric not in NO_RATES
        and claim.class_name is None
        and claim.epoch is None
    ]


def beside(
    claim: Claim,
    scores: Mapping[str, Any],
    protocol_name: str,
    split: str,
    caveats: Sequence[str] = (),
    *,
    release_splits: Collection[str] = (),
    reading: Reading | None = None,
) -> dict[str, Any]:
    """Compare a claim with the measured score.

    Args:
        claim: as returned by ``for_run``.
        scores: scores of one split, as returned by ``metrics.scores.score``.
        protocol_name: protocol of the run; unless it is "official" or ``split`` is the release's own, a note says so.
        split: the split of ``scores`` ("train", "val", "test").
        caveats: further differences from the paper's conditions ("trained on 20 % of the data").
        release_splits: the run's splits with the same images as in the release (``find_release_splits``).
        reading: one of ``readings_of``, the meaning to assume for the claim; None: the most usual one.

    Returns:
        ``metric, split, reading`` (in our scores, if the metric's name has several), ``source, claimed, printed,
        measured, interval, difference, notes, notices`` (codes and data of notes and remark), ``note, remark``. Rates
        are fractions; ``printed`` is the claimed number as the paper writes it; ``interval`` is that of the measured
        number, or None; ``difference`` is in points (100 x (measured - claimed)). ``measured`` and ``difference`` are
        None if nothing can be compared, ``difference`` also if the score is not a rate. ``note`` is ``notes`` in one
        line; ``remark`` is the remark on the number in the claims file.
    """
    readings = readings_of(claim.metric)
    reading = reading or next(iter(readings), None)
    _, note = _SCORES.get(claim.metric, (None, "" if reading else "not measured"))
    notes = [note] if note else []
    if reading and has_several(claim.metric):
        name = f"{title(claim.metric)} = {reading.formula}"
        notes.append(Notice(READING, f"{name}, one of its readings: {reading.ours}"))
    comparable = reading is not None
    if claim.split == "train" and split != "train":
        notes.append(_of_split(f"training split, which is not a result; measured on {split}: not compared"))
        comparable = False
    elif claim.split_means:
        notes.append(_of_split(f"{claim.split} split = {claim.split_means}; measured on {split}"))
    elif claim.split == "not_stated":
        notes.append(_of_split(f"split not stated; measured on {split}"))
    elif _OWN_SPLIT.get(claim.split) != split:
        names = {"all": "all images", "validation_and_test": "validation and test together"}
        notes.append(_of_split(f"{names.get(claim.split, claim.split + ' split')}; measured on {split}"))
    if protocol_name != "official" and split not in release_splits:
        notes.append(Notice(PROTOCOL, f"measured under protocol {protocol_name}, not on the release's own split"))
    notes += caveats
    measured = aliases.measure(reading, scores) if comparable and reading else None
    if comparable and reading and reading.score not in scores and not isinstance(scores, defaultdict):
        notes.append(f"{reading.score} is not among the scores of the run")
    claimed = claim.value
    difference = None
    if measured is not None and isinstance(claimed, float) and claim.metric not in NO_RATES:
        difference = 100 * (measured - claimed)
    remark = claim.note
    if claim.averaging and not remark:
        remark = Notice(AVERAGING, "averaging (macro/micro/weighted) not stated")
    return {
        "metric": claim.metric,
        "split": claim.split,
        "reading": reading.ours if reading and has_several(claim.metric) else None,
        "source": claim.source,
        "claimed": claimed,
        "printed": as_printed(claim),
        "measured": measured,
        "interval": aliases.measure_interval(reading, scores) if reading and measured is not None else None,
        "difference": difference,
        "notes": notes,
        "notices": as_values([*notes, remark]),
        "note": "; ".join(notes),
        "remark": remark,
    }


def compare(
    claims: Sequence[Claim],
    scores_by_split: Mapping[str, Mapping[str, Any]],
    protocol_name: str,
    caveats: Sequence[str] = (),
    *,
    release_splits: Collection[str] = (),
    own: Sequence[Reading] = (),
) -> list[dict[str, Any]]:
    """Compare every claim with the scores of its split, or of test if its split is unknown or was not scored.

    Claims on the training split are left out unless "train" was scored, since they are not results. A name of several
    scores has one row for each of its readings; ``own`` are the paper's readings (``Claims.aliases``). For the other
    arguments and the rows see ``beside``.
    """
    rows = []
    for claim in claims:
        if claim.split == "train" and "train" not in scores_by_split:
            continue
        split = scored_split(claim, scores_by_split)
        if split is None:
            continue
        readings = readings_of(claim.metric, own) if has_several(claim.metric) else (None,)
        rows += [
            beside(
                claim, scores_by_split[split], protocol_name, split, caveats,
                release_splits=release_splits, reading=reading,
            )
            for reading in readings or (None,)
        ]  # fmt: skip
    return rows


def scored_split(claim: Claim, scored: Collection[str]) -> str | None:
    """Return the scored split to compare a claim with: its own, otherwise test, val or train; None: none is scored."""
    wanted = "test" if claim.split_means else _OWN_SPLIT.get(claim.split, "test")
    return next((name for name in (wanted, "test", "val", "train") if name in scored), None)


def _of_split(text: str) -> Notice:
    return Notice(SPLIT, f"claim: {text}", {"without_prefix": text})


def as_printed(claim: Claim) -> str:
    """Return a claim's number as the paper writes it, including trailing zeros."""
    return claim.written or (f"{claim.value:g}" if isinstance(claim.value, float) else "matrix")
