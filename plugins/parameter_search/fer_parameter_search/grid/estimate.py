"""Estimate the remaining time of a grid from its finished runs; nothing is guessed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from fer_parameter_search.grid.plan import GridCell, Plan
from fer_parameter_search.grid.state import Survey
from fer_plugins import config
from fer_plugins.experiments.existing_runs import FINISHED, ExistingRun, training_seconds
from fer_plugins.runtime.errors import InputError

MEASURED, SCALED, UNKNOWN = "measured", "by multiply-adds", "unknown"


@dataclass(frozen=True)
class Estimate:
    """The estimated time of an unfinished cell."""

    seconds: float | None  # None: unknown
    basis: str  # MEASURED: from cells of the same network; SCALED: of another, by multiply-adds; UNKNOWN


@dataclass(frozen=True)
class _Speed:
    """Speed of a finished run: time per training image, epoch and fold."""

    network: str  # identity of architecture and input
    data: str  # identity of dataset and protocol
    images: int  # number in the training split, all folds together
    seconds_per_image: float  # per image and epoch
    config: config.RunConfig


def estimate(plan: Plan, survey: Survey) -> dict[str, Estimate]:
    """Estimate each unfinished cell, by name; assumes that no run stops early.

    The number of images is that of a finished cell with the same data and protocol (all folds, or one, as in the cell);
    the seconds per image and epoch are the median over finished cells with the same architecture and input. If there is
    none of that architecture, those of another are scaled by the multiply-adds per image, which is a rough estimate. If
    a number is missing, the time is unknown.
    """
    speeds = []
    own, images = defaultdict[str, list[float]](list), dict[tuple[str, bool], int]()
    for (_, fold), run in survey.runs.items():
        for speed in _measure(run) if run.status == FINISHED else ():
            speeds.append(speed)
            own[speed.network].append(speed.seconds_per_image)
            images[speed.data, fold is None] = speed.images
    costs: dict[str, int] = {}
    return {
        cell.name: _estimate_cell(cell, speeds, own, images, costs)
        for cell in plan.cells
        if survey.status(cell) != FINISHED
    }


def _estimate_cell(
    cell: GridCell,
    speeds: Sequence[_Speed],
    own: Mapping[str, list[float]],
    images: Mapping[tuple[str, bool], int],
    costs: dict[str, int],
) -> Estimate:
    count = images.get((_data(cell.config), cell.fold is None))
    if count is None:
        return Estimate(None, UNKNOWN)
    passes = count * cell.config.trainer.epochs
    network = _network(cell.config)
    if network in own:
        return Estimate(passes * median(own[network]), MEASURED)
    try:
        rates = [speed.seconds_per_image / _macs(speed.config, costs) for speed in speeds]
        return Estimate(passes * median(rates) * _macs(cell.config, costs), SCALED)
    except InputError:  # such as an image size that the network rejects; the run will report it
        return Estimate(None, UNKNOWN)


def _measure(run: ExistingRun) -> list[_Speed]:
    """Return the speed of a finished run, for all its folds together."""
    record = run.record
    folds = record.read_folds()
    images = [sum(fold.manifest["data"]["counts"]["train"].values()) for fold in folds]
    passes = sum(count * fold.manifest["epochs"] for count, fold in zip(images, folds, strict=True))
    if not passes:
        return []
    settings = config.read_config(record.config)
    return [_Speed(_network(settings), _data(settings), sum(images), training_seconds(record) / passes, settings)]


def _network(settings: config.RunConfig) -> str:
    shown = {"model": settings.model.as_dict(), "size": [settings.data.image_size, settings.data.channels]}
    return json.dumps(shown, sort_keys=True, default=str)


def _data(settings: config.RunConfig) -> str:
    pace = ("batch_size", "image_size", "channels", "cache", "memory_gb", "workers", "leaks")
    kept = {key: value for key, value in settings.data.as_dict().items() if key not in pace}
    protocol = {key: value for key, value in settings.protocol.as_dict().items() if key != "seed"}
    return json.dumps([kept, protocol], sort_keys=True, default=str)


def _macs(settings: config.RunConfig, costs: dict[str, int]) -> int:
    key = _network(settings)
    if key not in costs:
        from fer_plugins.runs.cost import macs
        from fer_plugins.training.module import build_network

        data = settings.data
        network = build_network(settings, num_classes=7)
        costs[key] = macs(network, (data.channels, data.image_size, data.image_size))
    return costs[key]
