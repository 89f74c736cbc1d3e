"""A 1x1 convolution for maps in channels-last layout."""

from __future__ import annotations

from torch import Tensor, nn


class Pointwise(nn.Conv2d):
    """A linear map of the channels: (B, H, W, C) -> (B, H, W, ``out_channels``).

    The same function as ``nn.Linear``, but by oneDNN instead of MKL: this saves 5 to 10 % of a training step on an AMD
    processor.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the linear map at each position."""
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
