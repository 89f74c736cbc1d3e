"""Estimates the duration of a training, and suggests a smaller first run if it would take hours."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable

from fer_plugins.config import RunConfig
from fer_plugins.runtime.activity import format_seconds

STEPS, SECONDS = 3, 2.0  # minimum number and duration of steps for an estimate; the very first step is not counted
HOURS = 3_600.0  # seconds of training on a CPU from which a smaller run is suggested
START = 180.0  # seconds that the smaller run should take
EPOCHS = 5
LEAST = 350  # images: fifty per class, enough to learn something


class Pace:
    """Measures the speed of a training. Only steps of this process count: a resumed run is measured anew."""

    time_limit: Callable[[], float | None] | None = None  # returns the seconds until trainer.max_time is reached

    def __init__(self) -> None:
        self.epoch, self.epochs, self.steps, self.done = 0, 1, 1, 0
        self.estimated = False
        self._first = self._began = time.monotonic()
        self._epoch_seconds: float | None = None  # duration of an epoch, including validation

    def begin_epoch(self, epoch: int, epochs: int, steps: int) -> None:
        """Note the start of epoch number ``epoch`` (from 0) of ``epochs``, with ``steps`` steps."""
        self.epoch, self.epochs, self.steps, self.done = epoch, epochs, steps, 0
        self._began = time.monotonic()

    def step(self, done: int) -> float | None:
        """Note that ``done`` steps of the epoch are finished; return the estimated seconds left, once per training."""
        self.done = done
        if done == 1:
            self._first = time.monotonic()  # the first step is slow: it allocates memory, and workers start
        if self.estimated or done <= STEPS or time.monotonic() - self._first < SECONDS:
            return None
        self.estimated = True
        return self.left()

    def end_epoch(self, seconds: float) -> None:
        """Note that the epoch took ``seconds``, including validation."""
        self.estimated = True  # an epoch was measured, so no estimate is needed
        self._epoch_seconds = seconds

    def left(self) -> float | None:
        """Return the seconds left (in the first epoch without validation); None if nothing was measured yet."""
        if self._epoch_seconds is not None:
            epoch = self._epoch_seconds
            this = max(0.0, epoch - (time.monotonic() - self._began))
        elif self.done >= 2:
            a_step = (time.monotonic() - self._first) / (self.done - 1)
            epoch, this = a_step * self.steps, a_step * (self.steps - self.done)
        else:
            return None
        more = self.epochs - self.epoch - 1
        limit = None if self.time_limit is None else self.time_limit()
        if limit is not None:  # training ends with the epoch in which the limit is reached
            more = min(more, max(0, math.ceil((limit - this) / epoch)))
        return this + more * epoch

    def describe(self) -> str:
        """Return the progress of the training as text."""
        left = self.left()
        text = f"training: epoch {self.epoch + 1}/{self.epochs}, step {self.done} of {self.steps}"
        return text + ("" if left is None else f", about {format_seconds(left)} left")


def warn_of_hours(settings: RunConfig, expected: float, device: str, images: int) -> str | None:
    """Return a warning with a smaller run to try if training on a CPU would take more than an hour, otherwise None.

    No warning is given if ``trainer.max_time`` is set, since it limits the duration.

    Args:
        settings: the complete configuration.
        expected: estimated seconds for the whole training.
        device: type of device, such as "cpu" or "cuda".
        images: number of images in the whole dataset.
    """
    if device != "cpu" or expected < HOURS or settings.trainer.max_time is not None:
        return None
    epochs = min(EPOCHS, settings.trainer.epochs)
    limit = int(images * START / expected * settings.trainer.epochs / epochs)
    limit = min(max(limit, LEAST), images)
    data = settings.data
    argv = ["fer-run", "--plugin" if settings.plugin else "--model", settings.plugin or str(settings.model.name)]
    argv += ["--recipe", settings.recipe] if settings.recipe else []
    argv += ["--data", data.name, *(["--data.root", data.root] if data.root else [])]
    argv += ["--data.limit", str(limit), "--trainer.epochs", str(epochs)]
    return f"a CPU needs about {format_seconds(expected)} for this; a smaller start: {shlex.join(argv)}"
