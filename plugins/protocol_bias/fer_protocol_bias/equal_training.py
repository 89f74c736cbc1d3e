"""Splits whose training splits are cut to a size, so that two protocols can be compared on as many images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fer_plugins.config import RunConfig, registry
from fer_plugins.config.data_schema import ProtocolConfig
from fer_plugins.contract import Fold
from fer_plugins.data.protocols.official import flaw_of, pick_fold, split_folds
from fer_plugins.data.protocols.split_file import write_split
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


class Samples(NamedTuple):
    """A dataset without its images: what is needed to split it."""

    table: SampleTable  # with ``digest``
    classes: Sequence[str]
    title: str  # the dataset's name in papers
    fingerprint: str


@dataclass(frozen=True)
class Split:
    """The folds of one protocol under one seed that are to be run."""

    folds: list[Fold]
    numbers: list[int]  # of those folds in the protocol
    offered: int  # folds that the protocol has
    flaw: str | None  # in the protocol's own words

    @property
    def largest(self) -> int:
        """Images in the largest training split."""
        return max(len(fold.train) for fold in self.folds)


def split(settings: RunConfig, table: SampleTable, every_fold: bool) -> Split:
    """Run the protocol of a configuration on ``table``, under its ``data.limit``.

    Args:
        settings: a complete configuration; ``run.fold`` names the fold where the protocol has several, None: fold 0.
        table: the samples, with ``digest``.
        every_fold: take all folds.

    Raises:
        InputError: the protocol refuses the table, has no such fold, or tests samples in several of the folds.
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


def use_cut_split(settings: RunConfig, given: Split, size: int, samples: Samples, path: Path) -> RunConfig:
    """Cut the training splits of ``given`` to ``size`` images, write them, and return a configuration that reads them.

    A split file, since a run's configuration must say all that it was: ``fer-run --config`` repeats it.

    Args:
        settings: the run's configuration.
        given: the folds; validation and test stay as they are.
        size: images that stay in each training split, the classes in proportion, the same ones for every run seed.
        samples: what they are folds of.
        path: the file, in a folder that is made where it is missing.

    Raises:
        InputError: ``size`` leaves too few images of a class, or the file cannot be written.
    """
    section = settings.protocol
    folds = [fold._replace(train=_cut(samples.table, fold, size)) for fold in given.folds]
    path.parent.mkdir(exist_ok=True)
    named = {**section.as_dict(), "train": size}
    write_split(path, samples.table, samples.classes, folds, dataset=samples.title, protocol=named, flaw=given.flaw)
    return replace(
        settings,
        protocol=ProtocolConfig(name="file", seed=section.seed, options={"file": str(path.absolute())}),
        data=replace(settings.data, limit=None),  # the file names the images that the limit leaves
        run=replace(settings.run, fold=0) if len(folds) == 1 else settings.run,
    )


def _cut(table: SampleTable, fold: Fold, size: int) -> Any:
    training = replace(table.rows(fold.train), split=None)  # by class alone
    return fold.train[training.subset(size)]
