"""Description of an evaluation: run, checkpoint, data, images, versions."""

from __future__ import annotations

import time
from importlib import metadata
from typing import Any

from fer_plugins.analysis.network import Split
from fer_plugins.analysis.opened_run import OpenedRun
from fer_plugins.metrics.resampling import LEVEL
from fer_plugins.runs.versions import git_revision, versions


def describe(opened: OpenedRun, split: Split, size: int, limit: int | None, seed: int) -> dict[str, Any]:
    """Return the entries of evaluation.json other than measured values; the whole split has ``size`` images."""
    record = opened.run.record
    manifest = record.manifest
    return {
        "run": record.folder.resolve().name,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "plugin": manifest["plugin"],
        "pool": record.config["model"].get("pool"),
        "checkpoint": {**opened.checkpoint, "epoch": manifest.get("best_epoch")},
        "data": {key: manifest["data"].get(key) for key in ("name", "title", "fingerprint", "split_hash", "limit")},
        "protocol": manifest["protocol"],
        "demonstration": manifest.get("demonstration"),
        "part": split.name,
        "n": len(split),
        "of": size,
        "limit": limit,
        "seeds": {**manifest["seeds"], "evaluation": seed},
        "level": LEVEL,
        "device": str(opened.network.device),
        "precision": opened.network.precision,
        "versions": versions(manifest["plugin"]["distribution"])
        | {"pillow": _version("pillow"), "captum": _version("captum")},
        "git": git_revision(),
        "not_a_result": list(opened.run.faults),
        "warnings": [*opened.warnings, *opened.data.warnings],
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
