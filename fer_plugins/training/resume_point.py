"""Finds the checkpoint to resume an interrupted run from, and checks that this run wrote it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config.logger_names import logger_names
from fer_plugins.runs.epoch_rows import EpochRows
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.plain_values import shell_word
from fer_plugins.training.checkpoints import find_damage, read_checkpoint
from fer_plugins.training.module import FERModule

_PARTS = ("epoch", "state_dict", "optimizer_states", "lr_schedulers", "callbacks", "loops")


def find_last(record: Record, module: FERModule) -> tuple[Path | None, int, list[str], list[str]]:
    """Find the checkpoint to resume from.

    Returns:
        The file (None: start from the beginning), its number of complete epochs, notes for the user, and what has been
        lost from the record.

    Raises:
        InputError: the checkpoint is damaged or was written for another network, or best.ckpt is missing next to it.
    """
    last, best = record.checkpoints / "last.ckpt", record.checkpoints / "best.ckpt"
    rows = [row["epoch"] for row in EpochRows(record.folder / "metrics.csv").before(float("inf"))]
    if not os.path.lexists(last):
        return None, 0, ["there is no last.ckpt: every epoch is trained again"] if len(rows) > 1 else [], []
    if not last.is_file():
        raise _unusable(last, record, "it is not a file")
    epochs = _check(last, module, record)
    if not best.is_file():
        raise InputError(
            f"{best}: is missing, and with it the best epoch so far; delete {last} to start this run over, or repeat "
            f"it: fer-run --config {shell_word(record.folder)}/config.yaml"
        )
    _check(best, module, record)
    messages, lost = [], []
    if len(rows) > epochs + 1:  # one row more is normal: the run was interrupted after the row, before the checkpoint
        messages = [f"the last checkpoint is of epoch {epochs}; epochs {epochs + 1} to {len(rows)} are trained again"]
    missing = [str(number) for number in range(1, epochs + 1) if number not in rows]
    if missing and logger_names(config.read_config(record.config).logger.name):  # logger none writes no rows
        listed = missing if len(missing) < 8 else [*missing[:3], "...", missing[-1]]
        lost = [f"metrics.csv had lost rows when the run was resumed, those of epoch {', '.join(listed)}"]
    return last, epochs, messages, lost


def _check(path: Path, module: FERModule, record: Record) -> int:
    """Return the number of complete epochs of a checkpoint. Raises InputError if this run did not write it."""
    broken = find_damage(path)
    if broken is not None:
        raise _unusable(path, record, f"it is damaged: {broken}")
    try:
        content = read_checkpoint(path)
    except RunError as error:
        raise _unusable(path, record, error.cause) from error
    if not isinstance(content, dict) or any(part not in content for part in _PARTS):
        raise _unusable(path, record, "it is not written by a run")
    if not _can_be_restored(content):
        raise _unusable(path, record, "its state of the training is not as a run writes it")
    try:
        epochs = int(content["epoch"]) + 1
        theirs = {name: tuple(value.shape) for name, value in content["state_dict"].items()}
    except (TypeError, ValueError, AttributeError):
        raise _unusable(path, record, "it is not written by a run") from None
    ours = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    if theirs != ours:
        odd = next(name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name))
        raise _unusable(path, record, f"its {odd} does not suit the network of this run")
    return epochs


def _can_be_restored(content: dict[str, Any]) -> bool:
    """Return whether the checkpoint has all entries that Lightning reads without a check."""
    optimizers, schedules = content["optimizer_states"], content["lr_schedulers"]
    if not (isinstance(optimizers, list) and optimizers and isinstance(schedules, list)):
        return False
    has_epochs = all(isinstance(state, dict) and "last_epoch" in state for state in schedules)
    has_states = all(isinstance(state, dict) and {"state", "param_groups"} <= set(state) for state in optimizers)
    callbacks, loops = content["callbacks"], content["loops"]
    selected = isinstance(callbacks, dict) and any(
        key.startswith(("BestAndLast", "ModelCheckpoint")) and isinstance(state, dict)  # the latter: version 0.1.0
        for key, state in callbacks.items()
    )
    return (
        has_epochs and has_states and selected and isinstance(loops, dict) and isinstance(loops.get("fit_loop"), dict)
    )


def _unusable(path: Path, record: Record, why: str) -> InputError:
    remedy = (
        f"delete it to start this run over, or repeat the run: fer-run --config {shell_word(record.folder)}/config.yaml"
    )
    return InputError(f"{path}: the run cannot continue from it ({why}); {remedy}")
