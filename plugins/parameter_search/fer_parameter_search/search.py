"""``fer search``: hyper-parameters chosen on validation, one run a trial; the test split stays sealed throughout."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_parameter_search.search_space import Space, read_space
from fer_plugins import config
from fer_plugins.commands.installed_verbs import LOADING
from fer_plugins.config import registry
from fer_plugins.contract import HasBudget
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.begun_folder import BegunRuns, begun_folder, check_begun_with
from fer_plugins.experiments.cells import Cell, Outcome, in_process, run_cells
from fer_plugins.experiments.identity import deciding_settings, identify
from fer_plugins.runs.record import Record, write_atomically
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.plain_values import shell_word

__all__ = ["Space", "read_space", "search"]


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
    A search that ended early goes on in its folder: finished trials are kept, one that failed is run anew. A
    configuration is trained once: a trial that asks for it again has the run and the score of the earlier one.

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
    options = dict(space.search)
    name, seed = str(options.pop("name")), options.pop("seed", 0)  # of the search; the runs keep their own

    def resolved(point: list[float]) -> config.Resolved:
        flags: dict[str, Any] = config.copy_plain(base)
        for axis, coordinate in zip(space.axes, point, strict=True):
            config.put(flags, axis.key, config.copy_plain(axis.value(coordinate)))
        return config.resolve(flags, plugin=plugin, recipe=recipe, files=files)

    # What the keys do not take (a fraction, say, or one of the names) is found before anything is trained.
    coordinates = itertools.zip_longest(*(axis.trial_coordinates() for axis in space.axes), fillvalue=1.0)
    checked = [resolved(list(axes)).config for axes in coordinates]
    highest = checked[-1]
    _refuse_other_measurements(space, highest)
    searcher = registry.build("search", name, dimensions=len(space.axes), seed=seed, **options)
    with activity.loading(LOADING):  # PyTorch, after all that can be refused without it
        from fer_plugins.experiments.resuming import resume
        from fer_plugins.experiments.run import read_data, run
        from fer_plugins.training.arithmetic import refuse_auto
    for settings in checked:
        refuse_auto(settings)
    plan: dict[str, Any] = {
        "search": {"seed": 0, **space.search},
        "space": {axis.key: axis.as_plan() for axis in space.axes},
    }
    plan |= {**deciding_settings(highest), "run.fold": highest.run.fold}
    sign = -1.0 if highest.selection.mode == "max" else 1.0
    metric = highest.selection.metric
    rows: list[dict[str, Any]] = []
    points: list[list[float]] = []
    records: list[Record] = []
    budgets: list[float] = []  # of each trial, the share of the recipe's epochs
    best: tuple[tuple[float, float], config.RunConfig] | None = None  # the most epochs first, then the score
    trained: dict[str, tuple[int, Record]] = {}  # identity of a configuration -> its first trial and that one's run

    def cells(runs: BegunRuns) -> Iterator[Cell]:
        while (point := searcher.ask()) is not None:
            points.append(point)
            budgets.append(searcher.budget if isinstance(searcher, HasBudget) else 1.0)
            asked = resolved(point).config
            epochs = max(1, round(budgets[-1] * asked.trainer.epochs))
            asked = replace(asked, trainer=replace(asked.trainer, epochs=epochs))
            output = replace(asked.run, output=str(folder / "trials"), test=False, fold=asked.run.fold or 0)
            trial, asked = f"trial {len(points)}", replace(asked, run=output)
            earlier = trained.get(identify(asked))
            if earlier is None:
                yield runs.cell(trial, config.Resolved(asked))
            else:
                yield Cell(trial, config.Resolved(asked), begun=earlier[1], finished=True)

    with begun_folder(folder, plan, "search"), reading_once():
        if highest.run.fold is None and (count := read_data(highest).fold_count) > 1:
            raise InputError(
                f"protocol {highest.protocol.name} has {count} folds, and a search on one sees test images of the "
                "others; add --run.fold 0, and search for each fold again"
            )
        trials = cells(BegunRuns(folder / "trials"))
        execute = in_process(run, lambda record: resume(record.folder))
        try:
            for outcome in run_cells(trials, execute, silent=True):  # a line a trial says enough
                score, problem = _read_outcome(outcome, metric)
                first = len(points)  # trial of this configuration
                if outcome.record is not None:
                    records.append(outcome.record)
                    check_begun_with(records[0], outcome.record, folder)
                    first, _ = trained.setdefault(identify(outcome.cell.resolved.config), (first, outcome.record))
                searcher.tell(math.inf if score is None else sign * score)
                values = {axis.key: axis.value(at) for axis, at in zip(space.axes, points[-1], strict=True)}
                where = "" if outcome.record is None else str(outcome.record.folder)
                if isinstance(searcher, HasBudget):
                    values["trainer.epochs"] = outcome.cell.resolved.config.trainer.epochs
                ended = {metric: score, "seconds": outcome.seconds, "run": where, "problem": problem}
                rows.append({"trial": len(points), **values, **ended})
                _write_rows(folder / "search.csv", rows)
                if score is not None and (best is None or (-budgets[-1], sign * score) < best[0]):
                    best = ((-budgets[-1], sign * score), resolved(points[-1]).config)
                    write_atomically(folder / "best.yaml", config.dump(replace(best[1], run=highest.run)))
                shown = ", ".join(f"{key} {_short(value)}" for key, value in values.items())
                text = f"no score: {problem}" if score is None else f"{metric} {score:.4f}"
                kept = ", finished already" if outcome.cell.finished else ""
                if first < len(points):
                    kept = f", as trial {first}"
                say(f"trial {len(points)}: {shown}: {text}  {outcome.seconds:.1f} s{kept}")
        except Interrupted:
            raise Interrupted(
                f"interrupted, finished trials: {len(rows)}; continue with the same command and "
                f"--out {shell_word(folder)}"
            ) from None
    if best is None:
        raise RunError(f"every one of the {len(rows)} trials failed; {folder / 'search.csv'} says why")
    return best[1]


def _refuse_other_measurements(space: Space, settings: config.RunConfig) -> None:
    """Refuse axes that change the dataset, and a configuration whose best would not be scored.

    Raises:
        InputError: see above.
    """
    dataset = registry.find("dataset", settings.data.name)
    for axis in space.axes:
        if axis.key in {f"data.{option.name}" for option in registry.options(dataset)}:
            raise InputError(
                f"space.{axis.key}: is an option of the dataset {dataset.name}: it changes what is measured, not "
                "the model; leave it out of the space"
            )
    if not settings.run.test:
        raise InputError(
            "run.test false: no trial scores the test split anyway, and best.yaml is there to score it; leave it out"
        )


def _short(value: Any) -> str:
    """Return a value for the line of a trial."""
    if isinstance(value, Mapping):
        return str(value.get("name", dict(value)))
    return f"{value:.4g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


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
