"""The layers of a network in the order of its definition: shapes, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import lightning as L
import torch
from lightning.pytorch.utilities.model_summary.model_summary import ModelSummary
from torch import nn

from fer_plugins.runs.cost import counted_exactly


class Layer(NamedTuple):
    """One layer of a network; a size is that of the tensor of one image, with the batch of 1 in front."""

    name: str  # dotted, as in ``named_modules``
    type: str
    in_size: list[int] | str  # "?" where the layer does not run, several lists where it takes several tensors
    out_size: list[int] | str
    parameters: int
    macs: int


def list_layers(network: nn.Module, input_shape: Sequence[int]) -> list[Layer]:
    """List the layers that have no layers of their own, for one image; those without effect are left out.

    Sizes, parameters and multiply-adds are those of Lightning's ``ModelSummary``, whose counter is also that of
    `runs.cost.macs`; the last row, ``(other)``, is what no layer counts: products outside of layers, parameters that
    the network itself holds. So the columns add up to the network's totals.

    Args:
        network: maps (1, C, H, W) in [0, 1] to logits.
        input_shape: C, H, W.
    """
    wrapper = _Wrapper(network, torch.full((1, *input_shape), 0.5))
    with torch.random.fork_rng(devices=[]), counted_exactly():
        summary = ModelSummary(wrapper, max_depth=-1)
    flops = summary.flop_counts
    rows = [
        Layer(name.removeprefix("network."), kind, in_size, out_size, parameters, sum(flops[name].values()) // 2)
        for name, kind, in_size, out_size, parameters in zip(
            summary.layer_names,
            summary.layer_types,
            summary.in_sizes,
            summary.out_sizes,
            summary.param_nums,
            strict=True,
        )
        if name != "network"
        and not any(True for _ in wrapper.get_submodule(name).children())
        and (parameters or (kind != "Identity" and out_size != "?"))
    ]
    left = (
        summary.total_parameters - sum(row.parameters for row in rows),
        summary.total_flops // 2 - sum(row.macs for row in rows),
    )
    return [*rows, Layer("(other)", "", "", "", *left)] if any(left) else rows


class _Wrapper(L.LightningModule):
    """A network as ModelSummary wants it."""

    def __init__(self, network: nn.Module, image: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.example_input_array = image

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(x)
        return logits
