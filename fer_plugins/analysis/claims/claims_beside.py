"""Puts the claims of a paper beside what a run measured, and says what stands between the two. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fer_plugins.analysis.claims import Claim, Claims, dataset_key
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice, as_values

_OWN_SPLIT = {"train": "train", "validation": "val", "test": "test"}  # a claim's split -> ours

# Claimed metric -> (score it stands beside or None, what to say about it).
_MACRO = ("specificity", "precision", "recall", "f1")
CLAIMED = "claimed"  # code of a remark on claims beside a model's scores; data: {scores: names}
AVERAGING, RENAMED = "averaging", "renamed"  # over classes in a way that is not stated; the same number by another name


def _unstated(renamed: str = "") -> Notice:
    return Notice(AVERAGING, f"{renamed}averaging not stated, compared with macro")


_READINGS: dict[str, tuple[str | None, str]] = {
    "accuracy": ("accuracy", ""),
    "balanced_accuracy": ("balanced_accuracy", ""),
    **{name: (name, _unstated()) for name in (*_MACRO, "auroc", "average_precision")},
    "sensitivity": ("recall", _unstated("sensitivity is recall; ")),
    "gar": ("recall", _unstated("GAR = TP/(TP+FN) is recall; ")),
    "far": (None, "FAR has several readings (1 - specificity, 1 - accuracy, ...): not compared"),
    **{f"macro_{name}": (name, "") for name in (*_MACRO, "auroc", "average_precision")},
    "weighted_recall": ("accuracy", Notice(RENAMED, "weighted recall is accuracy")),
    **{
        f"micro_{name}": ("accuracy", Notice(RENAMED, f"micro {name} is accuracy"))
        for name in ("precision", "recall", "f1")
    },
    "cross_entropy": ("loss", ""),
    "loss": ("loss", "which terms the loss has is not stated, compared with the mean cross-entropy"),
    "ece": ("ece", "number of bins not stated"),
    "brier": ("brier", "range not stated (0 to 1, or 0 to 2), compared with 0 to 2"),
}
NO_RATES = ("cross_entropy", "loss", "ece", "brier")  # no fractions: their differences are not in points


def for_run(claims: Claims, model: str | None, dataset_title: str) -> list[Claim]:
    """Return the headline claims (rates; no class, no epoch) of one model on one dataset that a run can answer.

    Args:
        claims: of the plug-in's paper.
        model: the architecture's name in the claims; None for an architecture without claims.
        dataset_title: such as "CK+"; case and punctuation do not matter, "+" counts as "plus".

    Raises:
        InputError: the file names no such model.
    """
    if model is None:
        return []
    known = [entry["name"] for entry in claims.models]
    if model not in known:
        raise InputError(f"{claims.path}: models has no {model!r}; known: {', '.join(known)}")
    return [
        claim
        for claim in claims.claims
        if claim.model == model
        and claim.dataset is not None
        and dataset_key(claim.dataset) == dataset_key(dataset_title)
        and claim.metric in _READINGS
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
) -> dict[str, Any]:
    """Put a claim beside what was measured.

    Args:
        claim: from ``for_run``.
        scores: of one split, as ``metrics.scores.score`` returns them.
        protocol_name: of the run; any other than "official" is noted where ``split`` is not the release's own.
        split: that ``scores`` belong to ("train", "val", "test").
        caveats: what else differs from the paper's conditions ("trained on 20 % of the data").
        release_splits: the splits of the run that hold the images of the release's own (``find_release_splits``).

    Returns:
        ``metric, source, claimed, printed, measured, interval, difference, notes, notices (codes and data of
        notes and remark), note, remark``: rates as fractions,
        ``printed`` as the paper writes the claimed one, the interval of the measured number or None, difference in
        points (100 x (measured - claimed)); ``measured`` and ``difference`` are None where nothing can be compared,
        ``difference`` also for what is no rate. ``note`` is ``notes`` in one line, ``remark`` what the claims file says
        about the number.
    """
    score, reading = _READINGS.get(claim.metric, (None, "not measured"))
    notes = [reading] if reading else []
    comparable = score is not None
    if claim.split == "train" and split != "train":
        notes.append(_of_split(f"training split, which is no result; measured on {split}: not compared"))
        comparable = False
    elif claim.split_means:
        notes.append(_of_split(f"{claim.split} split = {claim.split_means}; measured on {split}"))
    elif claim.split == "not_stated":
        notes.append(_of_split(f"split not stated; measured on {split}"))
    elif _OWN_SPLIT.get(claim.split) != split:
        names = {"all": "all images", "validation_and_test": "validation and test together"}
        notes.append(_of_split(f"{names.get(claim.split, claim.split + ' split')}; measured on {split}"))
    if protocol_name != "official" and split not in release_splits:
        notes.append(f"measured under protocol {protocol_name}, not on the release's own split")
    notes += caveats
    measured = scores[score] if comparable and score else None
    claimed = claim.value
    difference = None
    if measured is not None and isinstance(claimed, float) and claim.metric not in NO_RATES:
        difference = 100 * (measured - claimed)
    remark = claim.note
    if claim.averaging and not remark:
        remark = Notice(AVERAGING, "averaging (macro/micro/weighted) not stated")
    return {
        "metric": claim.metric,
        "source": claim.source,
        "claimed": claimed,
        "printed": as_printed(claim),
        "measured": measured,
        "interval": scores.get("intervals", {}).get(score) if measured is not None else None,
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
) -> list[dict[str, Any]]:
    """Put every claim beside the split that it speaks of, or beside test where that is unknown or not scored.

    Claims of the training split are left out unless "train" is among the scored splits: they are no results.
    Arguments and rows are those of ``beside``.
    """
    rows = []
    for claim in claims:
        if claim.split == "train" and "train" not in scores_by_split:
            continue
        wanted = "test" if claim.split_means else _OWN_SPLIT.get(claim.split, "test")
        split = next((name for name in (wanted, "test", "val", "train") if name in scores_by_split), None)
        if split is not None:
            scores = scores_by_split[split]
            rows.append(beside(claim, scores, protocol_name, split, caveats, release_splits=release_splits))
    return rows


def _of_split(text: str) -> Notice:
    return Notice("split", f"claim: {text}", {"without_prefix": text})


def as_printed(claim: Claim) -> str:
    """Return a claim's number as the paper writes it, zeros at the end included."""
    return claim.written or (f"{claim.value:g}" if isinstance(claim.value, float) else "matrix")
