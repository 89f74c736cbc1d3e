"""The contract of loggers: what they receive, from the first epoch to the final result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from lightning.pytorch.loggers import Logger


class LoggerFactory(Protocol):
    """``fer_plugins.loggers``: a logger of lightning.pytorch, or None if its options turn logging off.

    The core calls ``log_hyperparams`` with the configuration, ``log_metrics(row, step)`` after each epoch (counted from
    1) and with the scores at the end, then ``finalize("success")`` or ``finalize("failed")``. A logger that raises an
    exception is dropped with a warning, and the run continues.

    Optional members: ``title`` (its name in that warning), ``run_id`` (str, stored with the run and passed as
    ``resume_id`` when it is resumed), ``starts_empty`` (True if a resumed run has to log its earlier epochs again), and
    the methods of :class:`ShowsResult`, :class:`ShowsFigures` and :class:`KeepsCheckpoint`. A function attribute
    ``check(config)`` of the factory raises ``ValueError``, before any data are read, if the logger cannot start on this
    machine.
    """

    def __call__(self, *, folder: Path, config: Mapping[str, Any], resume_id: str | None) -> Logger | None:
        """Start logging the run in ``folder``; ``config`` is its complete configuration."""
        ...


class Result(NamedTuple):
    """The final result of a run; ``docs/dashboards.md`` lists the keys."""

    epochs: int
    values: Mapping[str, Any]  # "test/accuracy", "best_epoch", ...: numbers, strings, or None if undefined
    classes: Sequence[str]
    matrices: Mapping[str, Sequence[Sequence[int]]]  # "val/confusion_matrix": counts, rows are true classes
    tables: Mapping[str, tuple[list[str], list[list[Any]]]]  # "val/per_class": columns and rows
    shown: str  # key of the table of predictions
    predictions: tuple[list[str], list[list[Any]]]  # its columns and rows
    images: Sequence[npt.NDArray[np.uint8] | None]  # image (H, W, C) of each row

    def numbers(self) -> dict[str, float]:
        """Return the numeric values, under keys that differ from those of curves: "result/test/accuracy"."""
        numbers = {key: value for key, value in self.values.items() if isinstance(value, int | float)}
        return {f"result/{key}": value for key, value in numbers.items() if not isinstance(value, bool)}


@runtime_checkable
class ShowsResult(Protocol):
    """Optional: a logger that takes the whole result; other loggers get its numbers through ``log_metrics``."""

    def log_result(self, result: Result) -> None:
        """Log the scores, confusion matrices, tables and predictions."""
        ...


@runtime_checkable
class ShowsFigures(Protocol):
    """Optional: a logger that takes the figures of the run."""

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Log PNG files, given as name -> path."""
        ...


@runtime_checkable
class KeepsCheckpoint(Protocol):
    """Optional: a logger that takes the selected checkpoint."""

    def log_checkpoint(self, path: Path) -> None:
        """Upload or copy the file if the logger's options ask for it."""
        ...
