"""Times a training step on random images; the choice of threads and precision is based on it."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from fer_plugins.config.data_schema import DataConfig
from fer_plugins.config.schema import Precision


def training_step(
    network: nn.Module,
    data: DataConfig,
    batch: int,
    *,
    device: torch.device | None = None,
    precision: Precision = "32-true",
    channels_last: bool = False,
) -> Callable[[], None]:
    """Return a function that computes forward and backward pass on random images; the random state is not changed.

    Args:
        network: takes images (B, channels, image_size, image_size). It is moved to the device, converted to the type
            and layout, and set to training mode. Its gradients and buffers change.
        data: the number of channels and the size of the images.
        batch: number of images.
        device: where to compute; None: the CPU.
        precision: as for ``trainer.precision``.
        channels_last: use the channels_last memory layout for images and weights.
    """
    device = device or torch.device("cpu")
    dtype = torch.float64 if precision == "64-true" else torch.float32
    layout = torch.channels_last if channels_last else torch.contiguous_format
    mixed = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    network.to(device, dtype).to(memory_format=layout).train()
    shape = (batch, data.channels, data.image_size, data.image_size)
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    images = images.to(device, dtype).contiguous(memory_format=layout)

    def step() -> None:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            with torch.autocast(device.type, mixed, enabled=mixed is not None):
                loss = network(images).float().logsumexp(1).sum()
            loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def time_step(step: Callable[[], None], seconds: float, most: int | None = None) -> float:
    """Return the seconds of the fastest step, since other processes may slow down any of them.

    Args:
        step: function to time; called at least once.
        seconds: no further step is started after this time.
        most: maximum number of steps; None: no limit within ``seconds``.
    """
    times: list[float] = []
    while sum(times) < seconds and (most is None or len(times) < most):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return min(times)
