"""Runs of predictions that other code made: what is said of them, and what cannot be done with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice

if TYPE_CHECKING:
    from fer_plugins.runs.record import Record

KEY: Final = "trained_elsewhere"  # of manifest.json, and the code of the notice
LABEL: Final = "trained elsewhere"


def caveat(manifest: Mapping[str, Any]) -> str:
    """Return what stands beside every number of a network that was trained elsewhere; "" for a run of ``fer-run``."""
    if not manifest.get(KEY):
        return ""
    text = "what the network was trained, selected and tuned on is not known; labels, split and scores are checked"
    return Notice(KEY, f"{LABEL}: {text}")


def claims_plugin(record: Record) -> str | None:
    """Return the architecture whose paper's claims stand beside a run; None: trained elsewhere, and none was named."""
    origin = record.manifest.get(KEY)
    return origin.get("claims_of") if origin else str(record.config["model"]["name"])


def require_network(record: Record) -> None:
    """Refuse a run whose network was trained elsewhere.

    Raises:
        InputError: it was; there are predictions and no network.
    """
    if record.manifest.get(KEY):
        raise InputError(
            f"{record.folder}: {LABEL}, so there are predictions here and no network; give the folder of a run that "
            "fer-run trained"
        )
