"""Columns of a table of runs: a metric of a split or class, by a paper's name; its gap; the cost of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fer_plugins.analysis.claims import aliases
from fer_plugins.analysis.claims.aliases import Reading
from fer_plugins.config.nearest import nearest
from fer_plugins.contract import SPLITS
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError


@functools.cache
def network_cost(folder: Path) -> dict[str, float] | None:
    """Measure the selected network of a run; None if its checkpoint or its plug-in is missing.

    Args:
        folder: folder of a single run or fold.

    Returns:
        ``params`` (trainable), ``macs`` and ``flops`` (2 x macs) for one image, ``mb``, and ``latency`` (one image on
        the CPU of this machine), see ``runs.cost``.
    """
    from fer_plugins.runs.cost import latency, macs, megabytes, parameters
    from fer_plugins.training.module import FERModule

    checkpoint = folder / "checkpoints" / "best.ckpt"
    if not checkpoint.is_file():
        return None
    try:
        module = FERModule.load_from_checkpoint(checkpoint, map_location="cpu")
    except InputError:  # the plug-in is not installed
        return None
    network, data = module.network, module.config.data
    shape = (data.channels, data.image_size, data.image_size)
    count = macs(network, shape)
    return {
        "params": parameters(network),
        "macs": count,
        "flops": 2 * count,
        "mb": megabytes(network),
        "latency": latency(network, shape),
    }


GAP = "gap"  # the training split minus the reported split
Measured = tuple[float | None, Mapping[str, Any] | None]  # value and its 95 % interval over samples


@dataclass(frozen=True)
class Column:
    """One column: how it is read from a run, and which claims it is compared with."""

    key: str  # name in options and CSV: "accuracy", "val/f1", "far.specificity", "epochs"
    title: str
    read: Callable[[FinishedRun], Measured]
    claims: tuple[str, ...] = ()  # metric names in claims files
    split: str = ""  # "": the split that a run reports on
    reading: str | None = None  # the reading in our scores, if the name has several
    score: str = ""  # the score whose range the values have; "": not a score, so there is no interval over seeds
    unit: str = ""

    def takes(self, metric: str, split: str, reading: str | None, *, split_means: bool = False) -> bool:
        """Return whether a claim is shown next to the column.

        Args:
            metric: metric of the claim.
            split: split of the claim, as named in claims files.
            reading: reading in which the claim was compared; None if not specified.
            split_means: whether the paper's split was really another one than its name says, so that the name is
                ignored.
        """
        if metric not in self.claims or (reading is not None and reading != self.reading):
            return False
        if not self.score:
            return True
        named = {"train": "train", "validation": "" if split_means else "val"}.get(split, "")
        return named == self.split or (named == "val" and not self.split) or (not named and self.split == "test")

    def format(self, value: float) -> str:
        """Format a value: a score with four decimals, otherwise as short as possible."""
        if self.score:
            return f"{value:+.4f}" if self.split == GAP else f"{value:.4f}"
        return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"


def parse_columns(names: Sequence[str], own: Sequence[Reading] = ()) -> list[Column]:
    """Return the columns of the given names; a paper's name for several scores gives one column per reading.

    Args:
        names: METRIC, SPLIT/METRIC, SPLIT/METRIC/CLASS, gap/METRIC, or one of ``RUN_COLUMNS``.
        own: the meanings of the papers' own names of scores (``Claims.aliases``).

    Raises:
        InputError: a name is unknown.
    """
    columns = [column for name in names for column in _parse(name.strip(), own)]
    return list({column.key: column for column in columns}.values())


def _parse(name: str, own: Sequence[Reading]) -> list[Column]:
    if name in RUN_COLUMNS:
        return [RUN_COLUMNS[name]]
    split, slash, rest = name.partition("/")
    if not slash:
        split, rest = "", name
    elif split not in (*SPLITS, GAP):
        raise InputError(f"column {name}: {split!r} is not a split{nearest(split, [*SPLITS, GAP])}; known: {_splits()}")
    metric, _, of_class = rest.partition("/")
    entry = all_metrics().get(metric)
    if entry is not None and of_class and (split == GAP or not entry.of_class):
        subject = "gaps are" if split == GAP else f"{metric} is"
        raise InputError(f"column {name}: {subject} not measured by class; leave /{of_class} out")
    if entry is not None:
        read = partial(_read_gap, metric) if split == GAP else partial(_read_metric, split, metric, of_class)
        label = entry.label.removeprefix("macro ") if of_class else entry.label
        title = " ".join(filter(None, (split, label, of_class)))
        base, _, average = metric.rpartition("_")
        claims = (f"{average}_{base}",) if entry.average in ("weighted", "micro") else (metric, f"macro_{metric}")
        return [Column(name, title, read, () if of_class or split == GAP else claims, split, score=metric)]
    alias, _, requested_column = metric.partition(".")
    try:
        readings = [] if of_class or split == GAP else list(aliases.readings(alias, own))
    except InputError:
        readings = []
    columns = [_alias_column(split, alias, reading) for reading in readings]
    if requested_column:
        columns = [column for column in columns if column.key == name]
    if not columns:
        names = [*all_metrics(), *RUN_COLUMNS, *dict.fromkeys(reading.name for reading in (*aliases.ALIASES, *own))]
        raise InputError(
            f"column {name}: no metric or figure of a run{nearest(metric, names)}; known: {', '.join(names)}; a "
            f"metric also behind {_splits()}"
        )
    return columns


def _splits() -> str:
    return ", ".join(f"{split}/" for split in (*SPLITS, GAP))


def _alias_column(split: str, name: str, reading: Reading) -> Column:
    prefix = f"{split}/" if split else ""
    form = reading.form.removeprefix("same").removeprefix("complement")
    key = f"{prefix}{name}.{reading.score}{'_' * bool(form and form[0] != '_')}{form}"
    title = f"{split} {name.upper() if len(name) < 4 else name} as {reading.ours}".strip()
    read = partial(_read_alias, split, reading)
    return Column(key, title, read, (reading.name,), split, reading.ours, score=reading.score)


def _scores_of(run: FinishedRun, split: str) -> list[Mapping[str, Any]]:
    """Return the scores of a split; for folds that are not pooled those of each fold."""
    if split in ("", run.split):
        return [run.scores]
    if run.target:  # another dataset has no validation or training split
        return []
    records: list[Record] = [run.record] if split in run.record.metrics or not run.is_folds else run.record.read_folds()
    return [record.metrics[split] for record in records if split in record.metrics]


def _mean(values: Sequence[Measured]) -> Measured:
    """Return the mean over folds, which has no interval over samples."""
    numbers = [value for value, _ in values if value is not None]
    if len(values) == 1:
        return values[0]
    return (sum(numbers) / len(numbers) if numbers and len(numbers) == len(values) else None), None


def _read_metric(split: str, metric: str, of_class: str, run: FinishedRun) -> Measured:
    values: list[Measured] = []
    for scores in _scores_of(run, split):
        intervals = scores.get("intervals") or {}
        if of_class:
            classes = scores.get("per_class") or {}
            if of_class not in classes:
                raise InputError(f"column {metric}/{of_class}: {run.record.folder} has no class {of_class}; "
                                 f"known: {', '.join(classes)}")  # fmt: skip
            scores, intervals = classes[of_class], (intervals.get("per_class") or {}).get(of_class) or {}
        values.append((scores.get(metric), intervals.get(metric)))
    return _mean(values)


def _read_alias(split: str, reading: Reading, run: FinishedRun) -> Measured:
    scores_of_split = _scores_of(run, split)
    return _mean(
        [(aliases.measure(reading, scores), aliases.measure_interval(reading, scores)) for scores in scores_of_split]
    )


def _read_gap(metric: str, run: FinishedRun) -> Measured:
    records = run.record.read_folds() if run.is_folds else [run.record]
    gaps = [(record.metrics.get("generalisation_gap") or {}).get(metric) for record in records]
    return _mean([(gap["difference"], gap) if gap else (None, None) for gap in gaps])


def _read_manifest(key: str, run: FinishedRun) -> Measured:
    return _mean([(record.manifest.get(key), None) for record in run.record.read_folds()])  # type: ignore[misc]


def _seconds(record: Record) -> float | None:
    sessions = record.manifest.get("sessions") or []
    if not sessions or any(session.get("fit_seconds") is None for session in sessions):  # an earlier version
        return None
    return float(sum(session["fit_seconds"] for session in sessions))


def _read_train_time(run: FinishedRun) -> Measured:
    return _mean([(_seconds(record), None) for record in run.record.read_folds()])


def _read_epoch_time(run: FinishedRun) -> Measured:
    times = []
    for record in run.record.read_folds():
        seconds, epochs = _seconds(record), record.manifest.get("epochs")
        times.append((seconds / epochs if seconds is not None and epochs else None, None))
    return _mean(times)


def _read_cost(key: str, run: FinishedRun) -> Measured:
    cost = network_cost(run.record.read_folds()[0].folder)
    return (None if cost is None else float(cost[key])), None


_RUN = [
    Column("epochs", "epochs", partial(_read_manifest, "epochs"), ("epochs",)),
    Column("best_epoch", "selected epoch", partial(_read_manifest, "best_epoch")),
    Column("epoch_time", "time of an epoch", _read_epoch_time, ("epoch_time_s",), unit="s"),
    Column("train_time", "training time", _read_train_time, ("train_time_s", "training_time_s"), unit="s"),
    Column("params", "parameters", partial(_read_cost, "params"), ("params",)),
    Column("macs", "multiply-adds per image", partial(_read_cost, "macs")),
    Column("flops", "FLOPs per image", partial(_read_cost, "flops"), ("operations",)),
    Column("mb", "weights", partial(_read_cost, "mb"), ("model_size_mb",), unit="MB"),
    Column("latency", "time per image, here", partial(_read_cost, "latency"), ("inference_time_s",), unit="s"),
]
RUN_COLUMNS = {
    column.key: replace(column, title=f"{column.title} ({column.unit})" if column.unit else column.title)
    for column in _RUN
}
DEFAULT = tuple(HEADLINE)
