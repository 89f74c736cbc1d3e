"""Caveats to print with the scores of a run: a flawed protocol, reduced data, synthetic faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.runs.record import Record


def name_fault(fault: str) -> str:
    """Return the words with which a fault stands beside scores that it makes worthless, wherever they are shown."""
    return f"NOT A RESULT: {fault}"


def list_remarks(manifest: Mapping[str, Any]) -> list[str]:
    """Return the caveats in a run's manifest, as short phrases in lower case.

    >>> list_remarks({"protocol": {"flaw": "copies leak"}, "data": {"limit": 9}, "demonstration": False})
    ['flawed protocol: copies leak', 'only part of the data (data.limit 9)']
    """
    flaw = (manifest.get("protocol") or {}).get("flaw")  # a run that has just begun may have no section yet
    limit = (manifest.get("data") or {}).get("limit")
    remarks = {
        f"flawed protocol: {flaw}": flaw,
        f"only part of the data (data.limit {limit})": limit is not None,
        "a demonstration on synthetic faces": manifest.get("demonstration"),
    }
    return [remark for remark, holds in remarks.items() if holds]


def list_warnings(record: Record) -> list[str]:
    """Return the warnings to show with the probabilities of a run's network."""
    faults = record.metrics.get("not_a_result", ())
    return [*map(name_fault, faults), *list_remarks(record.manifest)]
