"""Follows a run: hands the numbers of each epoch and the result to its loggers, none of which can fail it."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer_plugins.config import registry
from fer_plugins.config.logger_names import find_logger, logger_names
from fer_plugins.contract import KeepsCheckpoint, Result, ShowsFigures, ShowsResult
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt
    from lightning.pytorch.loggers import Logger

    from fer_plugins.metrics.metrics import Predictions

ReadImages: TypeAlias = "Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]"
TABLE = "csv"  # the logger of metrics.csv, which belongs to the record of every run that has a logger
SHOWN = 32  # predictions in the table with images
_OVERALL = (
    "n", "loss", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "specificity", "f1_weighted", "kappa",
    "mcc", "top2_accuracy", "auroc", "average_precision", "ece", "brier",
)  # fmt: skip
_HEADLINE = ("accuracy", "f1")  # their intervals are columns of the table of runs; all others stand in SPLIT/intervals


def start(config: Mapping[str, Any], folder: Path, *, resume_id: str | Mapping[str, str] | None = None) -> Tracker:
    """Start following a run with the loggers that ``config["logger"]`` names.

    Every logger but none writes ``metrics.csv`` into the folder. The keys of the section beside ``name`` are options of
    the loggers; what the environment says of W&B is in the configuration already.

    Args:
        config: the resolved configuration.
        folder: of the run; exists.
        resume_id: ``run_id`` of the run that goes on, from its manifest.

    Raises:
        InputError: an unknown name or option, or a logger that does not start.
    """
    section = config.get("logger") or {}
    names = logger_names(section.get("name", "wandb"))
    tracker = Tracker()
    try:
        for name in dict.fromkeys([TABLE, *names]) if names else ():
            component = find_logger(name)
            known = [option.name for option in registry.options(component)]
            options = registry.check_options(
                component, {key: section[key] for key in known if key in section}, "logger"
            )
            own_id = resume_id.get(name) if isinstance(resume_id, Mapping) else resume_id
            logger = registry.build("logger", name, folder=folder, config=config, resume_id=own_id, **options)
            if logger is not None:
                tracker.add(name, logger)
    except BaseException:
        tracker.close(False)  # those that have begun
        raise
    tracker.begin(config)
    return tracker


def check(config: Mapping[str, Any]) -> None:
    """Refuse loggers that cannot begin on this machine, before anything is read or written.

    Raises:
        InputError: one is not installed, or what it needs; the remedy is named.
    """
    for name in logger_names((config.get("logger") or {}).get("name", "none")):
        checks = getattr(registry.load(find_logger(name)), "check", None)
        try:
            if checks is not None:
                checks(config)
        except ValueError as error:
            raise InputError(f"logger.name {name}: {error}") from None


class Tracker:
    """What ``start`` returns. A logger that fails on the way becomes one warning, and the run goes on without it.

    The table of epochs is no such logger: it is part of the record, and a run that cannot write it has failed.

    Attributes:
        warnings: sentences for the manifest and the closing lines.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._table: Any = None
        self._loggers: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._behind: list[str] = []  # loggers that lack the epochs before the resumed one

    def add(self, name: str, logger: Logger) -> None:
        """Take a logger in that has begun.

        Raises:
            PluginError: it is no logger of Lightning.
        """
        from lightning.pytorch.loggers import Logger

        if not isinstance(logger, Logger):
            raise registry.PluginError(
                f"{find_logger(name)} returns a {type(logger).__name__}; the contract wants a Logger of "
                "lightning.pytorch"
            )
        if name == TABLE:
            self._table = logger
            return
        self._loggers[name] = logger
        if isinstance(run_id := getattr(logger, "run_id", None), str):
            self._ids[name] = run_id
        if getattr(logger, "starts_empty", False) is True:
            self._behind.append(name)

    @property
    def run_id(self) -> str | dict[str, str] | None:
        """What is kept for ``--resume``: the id of the logger that has one, or of each where several have."""
        return next(iter(self._ids.values()), None) if len(self._ids) < 2 else dict(self._ids)

    def begin(self, config: Mapping[str, Any]) -> None:
        """Hand the configuration over."""
        self._send("the start", lambda logger: logger.log_hyperparams(dict(config)))

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """Take one epoch's numbers.

        Args:
            row: ``epoch`` (from 1) and what ``docs/dashboards.md`` lists for it. In metrics.csv the first row of a
                resumed run removes the rows of that epoch and later ones.

        Raises:
            RunError: metrics.csv cannot be written.
        """
        epoch = int(row["epoch"])
        self._replay(epoch)
        row = {**row, "epoch": epoch}
        if self._table is not None:
            self._table.log_metrics(row, epoch)
        self._send("an epoch", lambda logger: logger.log_metrics(row, epoch))

    def log_result(
        self,
        scores_by_split: Mapping[str, Mapping[str, Any]],
        predictions: Predictions,
        read_images: ReadImages | None,
        sources: Sequence[str],
        classes: Sequence[str],
        summary: Mapping[str, Any],
    ) -> None:
        """Send the result: confusion matrices, scores per class, intervals, 32 predictions with images, the summary.

        Args:
            scores_by_split: split -> scores as ``evaluate.metrics.score`` returns them.
            predictions: of the split that is reported: "test", or the only one that was scored.
            read_images: called with the rows of the sample table that are shown, (n,) int64; returns their images,
                (n, H, W, C) uint8. Asked for by row, so that no image can stand beside another's label. None: no
                images.
            sources: (N,) source names in the order of ``predictions``.
            classes: names in label order.
            summary: further summary values: those that ``docs/dashboards.md`` lists.
        """
        if not self._loggers:
            return
        self._replay(math.inf)
        reported = "test" if "test" in scores_by_split else next(iter(scores_by_split))
        columns, rows, images = _shown_predictions(predictions, read_images, sources, classes)
        values, matrices, tables = dict(summary), {}, {}
        for split, scores in scores_by_split.items():
            matrices[f"{split}/confusion_matrix"] = scores["confusion_matrix"]
            tables[f"{split}/per_class"] = _per_class(scores)
            if scores.get("intervals"):
                tables[f"{split}/intervals"] = _intervals(scores)
            values |= _flatten(split, scores)
        epochs = int(summary.get("epochs") or 0)
        shown = f"{reported}/predictions"
        result = Result(epochs, values, classes, matrices, tables, shown, (columns, rows), images)

        def send(logger: Logger) -> None:
            if isinstance(logger, ShowsResult):
                logger.log_result(result)
            else:
                logger.log_metrics(result.numbers(), epochs)

        self._send("the result", send)

    def log_checkpoint(self, path: Path) -> None:
        """Hand the selected checkpoint to loggers that keep one."""
        self._send("the checkpoint", lambda one: one.log_checkpoint(path) if isinstance(one, KeepsCheckpoint) else None)

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Hand PNG files to loggers that show them."""
        if pictures:
            self._send("the figures", lambda one: one.log_figures(pictures) if isinstance(one, ShowsFigures) else None)

    def close(self, ok: bool) -> None:
        """End the logging of a run that has finished or failed; twice does no harm."""
        self._send("the end", lambda logger: logger.finalize("success" if ok else "failed"))
        self._loggers.clear()

    def _replay(self, until: float) -> None:
        """Send the epochs of the interrupted run again to loggers that cannot go on with what they had written."""
        for row in self._table.rows.before(until) if self._behind else ():
            for name in self._behind:
                self._send_to(name, "an earlier epoch", operator.methodcaller("log_metrics", row, row["epoch"]))
        self._behind.clear()

    def _send(self, what: str, action: Callable[[Any], None]) -> None:
        for name in list(self._loggers):
            self._send_to(name, what, action)

    def _send_to(self, name: str, what: str, action: Callable[[Any], None]) -> None:
        logger = self._loggers.get(name)
        if logger is None:
            return
        try:
            action(logger)
        except Exception as error:  # whatever a logger does, the training is worth more
            reason = " ".join(str(error).split()) or type(error).__name__
            title = getattr(logger, "title", name)
            self.warnings.append(f"{title} failed at {what} ({reason}); the run went on without it")
            del self._loggers[name]
            with contextlib.suppress(Exception):
                logger.abandon() if hasattr(logger, "abandon") else logger.finalize("failed")


def _per_class(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ["precision", "recall", "f1", "specificity", "support"]
    return ["class", *columns], [[name, *(row[c] for c in columns)] for name, row in scores["per_class"].items()]


def _intervals(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of all intervals of a split: the overall ones (class "all"), then each class's."""
    given = scores["intervals"]
    rows: list[list[Any]] = []

    def add(name: str, kind: str, value: Any, interval: Mapping[str, Any] | None) -> None:
        ends = [interval["low"], interval["high"]] if interval else [None, None]
        rows.append([name, kind, value, *ends])

    for name in _OVERALL:
        if name in given:
            add(name, "all", scores.get(name), given[name])
    for kind, row in scores["per_class"].items():
        for name, interval in given.get("per_class", {}).get(kind, {}).items():
            add(name, kind, row.get(name), interval)
    return ["score", "class", "value", "low", "high"], rows


