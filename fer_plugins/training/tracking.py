"""Sends each epoch and the result of a run to its loggers; a failing logger does not end the run."""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_plugins.config import RunConfig, registry
from fer_plugins.config.logger_names import find_logger, logger_names
from fer_plugins.contract import KeepsCheckpoint, ShowsFigures, ShowsResult
from fer_plugins.runtime.errors import InputError, one_line

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from fer_plugins.contract import Result

TABLE = "csv"  # the logger of metrics.csv, which is part of every run's record unless the logger is none


def start(config: RunConfig, folder: Path, *, resume_id: str | Mapping[str, str] | None = None) -> Tracker:
    """Start the loggers that ``config.logger`` names and return the tracker of the run.

    Unless the logger is "none", ``metrics.csv`` is written into the folder as well. The other keys of the section are
    options of the loggers; W&B's environment variables are already part of the configuration.

    Args:
        config: the resolved configuration.
        folder: the run's folder, which must exist.
        resume_id: ``run_id`` of the run to continue, from its manifest.

    Raises:
        InputError: a name or option is unknown, or a logger cannot be started.
    """
    values, section = config.as_dict(), config.logger.as_dict()
    names = logger_names(config.logger.name)
    tracker = Tracker()
    try:
        for name in dict.fromkeys([TABLE, *names]) if names else ():
            component = find_logger(name)
            option_names = [option.name for option in registry.options(component)]
            options = registry.check_options(
                component, {key: section[key] for key in option_names if key in section}, "logger"
            )
            logger_run_id = resume_id.get(name) if isinstance(resume_id, Mapping) else resume_id
            logger = registry.build("logger", name, folder=folder, config=values, resume_id=logger_run_id, **options)
            if logger is not None:
                tracker.add(name, logger)
    except BaseException:
        tracker.close(False)  # end the loggers that were already started
        raise
    tracker.begin(values)
    return tracker


def check(config: RunConfig) -> None:
    """Reject loggers that cannot be used on this machine, before anything is read or written.

    Raises:
        InputError: a logger or something it needs is not installed; the message names the remedy.
    """
    for name in logger_names(config.logger.name):
        checks = getattr(registry.load(find_logger(name)), "check", None)
        try:
            if checks is not None:
                checks(config.as_dict())
        except ValueError as error:
            raise InputError(f"logger.name {name}: {error}") from None


class Tracker:
    """The loggers of a run, returned by ``start``. A logger that fails is removed with one warning; the run continues.

    The table of epochs is an exception: it is part of the record, so a run that cannot write it fails.

    Attributes:
        warnings: sentences for the manifest and the final output.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._table: Any = None
        self._loggers: dict[str, Any] = {}
        self._ids: dict[str, str] = {}
        self._behind: list[str] = []  # loggers without the epochs before the resumed one

    def add(self, name: str, logger: Logger) -> None:
        """Add a logger that was started.

        Raises:
            PluginError: it is not a Lightning logger.
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
        """Value to keep for ``--resume``: the id of the logger that has one, or name -> id if several have one."""
        return next(iter(self._ids.values()), None) if len(self._ids) < 2 else dict(self._ids)

    def begin(self, config: Mapping[str, Any]) -> None:
        """Send the configuration to the loggers."""
        self._send("the start", lambda logger: logger.log_hyperparams(dict(config)))

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """Log the values of one epoch.

        Args:
            row: ``epoch`` (from 1) and the values that ``docs/dashboards.md`` lists for an epoch. In metrics.csv the
                first row of a resumed run removes the rows of that epoch and later ones.

        Raises:
            RunError: metrics.csv cannot be written.
        """
        epoch = int(row["epoch"])
        self._replay(epoch)
        row = {**row, "epoch": epoch}
        if self._table is not None:
            self._table.log_metrics(row, epoch)
        self._send("an epoch", lambda logger: logger.log_metrics(row, epoch))

    def log_result(self, build: Callable[[], Result]) -> None:
        """Log the result of the run, as returned by ``build``, which is only called if there are loggers."""
        if not self._loggers:
            return
        self._replay(math.inf)
        result = build()

        def send(logger: Logger) -> None:
            if isinstance(logger, ShowsResult):
                logger.log_result(result)
            else:
                logger.log_metrics(result.numbers(), result.epochs)

        self._send("the result", send)

    def log_checkpoint(self, path: Path) -> None:
        """Pass the selected checkpoint to the loggers that keep one."""
        self._send("the checkpoint", lambda logger: logger.log_checkpoint(path), KeepsCheckpoint)

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Pass PNG files to the loggers that show figures."""
        if pictures:
            self._send("the figures", lambda logger: logger.log_figures(pictures), ShowsFigures)

    def close(self, ok: bool) -> None:
        """End the logging of a run that has finished or failed; may be called twice."""
        self._send("the end", lambda logger: logger.finalize("success" if ok else "failed"))
        self._loggers.clear()

    def _replay(self, until: float) -> None:
        """Send the epochs before the interruption again to loggers that cannot append to what they have written."""
        for row in self._table.rows.before(until) if self._behind else ():
            for name in self._behind:
                self._send_to(name, "an earlier epoch", operator.methodcaller("log_metrics", row, row["epoch"]))
        self._behind.clear()

    def _send(self, event: str, action: Callable[[Any], None], members: type = object) -> None:
        """Apply an action to the loggers that implement the protocol ``members``."""
        for name, logger in list(self._loggers.items()):
            if isinstance(logger, members):
                self._send_to(name, event, action)

    def _send_to(self, name: str, event: str, action: Callable[[Any], None]) -> None:
        logger = self._loggers.get(name)
        if logger is None:
            return
        try:
            action(logger)
        except Exception as error:  # no failure of a logger should end the training
            reason = one_line(error)
            title = getattr(logger, "title", name)
            self.warnings.append(f"{title} failed at {event} ({reason}); the run went on without it")
            del self._loggers[name]
            with contextlib.suppress(Exception):
                logger.abandon() if hasattr(logger, "abandon") else logger.finalize("failed")
