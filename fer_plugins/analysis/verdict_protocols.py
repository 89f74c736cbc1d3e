"""Which splits a claim may be judged under: a paper's own flawed one, or each that a silent paper could have used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins.analysis.claims import Claim
from fer_plugins.config import registry
from fer_plugins.runs.read_runs import FinishedRun

_RELEASES_OWN_TEST = ("official", "official_val")
# No paper that is silent about its split has used these: other data, a list of ours, copies left out.
_NOT_SILENTLY = ("cross_dataset", "file", "official_deduplicated")
_USUAL_TEST_SHARES = (0.1, 0.15, 0.2, 0.25, 0.3)


def is_releases_own(run: FinishedRun) -> bool:
    """Return whether the reported split holds the images of the release's own."""
    splits = run.record.manifest["data"].get("release_parts")
    if splits is None:  # a run of an earlier version, or folds, of which none is the release's
        return run.record.manifest["protocol"]["name"] in _RELEASES_OWN_TEST
    return run.split in splits


def split_condition(claim: Claim, run: FinishedRun) -> tuple[str, str]:
    """Return the condition that a verdict on a claim stands under, and why there can be none; "" where neither is.

    Args:
        claim: of the run's model and dataset.
        run: that it is put beside.
    """
    protocol = run.record.manifest["protocol"]
    name = protocol["name"]
    if name in claim.protocols:
        return f"under protocol {name}, which cuts as the paper did: {protocol.get('flaw') or 'sound'}", ""
    if claim.split != "not_stated":
        return "", ""
    if name == "random" and not _is_usual(protocol):
        shares = f"test {protocol.get('test')}, val {protocol.get('val')}"
        return "", f"the paper's split is not stated, and {shares} is no usual ratio; use a test share of 0.1 to 0.3"
    if name in _NOT_SILENTLY and not is_releases_own(run):
        return "", f"the paper's split is not stated, and is not that of protocol {name}"
    flaw = f", which is flawed: {protocol['flaw']}" if protocol.get("flaw") else ""
    return f"if the paper's split, which is not stated, was that of {name_protocol(protocol)}{flaw}", ""


def _is_usual(protocol: Mapping[str, Any]) -> bool:
    return any(abs(float(protocol.get("test", 0.1)) - share) < 1e-9 for share in _USUAL_TEST_SHARES)


def name_protocol(protocol: Mapping[str, Any]) -> str:
    """Name a protocol, with the shares of a random one: "random 80/10/10" (train, val, test in percent)."""
    if protocol["name"] != "random":
        return str(protocol["name"])
    val, test = (100 * float(protocol.get(key, 0.1)) for key in ("val", "test"))
    return f"random {100 - val - test:g}/{val:g}/{test:g}"


def sum_up_splits(reports: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum up, over runs of one model on one dataset, the verdicts on claims whose split is not stated.

    Args:
        reports: what ``verify_run`` returned of each run.

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
        run = {report["protocol"] for report in group}
        known = [component.name for component in registry.available("protocol")]
        summaries.append(
            {
                "plugin": plugin,
                "dataset": dataset,
                "protocols": list(dict.fromkeys(report["protocol_label"] for report in group)),
                "claims": [
                    dict(zip(("metric", "class", "source", "printed"), key, strict=True)) | {"verdicts": verdicts}
                    for key, verdicts in rows.items()
                ],
                "not_run": [name for name in known if name not in run and name not in _NOT_SILENTLY],
            }
        )
    return summaries
