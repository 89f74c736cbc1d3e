"""The contract of loggers: what they are handed, from the first epoch to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from lightning.pytorch.loggers import Logger


class LoggerFactory(Protocol):
    """``fer_plugins.loggers``: a logger of lightning.pytorch, or None where its options say that there is none.

    The core calls ``log_hyperparams`` with the configuration, ``log_metrics(row, step)`` after each epoch (counted from
    1) and with the scores at the end, then ``finalize("success")`` or ``finalize("failed")``. A logger that raises on
    the way is dropped with a warning; the run goes on. Optional members: ``title`` (its name in that warning),
    ``run_id`` (str, kept with the run and handed over as ``resume_id`` when it is resumed), ``starts_empty`` (True
    where a resumed run has to log its earlier epochs again), and the methods of :class:`ShowsResult`,
    :class:`ShowsFigures` and :class:`KeepsCheckpoint`. A function attribute ``check(config)`` of the factory raises
    ``ValueError`` where it cannot begin on this machine, before any data are read.
    """

    def __call__(self, *, folder: Path, config: Mapping[str, Any], resume_id: str | None) -> Logger | None:
        """Begin to follow the run in ``folder``, whose whole configuration is ``config``."""
        ...


class Result(NamedTuple):
    """What a run ends with; keys are those of ``docs/dashboards.md``."""

    epochs: int
    values: Mapping[str, Any]  # "test/accuracy", "best_epoch", ...: numbers, texts, or None where undefined
    classes: Sequence[str]
    matrices: Mapping[str, Sequence[Sequence[int]]]  # "val/confusion_matrix": counts, rows are true classes
    tables: Mapping[str, tuple[list[str], list[list[Any]]]]  # "val/per_class": columns and rows
    shown: str  # key of the table of predictions
    predictions: tuple[list[str], list[list[Any]]]  # its columns and rows
    images: Sequence[npt.NDArray[np.uint8] | None]  # of each row (H, W, C)

    def numbers(self) -> dict[str, float]:
        """Return the values that are numbers, under keys that no curve has: "result/test/accuracy"."""
        numbers = {key: value for key, value in self.values.items() if isinstance(value, int | float)}
        return {f"result/{key}": value for key, value in numbers.items() if not isinstance(value, bool)}


@runtime_checkable
class ShowsResult(Protocol):
    """Optional: a logger that takes the result whole; others get its numbers through ``log_metrics``."""

    def log_result(self, result: Result) -> None:
        """Show the scores, confusion matrices, tables and predictions."""
        ...


@runtime_checkable
class ShowsFigures(Protocol):
    """Optional: a logger that shows the figures of the run."""

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Show PNG files: name -> path."""
        ...


@runtime_checkable
class KeepsCheckpoint(Protocol):
    """Optional: a logger that keeps the selected checkpoint."""

    def log_checkpoint(self, path: Path) -> None:
        """Keep the file, where the logger's options ask for it."""
        ...
