"""What a run measured for a claim, in each of its readings, and for which splits a claim may be judged."""

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
from fer_plugins.config import registry
from fer_plugins.contract import SPLITS
from fer_plugins.data.expressions import expression_of
from fer_plugins.metrics.cluster_keys import KEYS, of_clusters
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.notices import code_of

_RELEASES_OWN_TEST = ("official", "official_val")
# Protocols that a paper does not use without saying so: other data, a list of ours, copies left out.
_NOT_SILENTLY = ("cross_dataset", "file", "official_deduplicated")
_USUAL_TEST_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3)


def is_releases_own(run: FinishedRun) -> bool:
    """Return whether the reported split has the same images as in the dataset's release."""
    splits = run.record.manifest["data"].get("release_parts")
    if splits is None:  # a run of an earlier version, or folds, none of which is the release's split
        return run.record.manifest["protocol"]["name"] in _RELEASES_OWN_TEST
    return run.split in splits


def split_condition(claim: Claim, run: FinishedRun) -> tuple[str, str]:
    """Return the condition of a verdict on a claim, and the reason if there can be none; "" if not applicable."""
    protocol = run.record.manifest["protocol"]
    name = protocol["name"]
    if name in claim.protocols:
        return f"under protocol {name}, which cuts as the paper did: {protocol.get('flaw') or 'sound'}", ""
    if claim.split != "not_stated":
        return "", ""
    if name == "random" and not _is_usual(protocol):
        shares = f"test {protocol.get('test')}, val {protocol.get('val')}"
        return "", f"the paper's split is not stated, and {shares} is not a usual ratio; use a test share of 0.1 to 0.3"
    if name in _NOT_SILENTLY and not is_releases_own(run):
        return "", f"the paper's split is not stated, and is not that of protocol {name}"
    flaw = f", which is flawed: {protocol['flaw']}" if protocol.get("flaw") else ""
    return f"if the paper's split, which is not stated, was that of {name_protocol(protocol)}{flaw}", ""


def _is_usual(protocol: Mapping[str, Any]) -> bool:
    return any(abs(float(protocol.get("test", 0.1)) - share) < 1e-9 for share in _USUAL_TEST_SHARES)


def name_protocol(protocol: Mapping[str, Any]) -> str:
    """Return the name of a protocol, for random with percentages of train, val and test: "random 80/10/10"."""
    if protocol["name"] != "random":
        return str(protocol["name"])
    val, test = (100 * float(protocol.get(key, 0.1)) for key in ("val", "test"))
    return f"random {100 - val - test:g}/{val:g}/{test:g}"


