"""An SDL module: a spatial transformer followed by convolution, ReLU and average pooling."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fer_plugins.pooling import average_pool
from fer_sdl_stn.localisation import Localisation
from fer_sdl_stn.sampler import PaddingMode, warp

Order = Literal["conv_relu_avg", "conv_avg_relu", "relu_conv_avg"]
ORDERS = ("conv_relu_avg", "conv_avg_relu", "relu_conv_avg")


def feature_layers(in_channels: int, width: int, order: Order) -> nn.Sequential:
    """Return the feature layers, (B, in_channels, H, W) -> (B, width, (H - 2) // 2, (W - 2) // 2).

    Args:
        in_channels: number of input channels.
        width: number of channels of the 3x3 convolution.
        order: order of convolution, ReLU and average pooling; relu_conv_avg, the order in the text, has no ReLU at the
            end.
    """
    parts = {"conv": nn.Conv2d(in_channels, width, 3), "relu": nn.ReLU(), "avg": average_pool(2, 2)}
    return nn.Sequential(*(parts[name] for name in order.split("_")))


class SDLModule(nn.Module):
    """Feature maps (B, C, H, W) -> features (B, width, H', W'), theta (B, 2, 3) and the warped maps (B, C, H, W)."""

    def __init__(
        self, localisation: Localisation, feature: nn.Sequential, padding_mode: PaddingMode, align_corners: bool
    ) -> None:
        super().__init__()
        self.localisation, self.feature = localisation, feature
        self.padding_mode, self.align_corners = padding_mode, align_corners

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return features, theta and warped maps."""
        theta = self.localisation(x)
        warped = warp(x, theta, self.padding_mode, self.align_corners)
        return self.feature(warped), theta, warped
