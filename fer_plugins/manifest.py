"""The manifest: what was run on what; and what is said from it beside the scores."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fer_plugins import record as records
from fer_plugins import registry
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.evaluate import claims
from fer_plugins.record import Record


def title_of(data: FERDataModule) -> str:
    """Return the dataset's name in papers, its own name where it has none."""
    return str(getattr(data.dataset, "title", data.dataset_name))


def describe(settings: Mapping[str, Any], data: FERDataModule, notice: str | None) -> dict[str, Any]:
    """Return the manifest as it stands before training."""
    offer, described = records.recipe_of(settings)
    protocol = registry.load(registry.find("protocol", settings["protocol"]["name"]))
    return {
        "status": "running",
        "command": sys.argv,
        "plugin": {"name": offer.name, "distribution": offer.distribution, "version": offer.version},
        "paper": described.get("paper"),
        "claims_model": described.get("claims_model"),
        "assumed": described.get("assumed") or {},
        "demonstration": notice is not None,
        "versions": records.versions(offer.distribution),
        "git": records.git_revision(),
        "data": {
            "name": settings["data"]["name"],
            "title": title_of(data),
            "fingerprint": data.fingerprint,
            "split_hash": data.split_hash,
            "classes": list(data.classes),
            "counts": data.counts,
            "limit": settings["data"]["limit"],
            "notes": data.notes,
        },
        "protocol": {**settings["protocol"], "fold": settings["run"]["fold"], "flaw": getattr(protocol, "flaw", None)},
        "selected_on": {"split": "val", **settings["selection"]},
        "reported_on": "test" if settings["run"]["test"] else "val",
        "seeds": {"run": settings["seed"], "protocol": settings["protocol"]["seed"]},
        "sessions": [],
        "warnings": list(data.warnings),
    }


def claims_beside(
    manifest: Mapping[str, Any], settings: Mapping[str, Any], scores: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Put the paper's claims for this dataset beside the scores; [] where it claims nothing about it."""
    offer = registry.find("architecture", settings["model"]["name"])
    path = registry.package_file(offer, "claims.yaml")
    if not path.exists():
        return []
    chosen = claims.for_run(claims.read_claims(path), manifest["claims_model"], manifest["data"]["title"])
    caveats = []
    if manifest["data"]["limit"] is not None:
        images = sum(sum(part.values()) for part in manifest["data"]["counts"].values())
        caveats.append(f"{images:,} images only (data.limit)")
    usual = registry.recipe(offer)["recipe"].get("trainer", {}).get("epochs")
    if usual and settings["trainer"]["epochs"] < usual:
        caveats.append(f"{settings['trainer']['epochs']} of {usual} epochs")
    return claims.compare(chosen, scores, settings["protocol"]["name"], caveats)


def header(record: Record) -> dict[str, Any]:
    """Return what stands above the result table: everything that a number needs to be believed."""
    manifest = record.manifest
    protocol = manifest["protocol"]
    selection = manifest["selected_on"]
    shown = {
        "plug-in": "{name} ({distribution} {version})".format(**manifest["plugin"]),
        "data": f"{manifest['data']['title']} {manifest['data']['fingerprint']}",
        "protocol": f"{protocol['name']}, split {manifest['data']['split_hash']}",
        "seeds": f"run {manifest['seeds']['run']}, protocol {manifest['seeds']['protocol']}",
        "selected": f"epoch {manifest['best_epoch']} of {manifest['epochs']} by {selection['metric']}",
    }
    if protocol["flaw"]:
        shown["flaw"] = protocol["flaw"]
    if manifest["demonstration"]:
        shown["note"] = "a demonstration on drawn faces: says nothing about the paper"
    return shown
