"""Visualise each convolution as one picture, fused over all its channels (Fig. 2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def fuse_maps(
    features: nn.Sequential, x: Tensor, size: tuple[int, int], fuse: Literal["mean", "max"]
) -> dict[str, Tensor]:
    """Run ``features`` and return one picture per convolution.

    The paper does not say how it fuses the channels. assumed: the mean over the channels after the activation, rescaled
    for each image to [0, 1], then enlarged (bilinear). A sum would give the same pictures. A map without contrast is 0
    everywhere.

    Args:
        features: layers; names of convolutions begin with ``conv``, those of the activations after them with ``act``.
        x: input of the first layer, (B, C, H', W').
        size: height and width of the pictures in pixels.
        fuse: mean or max over the channels.

    Returns:
        Pictures (B, 1, *size) in [0, 1] by name of the convolution, in the order of the layers.

    Raises:
        ValueError: ``fuse`` is neither "mean" nor "max".
    """
    if fuse not in ("mean", "max"):
        raise ValueError(f"fuse is {fuse!r}; use 'mean' or 'max'")
    pictures, convolution = {}, ""
    for name, layer in features.named_children():
        x = layer(x)
        if name.startswith("conv"):
            convolution = name
        elif name.startswith("act"):
            fused = x.mean(dim=1, keepdim=True) if fuse == "mean" else x.amax(dim=1, keepdim=True)
            pictures[convolution] = F.interpolate(_stretch(fused), size, mode="bilinear")
    return pictures


def _stretch(maps: Tensor) -> Tensor:
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    return (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
