"""Build the convolutional stages: the layers after each convolution, and the pooling at the end of a stage."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def build_stages(
    in_channels: int,
    stages: Sequence[Sequence[int]],
    pools: Sequence[nn.Module],
    *,
    first_number: int,
    padding: str,
    batch_norm: str,
    batch_norm_place: str,
    dropout: float,
    dropout_place: str,
) -> nn.Sequential:
    """Return the stages as one sequence of named layers: (B, in_channels, H, W) -> (B, filters, H', W').

    Args:
        in_channels: number of image channels.
        stages: number of filters of the convolutions of each stage.
        pools: the pooling layer at the end of each stage.
        first_number: number of the first convolution; layers are named by the number of their convolution or stage.
        padding: padding of every convolution, as in ``DCN``.
        batch_norm: convolutions with batch normalisation, as in ``DCN``.
        batch_norm_place: before or after the ReLU.
        dropout: dropout probability.
        dropout_place: "pooling" or "convolution"; other values add no dropout to the stages.
    """
    layers = nn.Sequential()
    channels, number = in_channels, first_number
    for stage, (filters, pool) in enumerate(zip(stages, pools, strict=True), start=1):
        for place, width in enumerate(filters, start=1):
            ends_stage = place == len(filters)
            normalised = {
                "every_conv": True,
                "per_stage": ends_stage,
                "first": ends_stage and stage == 1,
                "none": False,
            }[batch_norm]
            layers.add_module(f"conv{number}", nn.Conv2d(channels, width, 3, padding=padding))
            if normalised and batch_norm_place == "before":
                layers.add_module(f"bn{number}", _build_batch_norm(width))
            layers.add_module(f"relu{number}", nn.ReLU())
            if normalised and batch_norm_place == "after":
                layers.add_module(f"bn{number}", _build_batch_norm(width))
            if dropout_place == "convolution":
                layers.add_module(f"dropout{number}", nn.Dropout(dropout))
            channels, number = width, number + 1
        layers.add_module(f"pool{stage}", pool)
        if dropout_place == "pooling":
            layers.add_module(f"dropout{stage}", nn.Dropout(dropout))
    return layers


def _build_batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return batch normalisation with the defaults of Keras; its momentum of 0.99 is 0.01 in PyTorch's convention."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
