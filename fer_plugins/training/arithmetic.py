"""Chooses precision and memory layout if they are ``auto``: the fastest in a short benchmark."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from fer_plugins.config import Resolved, RunConfig
from fer_plugins.config.schema import Precision
from fer_plugins.runtime.activity import doing
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.devices import own_device
from fer_plugins.training.network import build_network
from fer_plugins.training.step_time import time_step, training_step

LEAST_SPEEDUP = 1.2  # an alternative to 32-true is only chosen if it is faster by this factor
SECONDS = 0.3  # of timed steps for each candidate
CLASSES = 7  # of the network in the benchmark; their number hardly affects the time of a step
LARGEST_BATCH = 64  # number of images in the timed step


class Candidate(NamedTuple):
    """A combination of precision and memory layout to compute training steps with."""

    precision: Precision
    channels_last: bool

    def __str__(self) -> str:
        return f"{self.precision}{' channels_last' if self.channels_last else ''}"


def is_auto(settings: RunConfig) -> bool:
    """Return whether precision or memory layout is ``auto``."""
    return "auto" in (settings.trainer.precision, settings.trainer.channels_last)


def refuse_auto(settings: RunConfig) -> None:
    """Reject ``auto`` if runs are compared, since each run could choose differently.

    Raises:
        InputError: precision or memory layout is auto.
    """
    for key in ("precision", "channels_last"):
        if getattr(settings.trainer, key) == "auto":
            raise InputError(
                f"trainer.{key}: auto is measured by each run, and runs that are compared could differ by it; give a "
                "value (a single fer-run prints which is the fastest)"
            )


def settle_arithmetic(resolved: Resolved) -> Resolved:
    """Return the configuration with ``auto`` replaced by the fastest choice, and the measured rates.

    A step is the forward and backward pass of a newly initialised network on random images with the run's batch size
    (at most 64), on the run's device. ``32-true`` in the default layout is kept unless an alternative is clearly
    faster, so that an idle machine always makes the same choice. The random state is left unchanged.

    Raises:
        InputError: the architecture rejects its options or the image size.
    """
    settings = resolved.config
    if not is_auto(settings):
        return resolved
    if settings.trainer.threads:
        torch.set_num_threads(settings.trainer.threads)
    candidates, device = _candidates(settings), own_device(settings)
    with (
        doing("measuring which precision and memory layout are fastest"),
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
    ):
        network = build_network(settings, CLASSES)
        rates = {candidate: rate for candidate in candidates if (rate := _rate(settings, network, candidate)) > 0}
    plain = candidates[0]
    chosen = max(rates, key=rates.__getitem__, default=plain)
    if rates.get(chosen, 0.0) < LEAST_SPEEDUP * rates.get(plain, 0.0):
        chosen = plain
    listed = ", ".join(f"{candidate} {rate:,.0f}" for candidate, rate in rates.items())
    note = f"arithmetic: {chosen}, measured in images/s: {listed}"
    trainer = replace(settings.trainer, precision=chosen.precision, channels_last=chosen.channels_last)
    measured = {**chosen._asdict(), "images_per_second": {str(key): round(rate, 1) for key, rate in rates.items()}}
    return replace(
        resolved, config=replace(settings, trainer=trainer), notes=(*resolved.notes, note), measured=measured
    )


def computed_alike(resolved: Resolved, first: Resolved) -> Resolved:
    """Return a configuration with the precision and memory layout that were chosen for ``first``."""
    chosen = first.config.trainer
    trainer = replace(resolved.config.trainer, precision=chosen.precision, channels_last=chosen.channels_last)
    return replace(resolved, config=replace(resolved.config, trainer=trainer), measured=first.measured)


def _candidates(settings: RunConfig) -> list[Candidate]:
    """Return the possible choices; the first one is kept unless another is clearly faster."""
    trainer = settings.trainer
    precisions: list[Precision] = ["32-true", "bf16-mixed"] if trainer.precision == "auto" else [trainer.precision]
    layouts = [False, True] if trainer.channels_last == "auto" else [bool(trainer.channels_last)]
    return [Candidate(precision, layout) for precision in precisions for layout in layouts]


def _rate(settings: RunConfig, network: nn.Module, candidate: Candidate) -> float:
    """Return the training speed of a candidate in images/s; 0 if the network or the device does not support it.

    Moves the network to the device, and converts it to the candidate's type and layout.
    """
    batch = min(LARGEST_BATCH, settings.data.batch_size)
    try:
        step = training_step(network, settings.data, batch, device=own_device(settings), **candidate._asdict())
        step()  # warm-up: allocates memory and selects kernels
        return batch / time_step(step, SECONDS)
    except (RuntimeError, NotImplementedError):
        return 0.0
