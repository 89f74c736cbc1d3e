"""The manifest: what was run on which data, and the header above the scores that is made from it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from fer_plugins.config import RunConfig
from fer_plugins.data.copies.copy_status import count_copies
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.protocols.fold_splits import count_targets, find_release_splits
from fer_plugins.data.protocols.official import flaw_of
from fer_plugins.runs import record as records
from fer_plugins.runs.elsewhere import KEY, LABEL
from fer_plugins.runs.record import Record
from fer_plugins.runs.versions import git_revision, versions
from fer_plugins.runtime.notices import Notice


def title_of(data: FERDataModule) -> str:
    """Return the dataset's name in papers, or its own name if it has none."""
    return str(getattr(data.dataset, "title", data.dataset_name))


def describe(settings: RunConfig, data: FERDataModule, notice: str | None) -> dict[str, Any]:
    """Return the manifest as written before training."""
    component, described = records.recipe_of(str(settings.model.name))
    return {
        "status": "running",
        "command": sys.argv,
        "plugin": {"name": component.name, "distribution": component.distribution, "version": component.version},
        "paper": described.get("paper"),
        "claims_model": claims_model_of(described, settings.recipe),
        "assumed": assumed_here(described, settings),
        "demonstration": notice is not None,
        "versions": versions(component.distribution),
        "git": git_revision(),
        **describe_data(settings, data),
        "selected_on": {"split": "test" if data.selects_on_test else "val", **settings.selection.as_dict()},
        "reported_on": "test" if settings.run.test else "val",
        "seeds": {"run": settings.seed, "protocol": settings.protocol.seed},
        "sessions": [],
        "warnings": list(data.warnings),
    }


def describe_data(settings: RunConfig, data: FERDataModule) -> dict[str, Any]:
    """Return the manifest's sections on the data and the protocol."""
    return {
        "data": {
            "name": settings.data.name,
            "title": title_of(data),
            "fingerprint": data.fingerprint,
            "split_hash": data.split_hash,
            "names_hash": data.table.names_hash(data.fold._asdict(), data.classes),
            "classes": list(data.classes),
            "counts": data.counts,
            "target_counts": count_targets(data.table, data.fold, data.classes),
            "release_parts": find_release_splits(data.table, data.fold, limited=settings.data.limit is not None),
            "counts_before_balancing": data.counts_before,
            "limit": settings.data.limit,
            "notes": data.notes,
            "targets": settings.data.as_dict()["targets"],
            "leaks": data.leaks.as_dict() if data.leaks else None,
            "copies_in_training": count_copies(data.table, data.fold),
        },
        "protocol": {
            **settings.protocol.as_dict(),
            "fold": settings.run.fold,
            "flaw": flaw_of(data.protocol),
            **{
                notice.code: dict(notice.data)
                for notice in data.notes
                if isinstance(notice, Notice) and notice.code == "left_out"
            },
        },
    }


def assumed_here(described: Mapping[str, Any], settings: RunConfig) -> dict[str, str]:
    """Return the assumptions (configuration key -> reason) that apply to this run.

    If a variant or the user sets another value than the recipe, the reason for the recipe's value does not apply.
    """
    assumed, actual = {}, settings.as_dict()
    for key, reason in (described.get("assumed") or {}).items():
        section, _, name = key.partition(".")
        usual = (described.get("recipe") or {}).get(section)
        if not isinstance(usual, Mapping) or name not in usual or _holds(usual[name], actual[section].get(name)):
            assumed[key] = reason
    return assumed


def _holds(usual: Any, actual: Any) -> bool:
    """Return whether a run has the recipe's value; of a component's options only those that the recipe sets count."""
    if isinstance(usual, Mapping) and isinstance(actual, Mapping):
        return all(_holds(value, actual.get(key)) for key, value in usual.items())
    return bool(usual == actual)


def claims_model_of(described: Mapping[str, Any], recipe: str | None) -> str | None:
    """Return the model in the claims to compare a run with: the variant's own if paper.yaml names one."""
    of_variants = described.get("claims_models") or {}
    return of_variants.get(recipe, described.get("claims_model"))


def _describe_selection(manifest: Mapping[str, Any]) -> str:
    selection, epoch = manifest["selected_on"], f"epoch {manifest['best_epoch']} of {manifest['epochs']}"
    if selection.get("name") == "last":
        return f"{epoch}, the last"
    return f"{epoch} by {selection['metric']}{', ON THE TEST PART' if selection['split'] == 'test' else ''}"


def header(record: Record) -> dict[str, Any]:
    """Return the header above the result table: what a reader needs to know to judge a number."""
    manifest = record.manifest
    protocol = manifest["protocol"]
    origin = manifest.get(KEY)
    plugin = "{name} ({distribution} {version})".format(**manifest["plugin"])
    network = {LABEL.upper(): f"{manifest['plugin']['name']}, {origin['file']}"} if origin else {"plug-in": plugin}
    seed = manifest["seeds"]["run"] if not origin or origin.get("seed") is not None else "not known"
    shown = {
        **network,
        "data": f"{manifest['data']['title']} {manifest['data']['fingerprint']}",
        "protocol": f"{protocol['name']}, split {manifest['data']['split_hash']}",
        "seeds": f"run {seed}, protocol {manifest['seeds']['protocol']}",
        "selected": "not known" if origin else _describe_selection(manifest),
    }
    if protocol["flaw"]:
        shown["flaw"] = protocol["flaw"]
    if manifest["demonstration"]:
        shown["note"] = "a demonstration on synthetic faces: says nothing about the paper"
    return shown
