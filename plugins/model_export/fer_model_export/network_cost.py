"""Latency by batch size and threads, parameters, multiply-adds, memory and size of a trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from fer_face_prediction.checkpoint_file import find_checkpoint, load_checkpoint

from fer_model_export.peak_memory import measure_memory
from fer_plugins.analysis.network import Network
from fer_plugins.runs.cost import latency, macs, megabytes, parameters
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime.print_table import print_table, titled_table


def measure_cost(run: str | Path, batches: Sequence[int], threads: Sequence[int]) -> dict[str, Any]:
    """Measure the cost of a network on the CPU.

    Args:
        run: folder of a run or of a hub export, or a checkpoint.
        batches: batch sizes.
        threads: numbers of CPU threads.

    Returns:
        ``network`` (name, input [C, S, S], precision), ``parameters`` (trainable), ``macs`` and ``flops`` (2 x macs)
        per image, ``megabytes`` (weights and buffers in float32), ``file_megabytes``; ``latency``: batch -> threads ->
        milliseconds per image; ``memory``: as returned by ``measure_memory``.

    Raises:
        InputError: the run or checkpoint does not exist or is damaged, or its plug-in is not installed.
    """
    file = find_checkpoint(run).file
    module, preprocessing = load_checkpoint(file)
    network = Network(module, precision="64-true" if module.config.trainer.precision == "64-true" else "32-true")
    shape = (preprocessing.channels, preprocessing.image_size, preprocessing.image_size)
    before = torch.get_num_threads()
    times: dict[str, dict[str, float]] = {}
    try:
        for number in threads:
            torch.set_num_threads(number)
            for batch in batches:
                times.setdefault(str(batch), {})[str(number)] = 1e3 * latency(module.network, shape, batch)
    finally:
        torch.set_num_threads(before)
    products = macs(module.network, shape)
    return {
        "network": {"name": str(module.config.model.name), "input": list(shape), "precision": network.precision},
        "parameters": parameters(module.network),
        "macs": products,
        "flops": 2 * products,
        "megabytes": megabytes(module.network),
        "file_megabytes": file.stat().st_size / 1e6,
        "latency": times,
        "memory": measure_memory(run, batches),
    }


def print_cost(cost: Mapping[str, Any]) -> None:
    """Print the result of ``measure_cost``."""
    network, memory = cost["network"], cost["memory"]
    channels, side, _ = network["input"]
    print(
        f"{network['name']}, input {channels} x {side} x {side}, {network['precision']}: "
        f"{cost['parameters']:,} parameters, {cost['macs'] / 1e6:,.1f} M multiply-adds per image, "
        f"{cost['megabytes']:.2f} MB of weights ({cost['file_megabytes']:.2f} MB in its file)"
    )
    table = titled_table("milliseconds an image by threads, images a second at best, peak memory of a pass")
    table.add_column("batch", justify="right")
    numbers = list(next(iter(cost["latency"].values())))
    for number in numbers:
        table.add_column(f"{number} thread{'' if number == '1' else 's'}", justify="right")
    table.add_column("images/s", justify="right")
    table.add_column("MB", justify="right")
    for batch, times in cost["latency"].items():
        extra = "-" if memory is None else f"{memory['megabytes'][batch]:.1f}"
        cells = [f"{times[number]:.3f}" for number in numbers]
        table.add_row(batch, *cells, f"{1e3 / min(times.values()):,.0f}", extra)
    print_table(result_console(), table)
    if memory is None:
        print("memory: not measured, since this system has no /proc/self/clear_refs")
    else:
        print(f"memory: {memory['process_megabytes']:,.0f} MB in all at the peak, PyTorch and Lightning with it")
