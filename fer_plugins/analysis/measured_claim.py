"""What a run measured of one claim, in every reading of it, and where the intervals lie to the printed number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fer_plugins.analysis.claims import Claim, dataset_key, read_printed
from fer_plugins.analysis.claims.aliases import Reading, measure_interval
from fer_plugins.analysis.claims.claims_beside import (
    AVERAGING,
    READING,
    RENAMED,
    SPLIT,
    beside,
    readings_of,
    scored_split,
)
from fer_plugins.contract import SPLITS
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.metrics.cluster_keys import KEYS, of_clusters
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.notices import code_of

REPRODUCED, BELOW, ABOVE = "reproduced within the interval", "below", "above"
_MEASURED = ("measured", "interval", "difference")


def measure_claim(
    row: dict[str, Any],
    claim: Claim,
    splits: Mapping[str, Mapping[str, Any]],
    run: FinishedRun,
    aliases: Sequence[Reading],
) -> list[str]:
    """Put what was measured into a claim's row, in each reading; return what prevents a verdict.

    Args:
        row: of the claim; its ``condition`` on the split is there already.
        claim: that is judged.
        splits: split -> scores, as in metrics.json.
        run: the run.
        aliases: what the paper's own names of scores mean.
    """
    split = scored_split(claim, splits)
    if split is None:
        return ["the run scored no split"]
    scores = _scores(splits[split], claim.class_name)
    readings = readings_of(claim.metric, aliases)
    if claim.class_name is not None:  # one class is not averaged
        readings = readings[:1]
    asked = replace(claim, class_name=None, epoch=None)
    protocol = run.record.manifest["protocol"]["name"]
    # What speaks against the protocol is in ``against``.
    rows = [beside(asked, scores, protocol, split, release_splits=SPLITS, reading=reading) for reading in readings]
    kept = [(one, reading) for one, reading in zip(rows, readings, strict=True) if one["interval"]]
    first = kept[0][0] if kept else rows[0]
    row |= {key: first[key] for key in _MEASURED}
    if kept and of_clusters(scores):
        row["by_image"] = measure_interval(kept[0][1], {**scores, **dict.fromkeys(KEYS)})
    for one, reading in kept:
        values = {key: one[key] for key in _MEASURED}
        verdict = _verdict(claim, one["interval"])
        row["readings"].append({"reading": reading.ours, "formula": reading.formula, **values, "verdict": verdict})
    if any(values.get("copies") for values in splits.values()) and split != "train":
        copies = splits[split].get("copies") or {"without": splits[split]}
        without = copies["without"] and _scores(copies["without"], claim.class_name)
        row["without_copies"] = dict.fromkeys(_MEASURED)
        if without:  # else every image has a copy
            reading = kept[0][1] if kept else readings[0]
            less = beside(asked, without, protocol, split, release_splits=SPLITS, reading=reading)
            row["without_copies"] = {key: less[key] for key in _MEASURED}
    passed = {RENAMED, READING, *([AVERAGING] if len(readings) > 1 or claim.class_name is not None else [])}
    passed |= {SPLIT} if row["condition"] else set()
    why = [note for note in first["notes"] if code_of(note) not in passed]
    if why:
        return why
    if row["measured"] is None:
        return [f"the run has no {claim.metric} of {claim.class_name or 'this split'}"]
    return [] if kept else [f"no interval is computed for {claim.metric}"]


def _scores(scores: Mapping[str, Any], class_name: str | None) -> Mapping[str, Any]:
    """Return scores, or those of one class in the same form; a score that is not there is None."""
    if class_name is None:
        return defaultdict(lambda: None, scores)
    meant = _expression_key(class_name)
    wanted = next((name for name in scores["per_class"] if _expression_key(name) == meant), None)
    if wanted is None:
        return defaultdict(lambda: None)
    intervals = scores["intervals"]["per_class"].get(wanted) or {}
    return defaultdict(lambda: None, scores["per_class"][wanted], intervals=intervals, classes=scores["classes"])


def _expression_key(name: str) -> str:
    """Name an expression so that spellings agree; papers write sadness and angry."""
    return dataset_key(expression_of(name) or name)


def _verdict(claim: Claim, interval: Mapping[str, float]) -> str:
    """Return where the measured interval lies to the claim, which is known to half a unit of its last digit."""
    assert isinstance(claim.value, float)
    step = float(read_printed(claim).step)
    unit = step if claim.step or step < 1 else 0.0  # a whole number is meant as it stands
    if interval["high"] < claim.value - unit / 2:
        return BELOW
    return ABOVE if interval["low"] > claim.value + unit / 2 else REPRODUCED
