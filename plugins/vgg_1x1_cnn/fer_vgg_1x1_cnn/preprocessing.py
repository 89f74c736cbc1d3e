"""What happens to the pixels inside the network: resizing, histogram equalisation, and a signed range."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from fer_plugins.data.histogram import equalise


class Preprocessing(nn.Module):
    """(B, C, H, W) in [0, 1] -> (B, C, side, side), or (B, C, H, W), in [-1, 1] or [0, 1]. Nothing is learnt.

    Args:
        signed: map [0, 1] to [-1, 1] at the end.
        contrast: ``hist_eq`` equalises the histogram, see ``equalise``.
        side: pixels a side to which images are resized first, bilinear with antialiasing; None: as they are.

    Raises:
        ValueError: another contrast.
    """

    def __init__(self, signed: bool, contrast: Literal["none", "hist_eq"], side: int | None = None) -> None:
        super().__init__()
        if contrast not in ("none", "hist_eq"):
            raise ValueError(f"contrast is {contrast!r}; use 'none' or 'hist_eq'")
        self.signed, self.contrast, self.side = signed, contrast, side

    def forward(self, x: Tensor) -> Tensor:
        """Return what the first convolution sees."""
        if self.side is not None:
            x = F.interpolate(x, (self.side, self.side), mode="bilinear", antialias=True)
        if self.contrast == "hist_eq":
            x = equalise(x)
        return (x - 0.5) / 0.5 if self.signed else x

    def extra_repr(self) -> str:
        """Return the options, for ``print(network)``."""
        return f"signed={self.signed}, contrast={self.contrast}, side={self.side}"
