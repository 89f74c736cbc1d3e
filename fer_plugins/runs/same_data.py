"""Whether data that were read again are those of a run."""

from __future__ import annotations

from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError


def check_same_data(record: Record, fingerprint: str, split_hash: str, name: str) -> None:
    """Compare the data with those that the run was trained on; ``name`` is what the user called the run.

    Raises:
        InputError: they are others.
    """
    recorded = record.manifest.get("data")
    for key, now in (("fingerprint", fingerprint), ("split_hash", split_hash)):
        then = recorded.get(key) if isinstance(recorded, dict) else None
        if then != now:
            raise InputError(
                f"{name}: the data have changed ({key} {then} then, {now} now); give the copy that it was trained on"
            )
