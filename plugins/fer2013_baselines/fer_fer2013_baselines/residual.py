"""Stages of residual blocks as in ResNet-18 and ResNet-34, for any widths and depths."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation beside a shortcut; ReLU behind the sum (He et al. 2016).

    Args:
        entering: channels of the input.
        width: channels of the output.
        stride: of the first convolution and the shortcut.
        reduction: squeeze-excitation (Hu et al. 2018) with width / reduction channels in between, at least 4;
            0: none.
    """

    def __init__(self, entering: int, width: int, stride: int, reduction: int = 0) -> None:
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
            self.shortcut = nn.Sequential(nn.Conv2d(entering, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, entering, H, W) -> (B, width, H', W')."""
        return (self.shortcut(x) + self.residual(x)).relu()


def build_stem(in_channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


def residual_stages(widths: tuple[int, ...], depths: tuple[int, ...], reduction: int = 0) -> nn.Sequential:
    """Return stages of residual blocks for maps of widths[0] channels; each stage but the first halves the map.

    Args:
        widths: channels of each stage.
        depths: blocks of each stage.
        reduction: see ``ResidualBlock``.

    Raises:
        ValueError: as many depths as widths are needed, all at least 1.
    """
    if len(widths) != len(depths) or min(*widths, *depths) < 1:
        raise ValueError(f"widths are {widths} and depths {depths}; give as many of each, all at least 1")
    stages = []
    for number, ((entering, width), depth) in enumerate(zip(pairwise((widths[0], *widths)), depths, strict=True)):
        first = ResidualBlock(entering, width, 1 if number == 0 else 2, reduction)
        stages.append(nn.Sequential(first, *(ResidualBlock(width, width, 1, reduction) for _ in range(depth - 1))))
    return nn.Sequential(*stages)


def start_as_he(network: nn.Module) -> None:
    """Draw convolutions from He et al.'s normal distribution (fan out); let each residual begin at zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, ResidualBlock):
            last = [layer for layer in module.residual if isinstance(layer, nn.BatchNorm2d)][-1]
            nn.init.zeros_(last.weight)
