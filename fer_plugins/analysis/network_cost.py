"""What the network of a finished run costs: parameters, multiply-adds, megabytes, and the time of an image here."""

from __future__ import annotations

import functools
from pathlib import Path

from fer_plugins.runtime.errors import InputError


@functools.cache
def network_cost(folder: Path) -> dict[str, float] | None:
    """Measure the selected network of a run; None where its checkpoint or its plug-in is gone.

    Args:
        folder: of a single run or fold.

    Returns:
        ``params`` (trainable), ``macs`` and ``flops`` (2 x macs) of one image, ``mb`` and ``latency`` (one image on the
        CPU of this machine) as ``runs.cost`` measures them.
    """
    from fer_plugins.runs.cost import latency, macs, megabytes, parameters
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
    return {
        "params": parameters(network),
        "macs": count,
        "flops": 2 * count,
        "mb": megabytes(network),
        "latency": latency(network, shape),
    }
