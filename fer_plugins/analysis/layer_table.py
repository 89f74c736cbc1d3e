"""The layers of a network in the order of their definition: shapes, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import lightning as L
import torch
from lightning.pytorch.utilities.model_summary.model_summary import ModelSummary
from torch import nn

from fer_plugins.runs.cost import counted_exactly


class Layer(NamedTuple):
    """One layer of a network; sizes are tensor shapes for one image, including the batch dimension of 1."""

    name: str  # dotted, as in ``named_modules``
    type: str
    in_size: list[int] | str  # "?" if the layer does not run; several lists if it takes several tensors
    out_size: list[int] | str
    parameters: int
    macs: int


def list_layers(network: nn.Module, input_shape: Sequence[int]) -> list[Layer]:
    """List the layers that contain no other layers, for one image; those without effect are left out.

    Sizes, parameters and multiply-adds are those of Lightning's ``ModelSummary``, which uses the same counter as
    `runs.cost.macs`. The last row, ``(other)``, is what is not in any layer: operations outside of layers and
    parameters of the network itself. The columns therefore add up to the totals of the network.

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
    """A network in the form that ModelSummary needs."""

    def __init__(self, network: nn.Module, image: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.example_input_array = image

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(x)
        return logits
