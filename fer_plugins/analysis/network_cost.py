"""What the network of a finished run costs: parameters, multiply-adds, megabytes, and the time of an image here."""

from __future__ import annotations

import functools
import statistics
import time
from pathlib import Path

from fer_plugins.runtime.errors import InputError

_WARM_UP, _PASSES = 5, 30


@functools.cache
def network_cost(folder: Path) -> dict[str, float] | None:
    """Measure the selected network of a run; None where its checkpoint or its plug-in is gone.

    Args:
        folder: of a single run or fold.

    Returns:
        ``params`` (trainable), ``macs`` and ``flops`` (2 x macs) of one image, ``mb`` (weights and buffers, 10^6
        bytes), ``latency`` (seconds, median of 30 passes of one image on the CPU of this machine, in evaluation mode).
    """
    import torch

    from fer_plugins.runs.cost import macs, parameters
    from fer_plugins.training.module import FERModule

    checkpoint = folder / "checkpoints" / "best.ckpt"
    if not checkpoint.is_file():
        return None
    try:
        module = FERModule.load_from_checkpoint(checkpoint, map_location="cpu")
    except InputError:  # the plug-in is not installed
        return None
    network, data = module.network, module.config.data
    shape = (data.channels, data.image_size, data.image_size)
    count = macs(network, shape)
    weights = [*network.parameters(), *network.buffers()]
    image = torch.full((1, *shape), 0.5, dtype=weights[0].dtype)
    network.eval()
    times = []
    with torch.no_grad():
        for _ in range(_WARM_UP + _PASSES):
            start = time.perf_counter()
            network(image)
            times.append(time.perf_counter() - start)
    return {
        "params": parameters(network),
        "macs": count,
        "flops": 2 * count,
        "mb": sum(weight.numel() * weight.element_size() for weight in weights) / 1e6,
        "latency": statistics.median(times[_WARM_UP:]),
    }
