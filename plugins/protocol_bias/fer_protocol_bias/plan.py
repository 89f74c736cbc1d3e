"""What a comparison of two protocols compares, and how its runs are told from those of another comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.experiments.identity import deciding_settings
from fer_plugins.runs.record import Record
from fer_protocol_bias.equal_training import Samples, Split

SIDES = ("flawed", "sound")


@dataclass(frozen=True)
class Plan:
    """What is compared: everything but the protocol is the same on both sides."""

    plugin: str
    protocols: Mapping[str, Mapping[str, Any]]  # side -> section `protocol`: name, options, the same seed on both
    flags: Mapping[str, Any] = field(default_factory=dict)  # the other sections, as ``config.resolve`` takes them
    recipe: str | None = None
    files: tuple[str, ...] = ()
    seeds: int = 1  # trainings on each side, at least 1
    every_fold: bool = False  # else one: fold 0, or ``run.fold`` where the protocol has several

    def resolve(self, side: str, number: int = 0) -> config.Resolved:
        """Return the configuration of one side's training ``number``: run seed and protocol seed rise with it.

        Raises:
            InputError: what ``config.resolve`` refuses.
        """
        flags = {**self.flags, "protocol": self.protocols[side]}
        resolved = config.resolve(flags, plugin=self.plugin, recipe=self.recipe, files=list(self.files))
        settings = resolved.config
        protocol = replace(settings.protocol, seed=settings.protocol.seed + number)
        return replace(resolved, config=replace(settings, seed=settings.seed + number, protocol=protocol))


def deciding(
    plan: Plan, settings: Mapping[str, config.RunConfig], splits: Mapping[str, Split], samples: Samples
) -> dict[str, Any]:
    """Return what two calls must have in common to go on with each other's runs."""
    common = deciding_settings(settings["sound"])
    decisive: dict[str, Any] = {side: settings[side].protocol.as_dict() for side in SIDES}
    decisive |= {key: value for key, value in common.items() if not key.startswith("protocol.")}
    decisive |= {"run.fold": settings["sound"].run.fold, "folds": "all" if plan.every_fold else None}
    decisive["data.fingerprint"] = samples.fingerprint
    for side in SIDES:  # a split file may have changed, or the protocol's code
        digest = hashlib.sha256()
        for fold in splits[side].folds:
            for rows in fold:
                digest.update(f"{len(rows)}:".encode() + rows.astype("<i8").tobytes())
        decisive[f"split of {side}"] = digest.hexdigest()[:12]
    return decisive


def locate(settings: config.RunConfig, folder: Path) -> config.RunConfig:
    """Return a configuration whose cut split is named by its file alone: the folder may be moved."""
    path = _cut_split(settings, folder)
    if path is None:
        return settings
    return replace(settings, protocol=replace(settings.protocol, options={"file": f"splits/{path.name}"}))


def moved_split(record: Record, folder: Path) -> dict[str, Any]:
    """Return the flag that tells a run where its cut split lies now."""
    path = _cut_split(config.read_config(record.config), folder)
    return {} if path is None else {"protocol": {"file": str(path.absolute())}}


def _cut_split(settings: config.RunConfig, folder: Path) -> Path | None:
    given = Path(str(settings.protocol.options.get("file", "")))
    here = folder / "splits" / given.name
    return here if given.parent.name == "splits" and here.is_file() else None
