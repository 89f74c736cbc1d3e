"""The convolutional part: 5x5 convolutions C1, C2, C3 with 32, 64, 128 channels and pooling S1, S2 (Table 2)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

MAPS = {"c1": 32, "c2": 64, "c3": 128}
KERNEL = 5
WINDOW = 2


class DCNN(nn.Module):
    """Images (B, C, S, S) -> feature maps (B, 128, S', S'); S' = 16 for 64 pixels with the defaults.

    Args:
        in_channels: number of channels C.
        pool: factory of S1 and S2, called as ``pool(2, 2)``.
        activation: factory of the activation after each convolution.
        padding: ``same`` preserves the size in a convolution; with ``valid`` each shortens a side by 4 pixels.
        order: order of the five layers. Table 2 lists C1 C2 C3 S1 S2; the text states no order.
        separable: depthwise 5x5 and pointwise 1x1 convolutions, both with bias, instead of full convolutions.
        batch_norm: batch normalisation between convolution and activation.
    """

    def __init__(
        self,
        in_channels: int,
        pool: Callable[[int, int], nn.Module],
        activation: Callable[[], nn.Module],
        padding: Literal["same", "valid"] = "same",
        order: Literal["c1s1c2s2c3", "c1c2s1c3s2", "c1c2c3s1s2"] = "c1s1c2s2c3",
        separable: bool = False,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        border = KERNEL // 2 if padding == "same" else 0
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        channels = in_channels
        for name in _names(order):
            if name in MAPS:
                parts: list[nn.Module] = [_convolution(channels, MAPS[name], border, separable)]
                channels = MAPS[name]
                stages[name] = nn.Sequential(*parts, *([nn.BatchNorm2d(channels)] if batch_norm else []), activation())
            else:
                stages[name] = pool(WINDOW, WINDOW)
        self.stages = nn.Sequential(stages)
        self.out_channels = channels
        # Makes convolutions faster, and stores the tokens of the BiLSTM in the order in which it reads them.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the feature maps (B, 128, S', S')."""
        y: Tensor = self.stages(x)
        return y


def map_side(image_size: int, padding: str, order: str) -> tuple[int, bool]:
    """Return the map's side with partial windows cut off, and whether none is partial (then all pooling layers agree).

    >>> map_side(64, "same", "c1s1c2s2c3"), map_side(64, "valid", "c1s1c2s2c3"), map_side(64, "valid", "c1c2c3s1s2")
    ((16, True), (9, True), (13, True))
    """
    side, exact = image_size, True
    for name in _names(order):
        if name not in MAPS:
            exact = exact and side % WINDOW == 0
            side //= WINDOW
        elif padding == "valid":
            side -= KERNEL - 1
        if side < 1:
            return 0, False
    return side, exact


def _names(order: str) -> list[str]:
    return re.findall(r"[cs]\d", order)


def _convolution(channels: int, maps: int, border: int, separable: bool) -> nn.Module:
    if not separable:
        return nn.Conv2d(channels, maps, KERNEL, padding=border)
    depthwise = nn.Conv2d(channels, channels, KERNEL, padding=border, groups=channels)
    return nn.Sequential(depthwise, nn.Conv2d(channels, maps, 1))