def sum_up_splits(reports: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Summarise the verdicts on claims whose split is not stated, over runs of one model on one dataset.

    Args:
        reports: the result of ``verify_run`` for each run.

    Returns:
        For each model and dataset with such claims {``plugin, dataset``, ``protocols`` (those of the runs),
        ``claims`` [{metric, class, source, printed, ``verdicts`` {protocol: [verdict of each run]}}], ``not_run``
        (installed protocols that the paper could have used as well)}.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for report in reports:
        groups.setdefault((report["plugin"], report["dataset"]), []).append(report)
    summaries = []
    for (plugin, dataset), group in groups.items():
        rows: dict[tuple[Any, ...], dict[str, list[str]]] = {}
        for report in group:
            for claim in report["claims"]:
                if claim["split"] == "not_stated" and claim["condition"] and claim["measured"] is not None:
                    key = tuple(claim[name] for name in ("metric", "class", "source", "printed"))
                    rows.setdefault(key, {}).setdefault(report["protocol_label"], []).append(claim["verdict"])
        if not rows:
            continue
        protocols_run = {report["protocol"] for report in group}
        protocols = [component.name for component in registry.available("protocol")]
        summaries.append(
            {
                "plugin": plugin,
                "dataset": dataset,
                "protocols": list(dict.fromkeys(report["protocol_label"] for report in group)),
                "claims": [
                    dict(zip(("metric", "class", "source", "printed"), key, strict=True)) | {"verdicts": verdicts}
                    for key, verdicts in rows.items()
                ],
                "not_run": [name for name in protocols if name not in protocols_run and name not in _NOT_SILENTLY],
            }
        )
    return summaries


REPRODUCED, BELOW, ABOVE = "reproduced within the interval", "below", "above"
_MEASURED = ("measured", "interval", "difference")


def measure_claim(
    row: dict[str, Any],
    claim: Claim,
    splits: Mapping[str, Mapping[str, Any]],
    run: FinishedRun,
    aliases: Sequence[Reading],
) -> list[str]:
    """Add the measured values to a claim's row, in each reading; return the reasons that prevent a verdict.

    Args:
        row: the row of the claim; must already have its ``condition`` on the split.
        claim: the claim to judge.
        splits: split -> scores, as in metrics.json.
        run: the run.
        aliases: the meanings of the paper's own names of scores.
    """
    split = scored_split(claim, splits)
    if split is None:
        return ["the run scored no split"]
    scores = _scores(splits[split], claim.class_name)
    readings = readings_of(claim.metric, aliases)
    if claim.class_name is not None:  # one class is not averaged
        readings = readings[:1]
    plain_claim = replace(claim, class_name=None, epoch=None)
    protocol = run.record.manifest["protocol"]["name"]
    # Objections to the protocol are in ``against``.
    rows = [
        beside(plain_claim, scores, protocol, split, release_splits=SPLITS, reading=reading) for reading in readings
    ]
    measured = [
        (comparison, reading) for comparison, reading in zip(rows, readings, strict=True) if comparison["interval"]
    ]
    first = measured[0][0] if measured else rows[0]
    row |= {key: first[key] for key in _MEASURED}
    if measured and of_clusters(scores):
        row["by_image"] = measure_interval(measured[0][1], {**scores, **dict.fromkeys(KEYS)})
    for comparison, reading in measured:
        values = {key: comparison[key] for key in _MEASURED}
        verdict = _verdict(claim, comparison["interval"])
        row["readings"].append({"reading": reading.ours, "formula": reading.formula, **values, "verdict": verdict})
    if any(values.get("copies") for values in splits.values()) and split != "train":
        copies = splits[split].get("copies") or {"without": splits[split]}
        without = copies["without"] and _scores(copies["without"], claim.class_name)
        row["without_copies"] = dict.fromkeys(_MEASURED)
        if without:  # None if every image has a copy
            reading = measured[0][1] if measured else readings[0]
            less = beside(plain_claim, without, protocol, split, release_splits=SPLITS, reading=reading)
            row["without_copies"] = {key: less[key] for key in _MEASURED}
    passed = {RENAMED, READING, *([AVERAGING] if len(readings) > 1 or claim.class_name is not None else [])}
    passed |= {SPLIT} if row["condition"] else set()
    why = [note for note in first["notes"] if code_of(note) not in passed]
    if why:
        return why
    if row["measured"] is None:
        return [f"the run has no {claim.metric} of {claim.class_name or 'this split'}"]
    return [] if measured else [f"no interval is computed for {claim.metric}"]


def _scores(scores: Mapping[str, Any], class_name: str | None) -> Mapping[str, Any]:
    """Return scores, or those of one class in the same form; missing scores are None."""
    if class_name is None:
        return defaultdict(lambda: None, scores)
    expression = _expression_key(class_name)
    wanted = next((name for name in scores["per_class"] if _expression_key(name) == expression), None)
    if wanted is None:
        return defaultdict(lambda: None)
    intervals = scores["intervals"]["per_class"].get(wanted) or {}
    return defaultdict(lambda: None, scores["per_class"][wanted], intervals=intervals, classes=scores["classes"])


def _expression_key(name: str) -> str:
    """Normalise the name of an expression, so that different words and spellings match (sadness, angry)."""
    return dataset_key(expression_of(name) or name)


def _verdict(claim: Claim, interval: Mapping[str, float]) -> str:
    """Compare the measured interval with the claim, which is known to within half a unit of its last digit."""
    assert isinstance(claim.value, float)
    step = float(read_printed(claim).step)
    unit = step if claim.step or step < 1 else 0.0  # a whole number is taken as exact
    if interval["high"] < claim.value - unit / 2:
        return BELOW
    return ABOVE if interval["low"] > claim.value + unit / 2 else REPRODUCED
