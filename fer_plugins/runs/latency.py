"""How long a network takes for an image on this machine, and how large its weights are."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from torch import nn

from fer_plugins.runtime.evaluating import evaluating

BATCHES = (1, 32)  # images
_SECONDS = 0.2  # of timing, at least one batch


def megabytes(module: nn.Module) -> float:
    """Return the size of all weights and saved buffers, a value of 4 bytes each (float32), in MB of 10^6 bytes."""
    return 4e-6 * float(sum(tensor.numel() for tensor in module.state_dict().values()))


def latency(module: nn.Module, input_shape: Sequence[int], batch: int = 1) -> float:
    """Return the seconds for one image in evaluation mode: the median time of a batch over its size.

    A first batch warms up and is not counted. The processor's threads are torch's (``torch.get_num_threads``).

    Args:
        module: maps (B, C, H, W) in [0, 1] to anything; its modes are as before afterwards.
        input_shape: C, H, W.
        batch: images in one pass, at least 1.
    """
    reference = next(module.parameters(), torch.zeros(1))
    images = torch.full((batch, *input_shape), 0.5, device=reference.device, dtype=reference.dtype)
    seconds: list[float] = []
    with evaluating(module), torch.inference_mode(), torch.random.fork_rng(devices=[]):
        module(images)
        while sum(seconds) < _SECONDS:
            begin = time.perf_counter()
            module(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds) / batch