def _shown_predictions(
    predictions: Predictions, read_images: ReadImages | None, sources: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[list[Any]], Sequence[npt.NDArray[np.uint8] | None]]:
    """Return columns, rows and images of predictions drawn at random with a fixed seed: not the best, not the worst."""
    size = len(predictions)
    chosen = np.sort(np.random.default_rng(0).choice(size, min(SHOWN, size), replace=False))
    rows = []
    for n in chosen:
        true, predicted = classes[predictions.label[n]], classes[predictions.predicted[n]]
        shares = [round(float(share), 6) for share in predictions.probabilities[n]]
        rows.append([str(sources[n]), true, predicted, *shares])
    images: Sequence[npt.NDArray[np.uint8] | None] = [None] * len(chosen)
    if read_images is not None:
        images = list(read_images(predictions.index[chosen]))
    return ["source", "true", "predicted", *(f"p({name})" for name in classes)], rows, images


def _flatten(split: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"{split}/{name}": scores[name] for name in _OVERALL}
    for name, interval in scores.get("intervals", {}).items():
        if name in _HEADLINE:
            flat |= {f"{split}/{name}_{end}": interval[end] if interval else None for end in ("low", "high")}
    for name, row in scores["per_class"].items():
        flat |= {f"{split}/{metric}/{name}": row[metric] for metric in ("precision", "recall", "f1")}
    return flat
