"""``fer search``: hyper-parameters chosen on validation, one run a trial; the test split stays sealed throughout."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.begun_folder import BegunRuns, begun_folder, check_same_data
from fer_plugins.experiments.cells import Cell, Outcome, in_process, run_cells
from fer_plugins.experiments.identity import deciding_settings
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runtime.errors import InputError, Interrupted, RunError

_RANGE = {"low", "high", "log", "integer"}


@dataclass(frozen=True)
class Axis:
    """One hyper-parameter: the dotted key of the configuration and the range of its values."""

    key: str
    low: float
    high: float
    log: bool = False
    integer: bool = False

    def value(self, coordinate: float) -> float | int:
        """Return the value at ``coordinate`` of the unit interval; integers have shares of equal width.

        >>> Axis("optimizer.lr", 1e-4, 1e-2, log=True).value(0.5)
        0.001
        >>> [Axis("model.hidden", 1, 2, integer=True).value(x) for x in (0, 0.49, 0.51, 1)]
        [1, 1, 2, 2]
        """
        low, high = (self.low, self.high) if not self.integer else (self.low - 0.5, self.high + 0.5)
        if self.log:
            value = math.exp(math.log(low) + coordinate * (math.log(high) - math.log(low)))
            value = float(f"{value:.12g}")  # 0.001, not 0.0009999999999999998
        else:
            value = low + coordinate * (high - low)
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Space:
    """A search file: the search with its options and ``seed``, and the axes in their order."""

    search: Mapping[str, Any]
    axes: tuple[Axis, ...]


def read_space(path: str | Path) -> Space:
    """Read a search file with the sections ``search`` (a name and options) and ``space`` (key: range).

    Raises:
        InputError: it does not parse, a key is not one of the configuration, or a range is none.
    """
    content = config.read_file(path, flag="fer search")
    for key in content:
        if key not in ("search", "space"):
            raise InputError(f"fer search {path}: unknown key {key!r}; known: search, space")
    search, space = content.get("search"), content.get("space")
    if not isinstance(search, Mapping) or not isinstance(search.get("name"), str):
        raise InputError(f"fer search {path}: search needs a name, such as search: {{name: random}}")
    if type(search.get("seed", 0)) is not int or search.get("seed", 0) < 0:
        raise InputError(f"fer search {path}: search.seed must be a whole number from 0, not {search['seed']!r}")
    if not isinstance(space, Mapping) or not space:
        example = "optimizer.lr: {low: 1e-4, high: 1e-2, log: true}"
        raise InputError(f"fer search {path}: space needs at least one key, such as {example}")
    return Space(search, tuple(_read_axis(path, str(key), given) for key, given in space.items()))


def _read_axis(path: str | Path, key: str, given: Any) -> Axis:
    where = f"fer search {path}: space.{key}"
    section = key.partition(".")[0]
    if "." not in key or section not in config.section_meanings():
        known = [name for name in config.section_meanings() if name not in ("logger", "run")]
        raise InputError(f"{where}: not a key of the configuration{registry.nearest(section, known)}")
    if section in ("run", "logger", "selection", "protocol") or key in ("data.name", "data.root", "data.limit"):
        raise InputError(f"{where}: changes what is measured, not the model; leave it out of the space")
    if not isinstance(given, Mapping) or set(given) - _RANGE or not {"low", "high"} <= set(given):
        raise InputError(f"{where}: expected {{low: NUMBER, high: NUMBER}}, and log: true or integer: true where meant")
    low, high = given["low"], given["high"]
    if not all(type(end) in (int, float) and math.isfinite(end) for end in (low, high)):
        raise InputError(f"{where}: low and high must be numbers, not {low!r} and {high!r}")
    flags = {name: given.get(name, False) for name in ("log", "integer")}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise InputError(f"{where}: log and integer must be true or false")
    if not low < high:
        raise InputError(f"{where}: low {low} must be below high {high}")
    if flags["log"] and low <= (0.5 if flags["integer"] else 0):
        raise InputError(f"{where}: a logarithmic range must begin above 0, not at {low}")
    if flags["integer"] and not (float(low).is_integer() and float(high).is_integer()):
        raise InputError(f"{where}: an integer range must have whole ends, not {low} and {high}")
    return Axis(key, low, high, **flags)


def search(
    space: Space,
    base: Mapping[str, Any],
    *,
    plugin: str,
    recipe: str | None = None,
    files: list[str] | None = None,
    folder: Path,
    say: Callable[[str], None] = print,
) -> config.RunConfig:
    """Try points of the space until the search is over; return the configuration of the best trial.

    Each trial is an ordinary run (``run.test: false``) in ``folder/trials``. ``folder/search.csv`` has a trial a row
    and is complete after each; ``folder/best.yaml`` is what ``fer-run --config`` takes, and scores the test split once.
    A search that ended early goes on in its folder: finished trials are kept, one that failed is run anew.

    Args:
        space: from :func:`read_space`.
        base: flags of every trial, as ``config.resolve`` takes them.
        plugin: the architecture.
        recipe: a variant of its recipe.
        files: configuration files.
        folder: new, or that of the same search.
        say: takes a line a trial.

    Raises:
        InputError: the configuration or a range does not fit, or the folder holds something else; nothing was tried.
        RunError: every trial failed. Interrupted: the user stopped it.
    """
    from fer_plugins.experiments.resuming import resume  # PyTorch; the file is read before
    from fer_plugins.experiments.run import run

    options = dict(space.search)
    name, seed = str(options.pop("name")), options.pop("seed", 0)  # of the search; the runs keep their own

    def resolved(point: list[float]) -> config.Resolved:
        flags: dict[str, Any] = config.copy_plain(base)
        for axis, coordinate in zip(space.axes, point, strict=True):
            config.put(flags, axis.key, axis.value(coordinate))
        return config.resolve(flags, plugin=plugin, recipe=recipe, files=files)

    for place in (0.0, 0.382, 1.0):  # what the keys do not take (a fraction, say) is found before anything is trained
        highest = resolved([place] * len(space.axes)).config
    searcher = registry.build("search", name, dimensions=len(space.axes), seed=seed, **options)
    plan: dict[str, Any] = {
        "search": {"seed": 0, **space.search},
        "space": {axis.key: asdict(axis) for axis in space.axes},
    }
    plan |= {**deciding_settings(highest), "run.fold": highest.run.fold}
    sign = -1.0 if highest.selection.mode == "max" else 1.0
    metric = highest.selection.metric
    rows: list[dict[str, Any]] = []
    points: list[list[float]] = []
    records: list[Record] = []
    best: tuple[float, config.RunConfig] | None = None

    def cells(runs: BegunRuns) -> Iterator[Cell]:
        while (point := searcher.ask()) is not None:
            points.append(point)
            asked = resolved(point).config
            output = replace(asked.run, output=str(folder / "trials"), test=False, fold=asked.run.fold or 0)
            yield runs.cell(f"trial {len(points)}", config.Resolved(replace(asked, run=output)))

    with begun_folder(folder, plan, "search"), reading_once():
        trials = cells(BegunRuns(folder / "trials"))
        execute = in_process(run, lambda record: resume(record.folder))
        try:
            for outcome in run_cells(trials, execute, silent=True):  # a line a trial says enough
                score, problem = _read_outcome(outcome, metric)
                if outcome.record is not None:
                    records.append(outcome.record)
                    check_same_data(records[0], outcome.record, folder)
                searcher.tell(math.inf if score is None else sign * score)
                values = {axis.key: axis.value(at) for axis, at in zip(space.axes, points[-1], strict=True)}
                where = "" if outcome.record is None else str(outcome.record.folder)
                ended = {metric: score, "seconds": outcome.seconds, "run": where, "problem": problem}
                rows.append({"trial": len(points), **values, **ended})
                _write_rows(folder / "search.csv", rows)
                if score is not None and (best is None or sign * score < best[0]):
                    best = (sign * score, outcome.cell.resolved.config)
                    write_atomically(folder / "best.yaml", config.dump(replace(best[1], run=highest.run)))
                shown = ", ".join(f"{key} {value:.4g}" for key, value in values.items())
                text = f"no score: {problem}" if score is None else f"{metric} {score:.4f}"
                kept = ", finished already" if outcome.cell.finished else ""
                say(f"trial {len(points)}: {shown}: {text}  {outcome.seconds:.1f} s{kept}")
        except Interrupted:
            raise Interrupted(
                f"interrupted, finished trials: {len(rows)}; go on with the same command and --out {folder}"
            ) from None
    if best is None:
        raise RunError(f"every one of the {len(rows)} trials failed; {folder / 'search.csv'} says why")
    return best[1]


def _read_outcome(outcome: Outcome, metric: str) -> tuple[float | None, str]:
    """Return the selected epoch's metric (None where there is no result), and the problem."""
    if outcome.record is None:
        return None, str(outcome.error)
    if outcome.record.metrics["not_a_result"]:
        return None, "; ".join(outcome.record.metrics["not_a_result"])
    return float(outcome.record.metrics["val"][metric.removeprefix("val/")]), ""


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
