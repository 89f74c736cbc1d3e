"""Stages of residual blocks as in ResNet-18 and ResNet-34, for arbitrary widths and depths."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut; ReLU after the sum (He et al. 2016).

    Args:
        entering: number of input channels.
        width: number of output channels.
        stride: stride of the first convolution and the shortcut.
        reduction: squeeze-and-excitation (Hu et al. 2018) with width / reduction hidden channels, at least 4; 0: none.
        pooled_shortcut: average 2x2 pixels before the shortcut's convolution, which then has stride 1 and sees all
            pixels (He et al. 2019, "Bag of tricks", ResNet-D); else that convolution has the stride.
    """

    def __init__(
        self, entering: int, width: int, stride: int, reduction: int = 0, *, pooled_shortcut: bool = False
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(entering, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            *([SqueezeExcitation(width, max(4, width // reduction))] if reduction else []),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or entering != width:
            pooled = pooled_shortcut and stride > 1
            self.shortcut = nn.Sequential(
                *([nn.AvgPool2d(stride, ceil_mode=True)] if pooled else []),
                nn.Conv2d(entering, width, 1, 1 if pooled else stride, bias=False),
                nn.BatchNorm2d(width),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, entering, H, W) -> (B, width, H', W')."""
        return (self.shortcut(x) + self.residual(x)).relu()


def build_stem(in_channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


def residual_stages(
    widths: tuple[int, ...], depths: tuple[int, ...], reduction: int = 0, *, pooled_shortcuts: bool = False
) -> nn.Sequential:
    """Return residual stages for maps of widths[0] channels; each stage except the first halves the map.

    Args:
        widths: number of channels of each stage.
        depths: number of blocks of each stage.
        reduction: see ``ResidualBlock``.
        pooled_shortcuts: see ``ResidualBlock``.

    Raises:
        ValueError: ``widths`` and ``depths`` have different lengths, or a value is below 1.
    """
    if len(widths) != len(depths) or min(*widths, *depths) < 1:
        raise ValueError(f"widths are {widths} and depths {depths}; give as many of each, all at least 1")
    stages = []
    for number, ((entering, width), depth) in enumerate(zip(pairwise((widths[0], *widths)), depths, strict=True)):
        stride = 1 if number == 0 else 2
        first = ResidualBlock(entering, width, stride, reduction, pooled_shortcut=pooled_shortcuts)
        stages.append(nn.Sequential(first, *(ResidualBlock(width, width, 1, reduction) for _ in range(depth - 1))))
    return nn.Sequential(*stages)


def start_as_he(network: nn.Module) -> None:
    """Initialise convolutions with He et al.'s normal distribution (fan out).

    Residual branches do not start at zero: on FER-2013 such a network stays at the loss of the class frequencies for
    several epochs.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
