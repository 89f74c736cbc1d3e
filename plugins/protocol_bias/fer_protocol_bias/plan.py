"""Plan of a comparison of two protocols, and its splits, whose training splits are cut to the same size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fer_plugins import config
from fer_plugins.config import RunConfig, registry
from fer_plugins.config.data_schema import ProtocolConfig
from fer_plugins.contract import Fold
from fer_plugins.data.protocols.official import flaw_of, pick_fold, split_folds
from fer_plugins.data.protocols.split_file import write_split
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.identity import deciding_settings
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError


class Samples(NamedTuple):
    """A dataset without its images, sufficient for splitting."""

    table: SampleTable  # with ``digest``
    classes: Sequence[str]
    title: str  # the dataset's name in papers
    fingerprint: str


@dataclass(frozen=True)
class Split:
    """The folds of one protocol to run for one seed."""

    folds: list[Fold]
    numbers: list[int]  # indices of those folds in the protocol
    offered: int  # number of folds of the protocol
    flaw: str | None  # flaw in the protocol's own words

    @property
    def largest(self) -> int:
        """Number of images in the largest training split."""
        return max(len(fold.train) for fold in self.folds)


def split(settings: RunConfig, table: SampleTable, every_fold: bool) -> Split:
    """Run the protocol of a configuration on ``table``, with its ``data.limit``.

    ``run.fold`` selects the fold, fold 0 if None; ``every_fold`` selects all. Raises InputError if the protocol rejects
    the table, has no such fold, or tests samples in several folds.
    """
    options = settings.protocol.as_dict()
    name = options.pop("name")
    protocol = registry.build("protocol", name, **options)
    folds = split_folds(table, protocol, limit=settings.data.limit)
    numbers = list(range(len(folds)))
    if not every_fold:
        numbers = [(settings.run.fold or 0) if len(folds) > 1 else 0]
    chosen = [pick_fold(folds, number, protocol) for number in numbers]
    tested = np.concatenate([fold.test for fold in chosen])
    if len(np.unique(tested)) < len(tested):
        raise InputError(f"--folds all: protocol {name} tests samples in several folds; leave --folds out")
    return Split(chosen, numbers, len(folds), flaw_of(protocol))


def use_cut_split(settings: RunConfig, full: Split, size: int, samples: Samples, path: Path) -> RunConfig:
    """Cut the training splits of ``full`` to ``size`` images, write them, and return a configuration that reads them.

    A split file is used, since a run's configuration must be complete: ``fer-run --config`` repeats it. Class
    proportions are preserved, and the images are the same for every run seed; validation and test are unchanged. Raises
    InputError if ``size`` leaves too few images of a class, or the file cannot be written.
    """
    section = settings.protocol
    folds = [fold._replace(train=_cut(samples.table, fold, size)) for fold in full.folds]
    path.parent.mkdir(exist_ok=True)
    named = {**section.as_dict(), "train": size}
    write_split(path, samples.table, samples.classes, folds, dataset=samples.title, protocol=named, flaw=full.flaw)
    return replace(
        settings,
        protocol=ProtocolConfig(name="file", seed=section.seed, options={"file": str(path.absolute())}),
        data=replace(settings.data, limit=None),  # the file lists the images left by the limit
        run=replace(settings.run, fold=0) if len(folds) == 1 else settings.run,
    )


def _cut(table: SampleTable, fold: Fold, size: int) -> Any:
    training = replace(table.rows(fold.train), split=None)  # by class only
    return fold.train[training.subset(size)]


SIDES = ("flawed", "sound")


@dataclass(frozen=True)
class Plan:
    """The comparison: everything except the protocol is the same on both sides."""

    plugin: str
    protocols: Mapping[str, Mapping[str, Any]]  # side -> section `protocol`: name, options, the same seed on both
    flags: Mapping[str, Any] = field(default_factory=dict)  # the other sections, as ``config.resolve`` takes them
    recipe: str | None = None
    files: tuple[str, ...] = ()
    seeds: int = 1  # number of trainings on each side, at least 1
    every_fold: bool = False  # else one fold: fold 0, or ``run.fold`` if the protocol has several

    def resolve(self, side: str, number: int = 0) -> config.Resolved:
        """Return the configuration of training ``number`` of one side, which is added to run seed and protocol seed."""
        flags = {**self.flags, "protocol": self.protocols[side]}
        resolved = config.resolve(flags, plugin=self.plugin, recipe=self.recipe, files=list(self.files))
        settings = resolved.config
        protocol = replace(settings.protocol, seed=settings.protocol.seed + number)
        return replace(resolved, config=replace(settings, seed=settings.seed + number, protocol=protocol))


def deciding(
    plan: Plan, settings: Mapping[str, config.RunConfig], splits: Mapping[str, Split], samples: Samples
) -> dict[str, Any]:
    """Return what two calls must have in common to continue each other's runs."""
    common = deciding_settings(settings["sound"])
    decisive: dict[str, Any] = {side: settings[side].protocol.as_dict() for side in SIDES}
    decisive |= {key: value for key, value in common.items() if not key.startswith("protocol.")}
    decisive |= {"run.fold": settings["sound"].run.fold, "folds": "all" if plan.every_fold else None}
    decisive["data.fingerprint"] = samples.fingerprint
    for side in SIDES:  # a split file or the protocol's code may have changed
        digest = hashlib.sha256()
        for fold in splits[side].folds:
            for rows in fold:
                digest.update(f"{len(rows)}:".encode() + rows.astype("<i8").tobytes())
        decisive[f"split of {side}"] = digest.hexdigest()[:12]
    return decisive


def locate(settings: config.RunConfig, folder: Path) -> config.RunConfig:
    """Return a configuration with only the file name of its cut split, so that the folder may be moved."""
    path = _cut_split(settings, folder)
    if path is None:
        return settings
    return replace(settings, protocol=replace(settings.protocol, options={"file": f"splits/{path.name}"}))


def moved_split(record: Record, folder: Path) -> dict[str, Any]:
    """Return the flag with the current path of a run's cut split."""
    path = _cut_split(config.read_config(record.config), folder)
    return {} if path is None else {"protocol": {"file": str(path.absolute())}}


def _cut_split(settings: config.RunConfig, folder: Path) -> Path | None:
    recorded = Path(str(settings.protocol.options.get("file", "")))
    path = folder / "splits" / recorded.name
    return path if recorded.parent.name == "splits" and path.is_file() else None
