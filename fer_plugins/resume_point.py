"""The checkpoint that an interrupted run goes on from: found, and shown to be of this run."""

from __future__ import annotations

from pathlib import Path

from fer_plugins.checkpoints import find_damage, read_checkpoint
from fer_plugins.epoch_rows import EpochRows
from fer_plugins.errors import InputError, RunError
from fer_plugins.module import FERModule
from fer_plugins.record import Record

_PARTS = ("epoch", "state_dict", "optimizer_states", "lr_schedulers", "callbacks", "loops")


def find_last(record: Record, module: FERModule) -> tuple[Path | None, int, str | None]:
    """Return the checkpoint to go on from (None: from the beginning), its whole epochs, and what is to be said of it.

    Raises:
        InputError: it is damaged, not of this network, or best.ckpt is missing beside it.
    """
    last, best = record.checkpoints / "last.ckpt", record.checkpoints / "best.ckpt"
    if not last.is_file():
        return None, 0, None
    epochs = _check(last, module, record)
    if not best.is_file():
        raise InputError(
            f"{best}: is gone, and with it the best epoch so far; delete {last} to begin this run anew, or repeat it: "
            f"fer-run --config {record.folder}/config.yaml"
        )
    _check(best, module, record)
    rows = len(EpochRows(record.folder / "metrics.csv").before(float("inf")))
    said = None
    if rows > epochs + 1:  # one row more is the epoch that was interrupted between its row and its checkpoint
        said = f"the last checkpoint is of epoch {epochs}; epochs {epochs + 1} to {rows} are trained again"
    return last, epochs, said


def _check(path: Path, module: FERModule, record: Record) -> int:
    """Return the whole epochs of a checkpoint.

    Raises:
        InputError: it is none of this run.
    """
    broken = find_damage(path)
    if broken is not None:
        raise _unusable(path, record, f"it is damaged: {broken}")
    try:
        content = read_checkpoint(path)
    except RunError as error:
        raise _unusable(path, record, str(error).partition(": ")[2]) from error
    if not isinstance(content, dict) or any(part not in content for part in _PARTS):
        raise _unusable(path, record, "it is not written by a run")
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


def _unusable(path: Path, record: Record, why: str) -> InputError:
    remedy = f"delete it to begin this run anew, or repeat the run: fer-run --config {record.folder}/config.yaml"
    return InputError(f"{path}: the run cannot go on from it ({why}); {remedy}")
