"""What happens to the pixels inside the network: resizing, histogram equalisation, and a signed range."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_LEVELS = 255  # grey levels are 0 to 255, as in the released images


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


def equalise(x: Tensor) -> Tensor:
    """Equalise the histogram of each channel of each image: (B, C, H, W) in [0, 1] -> the same shape and range.

    The usual rule on 256 grey levels: with c(v) the number of pixels that are at most as bright as v, c0 that of the
    darkest and N all pixels, v becomes round(255 (c(v) - c0) / (N - c0)) / 255. An image of one brightness stays as it
    is. No gradient goes through: steps have no slope.
    """
    levels = (x.detach() * _LEVELS).round().flatten(2).contiguous()
    # Places in the sorted image are the cumulative histogram: no scatter, so it is deterministic on every device.
    at_most = torch.searchsorted(levels.sort(dim=2).values, levels, right=True)
    darkest = at_most.amin(dim=2, keepdim=True)
    rest = levels.shape[2] - darkest
    even = ((at_most - darkest) * _LEVELS / rest.clamp(min=1)).round()
    return (torch.where(rest > 0, even, levels) / _LEVELS).to(x.dtype).view(x.shape)
