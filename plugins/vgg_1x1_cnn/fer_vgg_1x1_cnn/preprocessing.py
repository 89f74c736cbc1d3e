"""Preprocessing inside the network: resizing, histogram equalisation, and mapping to a signed range."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from fer_plugins.data.histogram import equalise


class Preprocessing(nn.Module):
    """(B, C, H, W) in [0, 1] -> (B, C, side, side), or (B, C, H, W), in [-1, 1] or [0, 1]; has no parameters.

    Args:
        signed: map values from [0, 1] to [-1, 1] as the last step.
        contrast: ``hist_eq`` equalises the histogram; see ``equalise``.
        side: side in pixels to which images are resized first, bilinear with antialiasing; None: no resizing.

    Raises:
        ValueError: ``contrast`` is neither "none" nor "hist_eq".
    """

    def __init__(self, signed: bool, contrast: Literal["none", "hist_eq"], side: int | None = None) -> None:
        super().__init__()
        if contrast not in ("none", "hist_eq"):
            raise ValueError(f"contrast is {contrast!r}; use 'none' or 'hist_eq'")
        self.signed, self.contrast, self.side = signed, contrast, side

    def forward(self, x: Tensor) -> Tensor:
        """Return the input of the first convolution."""
        if self.side is not None:
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", antialias=True)
        if self.contrast == "hist_eq":
            x = equalise(x)
        return (x - 0.5) / 0.5 if self.signed else x

    def extra_repr(self) -> str:
        """Return the options, for ``print(network)``."""
        return f"signed={self.signed}, contrast={self.contrast}, side={self.side}"
