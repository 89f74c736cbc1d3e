"""The cells of a grid: complete, checked configurations, each with an identity to find its run."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fer_parameter_search.grid.grid_file import Combination, GridFile, Values, read_grid
from fer_plugins import config
from fer_plugins.analysis.claims.of_run import check_claims
from fer_plugins.experiments.identity import identify
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.arithmetic import refuse_auto
from fer_plugins.training.build import check_machine


@dataclass(frozen=True)
class GridCell:
    """One cell of a grid."""

    values: Values  # axis -> value
    label: str  # text that distinguishes it from the other cells
    config: config.RunConfig  # complete; ``run.output`` is the grid's
    identity: str  # equal for runs with the same result, except for the fold

    @property
    def fold(self) -> int | None:
        """The requested fold; None: all folds of the protocol."""
        fold: int | None = self.config.run.fold
        return fold

    @property
    def name(self) -> str:
        """Name of the cell's files: readable and unique."""
        settings = self.config
        parts = [settings.plugin, settings.recipe, settings.data.name, settings.protocol.name]
        parts += [f"s{settings.seed}", None if self.fold is None else f"fold{self.fold}", self.identity]
        return re.sub(r"[^\w.+-]+", "_", "-".join(str(part) for part in parts if part is not None))


@dataclass(frozen=True)
class Plan:
    """A grid that is ready to run."""

    path: Path
    output: Path  # parent folder of all run folders
    axes: tuple[str, ...]  # axes that vary
    cells: tuple[GridCell, ...]
    excluded: int  # number of combinations that the file excludes


def read_plan(
    path: str | Path, *, output: str | None = None, datasets: str | Path | None = None, elsewhere: bool = False
) -> Plan:
    """Read a grid file and check the configuration of each of its cells, before anything is run.

    Args:
        path: the grid file; see ``grid_file.read_grid``.
        output: folder of the runs; None: as in the file, else ``runs/grid-<name of the file>``.
        datasets: folder that replaces PATH in the file.
        elsewhere: whether the cells run on other machines, so that this machine's devices do not matter.

    Raises:
        InputError: the file or a cell is wrong. All faults are in one message, one per line.
    """
    path = Path(path)
    given = read_grid(path, datasets)
    folder = Path(output or given.output or f"runs/grid-{path.stem}").expanduser()
    axes = tuple(
        axis
        for axis in given.axes
        if len({_plain(combination.values.get(axis)) for combination in given.combinations}) > 1
    )
    faults: dict[str, list[str]] = defaultdict(list)
    read = set[tuple[str | None, str | None]]()  # plug-ins and recipes whose claims have been read
    cells: dict[tuple[str, int | None], GridCell] = {}
    for combination, label in zip(given.combinations, _label(given, axes or given.axes), strict=True):
        try:
            settings = _resolve(combination.flags, folder)
            _check_places(settings)
            _check_machine(settings, elsewhere)
            if (source := (settings.model.name, settings.recipe)) not in read:
                check_claims(settings)
                read.add(source)
            cell = GridCell(combination.values, label, settings, identify(settings))
            twin = cells.setdefault((cell.identity, cell.fold), cell)
            if twin is not cell:
                raise InputError(
                    f"gives the same result as {twin.label}: their configurations are equal; leave one out"
                )
        except InputError as error:
            faults[str(error)].append(label)
    if faults:
        raise InputError(_describe_faults(path, faults, len(given.combinations)))
    return Plan(path, folder, axes, tuple(cells.values()), given.excluded)


def _resolve(flags: dict[str, Any], folder: Path) -> config.RunConfig:
    given = dict(flags)
    plugin, recipe = given.pop("plugin", None), given.pop("recipe", None)
    config.put(given, "run.output", str(folder))
    settings = config.resolve(given, plugin=plugin, recipe=None if recipe == "default" else recipe)
    if settings.origins.get("data.name") != config.COMMAND_LINE:
        raise InputError("no dataset: give an axis data, or settings: {data: {name: NAME, root: FOLDER}}")
    return settings.config


def _check_places(settings: config.RunConfig) -> None:
    data = settings.data
    places = {"data.root": data.root, "data.votes": data.votes, "model.teacher": settings.model.teacher}
    if isinstance(data.targets, Mapping):  # anything else is rejected by the run
        roots = {name: target.get("root") for name, target in data.targets.items() if isinstance(target, Mapping)}
        places |= {f"data.targets.{name}.root": root for name, root in roots.items()}
    for key, place in places.items():
        if place is not None and not Path(place).expanduser().exists():
            raise InputError(f"{key}: {place} does not exist; give the file or folder of your copy")


def _check_machine(settings: config.RunConfig, elsewhere: bool) -> None:
    """Check first what a run would check first: the device, and the arguments of the optimiser."""
    refuse_auto(settings)
    if elsewhere:
        settings = replace(settings, trainer=replace(settings.trainer, accelerator="auto", precision="32-true"))
    check_machine(settings)


def _describe_faults(path: Path, faults: Mapping[str, Sequence[str]], count: int) -> str:
    lines = []
    for text, labels in faults.items():
        where = f"all {count} cells" if len(labels) == count > 1 else f"cell {labels[0]}"
        if 1 < len(labels) < count:
            where += f" and {len(labels) - 1} more"
        lines.append(f"{where}: {text}")
    head = f"fer grid {path}: "
    return head + (lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults, nothing was run:", *lines]))


def _label(given: GridFile, axes: Sequence[str]) -> list[str]:
    """Name each combination by its values on ``axes``; if that is not unique, with the options that differ."""
    cells = given.combinations
    names = [[_short(axis, cell.values[axis]) for axis in axes if axis in cell.values] for cell in cells]
    count = Counter(map(tuple, names))
    labels = []
    for cell, short in zip(cells, names, strict=True):
        own = [axis for axis in axes if axis in cell.values]
        if count[tuple(short)] > 1:
            short = [name + _options(axis, cell, given) for axis, name in zip(own, short, strict=True)]
        labels.append(", ".join(short))
    return labels


def _options(axis: str, own: Combination, given: GridFile) -> str:
    """Return in brackets the options that distinguish a value from others of its name on the axis; "" if not needed."""
    value = own.values[axis]
    values = [cell.values[axis] for cell in given.combinations if axis in cell.values]
    rivals = [rival for rival in values if _short(axis, rival) == _short(axis, value)]
    if not isinstance(value, Mapping):
        return ""
    differing = [
        f"{option} {setting}"
        for option, setting in value.items()
        if any(not isinstance(rival, Mapping) or rival.get(option) != setting for rival in rivals)
    ]
    return f" ({', '.join(differing)})" if differing else ""


def _short(axis: str, value: Any) -> str:
    if isinstance(value, Mapping):
        recipe = value.get("recipe")
        return f"{value.get('name', dict(value))}" + (f".{recipe}" if recipe not in (None, "default") else "")
    if value is None:
        return f"{axis} default"
    if axis in ("plugin", "model.pool") or axis in config.section_meanings():
        return str(value)
    return f"{axis.rpartition('.')[2]} {value}"


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
