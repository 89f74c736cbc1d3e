"""Our own network: a small residual network for 48x48 grey faces."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fer_fer2013_baselines.preprocessing import check_dropout
from fer_fer2013_baselines.residual import build_stem, residual_stages


class FERCompact(nn.Module):
    """A residual network with a 3x3 stem and four stages; 11,260,351 parameters by default, for seven classes.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits. Basic blocks with batch normalisation, ReLU and
    squeeze-and-excitation; shortcuts that average before they downsample; global average pooling, dropout and one dense
    layer. Weights keep the default initialisation of PyTorch's layers.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        widths: number of channels of each stage; each stage except the first halves the size of the map.
        depths: number of blocks of each stage.
        stem_stride: stride of the stem convolution; 2 makes the network four times as fast.
        squeeze_excitation: squeeze-and-excitation in each block (Hu et al. 2018, reduction 16).
        dropout: dropout probability of the pooled features, at least 0 and below 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        depths: tuple[int, ...] = (2, 2, 2, 2),
        stem_stride: Literal[1, 2] = 1,
        squeeze_excitation: bool = True,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if stem_stride not in (1, 2):
            raise ValueError(f"stem_stride is {stem_stride}; use 1 or 2")
        reduction = 16 if squeeze_excitation else 0
        stages = residual_stages(tuple(widths), tuple(depths), reduction, pooled_shortcuts=True)
        self.features = nn.Sequential(build_stem(in_channels, widths[0], stem_stride), stages)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self.head(self.features(4 * x - 2))  # FER-2013's grey values: mean 0.51, deviation 0.26

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return the last feature maps, (B, F, S', S')."""
        return {"last_maps": self.features(4 * x - 2)}
