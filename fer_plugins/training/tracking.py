"""Logs a run: sends each epoch and the result to its loggers; a logger that fails does not end the run."""

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

TABLE = "csv"  # the logger of metrics.csv, which belongs to the record of every run that has a logger


def start(config: RunConfig, folder: Path, *, resume_id: str | Mapping[str, str] | None = None) -> Tracker:
    """Start following a run with the loggers that ``config.logger`` names.

    Every logger but none writes ``metrics.csv`` into the folder. The keys of the section beside ``name`` are options of
    the loggers; what the environment says of W&B is in the configuration already.

    Args:
        config: the resolved configuration.
        folder: of the run; exists.
        resume_id: ``run_id`` of the run that goes on, from its manifest.

    Raises:
        InputError: an unknown name or option, or a logger that does not start.
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
        tracker.close(False)  # those that have begun
        raise
    tracker.begin(values)
    return tracker


def check(config: RunConfig) -> None:
    """Refuse loggers that cannot begin on this machine, before anything is read or written.

    Raises:
        InputError: one is not installed, or what it needs; the remedy is named.
    """
    for name in logger_names(config.logger.name):
        checks = getattr(registry.load(find_logger(name)), "check", None)
        try:
            if checks is not None:
                checks(config.as_dict())
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

    def log_result(self, build: Callable[[], Result]) -> None:
        """Send the result of the run, which ``build`` makes; it is not called where nobody takes it."""
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
        """Hand the selected checkpoint to loggers that keep one."""
        self._send("the checkpoint", lambda logger: logger.log_checkpoint(path), KeepsCheckpoint)

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Hand PNG files to loggers that show them."""
        if pictures:
            self._send("the figures", lambda logger: logger.log_figures(pictures), ShowsFigures)

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

    def _send(self, event: str, action: Callable[[Any], None], members: type = object) -> None:
        """Send something to the loggers that have the members of a protocol."""
        for name, logger in list(self._loggers.items()):
            if isinstance(logger, members):
                self._send_to(name, event, action)

    def _send_to(self, name: str, event: str, action: Callable[[Any], None]) -> None:
        logger = self._loggers.get(name)
        if logger is None:
            return
        try:
            action(logger)
        except Exception as error:  # whatever a logger does, the training is worth more
            reason = one_line(error)
            title = getattr(logger, "title", name)
            self.warnings.append(f"{title} failed at {event} ({reason}); the run went on without it")
            del self._loggers[name]
            with contextlib.suppress(Exception):
                logger.abandon() if hasattr(logger, "abandon") else logger.finalize("failed")
