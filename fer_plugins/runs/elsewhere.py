"""Runs that were scored from the predictions of other code: their caveat, and what they cannot be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice

if TYPE_CHECKING:
    from fer_plugins.runs.record import Record

KEY: Final = "trained_elsewhere"  # key in manifest.json, and the notice's code
LABEL: Final = "trained elsewhere"


def caveat(manifest: Mapping[str, Any]) -> str:
    """Return the caveat for every number of a network that was trained elsewhere; "" for a run of ``fer-run``."""
    if not manifest.get(KEY):
        return ""
    text = "what the network was trained, selected and tuned on is not known; labels, split and scores are checked"
    return Notice(KEY, f"{LABEL}: {text}")


def claims_plugin(record: Record) -> str | None:
    """Return the architecture whose claims a run is compared with; None if trained elsewhere and none was named."""
    origin = record.manifest.get(KEY)
    return origin.get("claims_of") if origin else str(record.config["model"]["name"])


def require_network(record: Record) -> None:
    """Reject a run whose network was trained elsewhere.

    Raises:
        InputError: the run has predictions but no network.
    """
    if record.manifest.get(KEY):
        raise InputError(
            f"{record.folder}: {LABEL}, so there are predictions here and no network; give the folder of a run that "
            "fer-run trained"
        )
