"""Learning rate and batch size through Lightning's Tuner, on the training split; nothing is validated or recorded."""

from __future__ import annotations

import contextlib
import io
import math
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import lightning as L
from lightning.pytorch.tuner.tuning import Tuner

from fer_plugins.config import RunConfig
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.launched import launched
from fer_plugins.training.build import build_data, build_module, check_machine, loop_arguments
from fer_plugins.training.devices import count_here, own_device

SKIPPED = 10  # losses at the beginning of a range test
LEAST_STEPS = 20  # of a range test; with fewer the slope of the loss says nothing


class RangeTest(NamedTuple):
    """The loss while the learning rate rises with every step (Smith 2017, arXiv 1506.01186, section 3.3)."""

    rates: list[float]
    losses: list[float]  # smoothed, as Lightning's finder keeps them
    suggestion: float | None  # where the loss falls fastest on its way to its least; None: it nowhere falls


def check(settings: RunConfig) -> None:
    """Refuse what cannot be tuned on this machine, and several processes.

    Raises:
        InputError: as ``check_machine``, or ``trainer.devices`` or a launcher asks for more than one process.
    """
    if settings.trainer.num_nodes > 1 or (settings.trainer.devices != "auto" and count_here(settings) > 1):
        key = "trainer.num_nodes" if settings.trainer.num_nodes > 1 else "trainer.devices"
        raise InputError(
            f"{key}: fer tune trains in one process; give --{key} 1 (a learning rate holds for any number of devices, "
            "since they share data.batch_size images)"
        )
    if (place := launched()) is not None:
        raise InputError(f"fer tune: trains in one process, and {place.by} has started {place.processes}; start one")
    check_machine(settings)


def learning_rate_range(settings: RunConfig, low: float, high: float, steps: int) -> RangeTest:
    """Train ``steps`` steps with rates that rise exponentially from ``low`` to ``high``; the schedule is left out.

    Raises:
        InputError: the range is empty, there are too few steps, or data or architecture refuse their options.
        RunError: the loss is not finite from the first step on.
    """
    if not 0 < low < high:
        raise InputError(f"--from {low:g} --to {high:g}: give two learning rates above 0, the lower first")
    if steps < LEAST_STEPS:
        raise InputError(f"--steps {steps}: give at least {LEAST_STEPS}")
    with _tuner(settings) as (tuner, module, data):
        try:
            with (
                contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
            ):  # a bar
                finder = tuner.lr_find(
                    module, datamodule=data, min_lr=low, max_lr=high, num_training=steps, update_attr=False
                )
        except RunError as error:
            raise RunError(f"the range test ends early: {error}; try a lower --to") from error
    assert finder is not None
    finite = [(rate, loss) for rate, loss in zip(*finder.results.values(), strict=False) if math.isfinite(loss)]
    rates, losses = [rate for rate, _ in finite], [loss for _, loss in finite]
    return RangeTest(rates, losses, _steepest(rates, losses))


def _steepest(rates: list[float], losses: list[float]) -> float | None:
    """Return the rate at which the loss falls fastest, before it is least.

    Lightning's own suggestion looks at every rate, and often takes one from where the training already diverges. The
    first losses are left out: they are those of a smoothing that has just begun.

    >>> _steepest([1.0] * SKIPPED + [2.0, 3.0, 4.0, 5.0, 6.0], [2.0] * SKIPPED + [2.0, 1.8, 1.0, 0.9, 5.0])
    3.0
    """
    if len(losses) < SKIPPED + 3:
        return None
    least = SKIPPED + min(range(len(losses) - SKIPPED), key=lambda number: losses[SKIPPED + number])
    falls = {number: losses[number] - losses[number + 1] for number in range(SKIPPED, least)}
    best = max(falls, key=falls.__getitem__, default=None)
    return None if best is None or falls[best] <= 0 else rates[best]


def largest_batch(settings: RunConfig, largest: int) -> int:
    """Return the largest power of two times the run's batch size that fits into the accelerator's memory.

    Args:
        settings: complete; its batch size must fit.
        largest: images; the search ends there.

    Raises:
        InputError: the run is computed on a CPU, whose memory has no such end.
    """
    if own_device(settings).type != "cuda":
        raise InputError(
            "fer tune batch-size: fills the memory of a CUDA device until it refuses, and this run is computed without "
            "one; set data.batch_size yourself"
        )
    with _tuner(settings) as (tuner, module, data):
        trials = max(1, int(math.log2(max(1, largest // settings.data.batch_size))) + 1)
        size = tuner.scale_batch_size(
            module, datamodule=data, mode="power", init_val=settings.data.batch_size, max_trials=trials
        )
    assert size is not None
    return min(size, largest)


@contextlib.contextmanager
def _tuner(settings: RunConfig) -> Iterator[tuple[Tuner, L.LightningModule, L.LightningDataModule]]:
    data = build_data(settings)
    module = build_module(settings, data)
    with tempfile.TemporaryDirectory() as folder:
        trainer = L.Trainer(
            **{**loop_arguments(settings), "max_epochs": -1},  # the tuner counts steps
            accelerator=settings.trainer.accelerator,
            devices=list(devices_setting) if isinstance(devices_setting := settings.trainer.devices, tuple) else 1,
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            limit_val_batches=0,
        )
        yield Tuner(trainer), module, data
