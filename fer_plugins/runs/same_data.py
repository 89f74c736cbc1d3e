"""Finds where a run's data were read from, and checks that they are still the data that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError


def data_options(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration keys of the data paths in a run's ``config.yaml``, each with the recorded path.

    >>> data_options({"data": {"root": "fer2013.csv", "targets": {"jaffe": {"root": "jaffe"}, "synthetic": {}}}})
    {'data.root': 'fer2013.csv', 'data.targets.jaffe.root': 'jaffe'}
    >>> data_options({"data": {"root": None}})
    {}
    """
    data = config["data"]
    roots = {"data.root": data.get("root")}
    for name, target in (data.get("targets") or {}).items():
        roots[f"data.targets.{name}.root"] = target.get("root")
    return {key: root for key, root in roots.items() if root}


def check_same_data(record: Record, fingerprint: str, split_hash: str, name: str) -> None:
    """Check that the data are those that the run was trained on.

    Args:
        record: the run.
        fingerprint: fingerprint of the current data.
        split_hash: hash of the current split.
        name: the run as the user named it, for the error message.

    Raises:
        InputError: the data have changed.
    """
    recorded = record.manifest.get("data")
    for key, now in (("fingerprint", fingerprint), ("split_hash", split_hash)):
        then = recorded.get(key) if isinstance(recorded, dict) else None
        if then != now:
            raise InputError(
                f"{name}: the data have changed ({key} {then} then, {now} now); give the copy that it was trained on"
            )
