"""The claims of a run's paper: checked before training, compared with its scores afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.analysis.claims import read_claims
from fer_plugins.analysis.claims.claims_beside import compare, for_run
from fer_plugins.config import RunConfig, registry
from fer_plugins.runs import record as records
from fer_plugins.runs.manifest import claims_model_of


def check_claims(settings: RunConfig) -> None:
    """Check the plug-in's claims file before training, although it is needed only at the end.

    Raises:
        InputError: the file is invalid, or lacks the model that the architecture refers to.
    """
    component, described = records.recipe_of(str(settings.model.name))
    path = registry.package_file(component, "claims.yaml")
    if path.exists():
        for_run(read_claims(path), claims_model_of(described, settings.recipe), "")


def claims_beside(manifest: Mapping[str, Any], settings: RunConfig, scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare the scores with the paper's claims for this dataset; [] if there are none."""
    component = registry.find("architecture", str(settings.model.name))
    path = registry.package_file(component, "claims.yaml")
    if not path.exists():
        return []
    file = read_claims(path)
    chosen = for_run(file, manifest["claims_model"], manifest["data"]["title"])
    caveats = []
    if manifest["data"]["limit"] is not None:
        images = sum(sum(split.values()) for split in manifest["data"]["counts"].values())
        caveats.append(f"{images:,} images only (data.limit)")
    usual = registry.recipe(component)["recipe"].get("trainer", {}).get("epochs")
    if usual and settings.trainer.epochs < usual:
        caveats.append(f"{settings.trainer.epochs} of {usual} epochs")
    splits = manifest["data"].get("release_parts", ())  # not recorded by earlier versions
    return compare(chosen, scores, settings.protocol.name, caveats, release_splits=splits, own=file.aliases)
