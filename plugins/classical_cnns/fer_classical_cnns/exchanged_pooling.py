"""Replace the max pooling layers of a timm network; if the network pads, feature maps keep their sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer_plugins.contract import PoolingFactory


class ExchangedPool(nn.Module):
    """A pooling layer in place of a max pooling of the same window, stride and padding.

    If the network pads, the border pixels are repeated: for max pooling this equals its own padding with minus
    infinity, and average pooling is not darkened. A pooling layer with its own padding gets no further padding.

    Args:
        pool: factory of the new pooling layer.
        old: the layer that is replaced.

    Raises:
        ValueError: the replaced layer pads and the size of the map would change, so that a parallel branch may not fit.
    """

    def __init__(self, pool: PoolingFactory, old: nn.MaxPool2d) -> None:
        super().__init__()
        window, stride, padding = (int(value) for value in (old.kernel_size, old.stride, old.padding))
        self.pool = pool(window, stride)
        self.padding = 0
        if padding:
            fits = {pad: all(self._side(side, pad) == _side_of(old, side) for side in (16, 17)) for pad in (padding, 0)}
            if not any(fits.values()):
                new, needed = self._side(16, padding), _side_of(old, 16)
                raise ValueError(
                    f"model.pool: this pooling makes {new} of 16 pixels where the network has {needed}, and a parallel "
                    "branch may depend on that; use another pooling, or one that halves"
                )
            self.padding = padding if fits[padding] else 0

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H', W')."""
        if self.padding:
            x = F.pad(x, (self.padding,) * 4, mode="replicate")
        return self.pool(x)

    def _side(self, side: int, padding: int) -> int:
        try:
            return int(self.pool(torch.zeros(1, 1, side + 2 * padding, side + 2 * padding)).shape[-1])
        except RuntimeError:
            return 0


def _side_of(layer: nn.MaxPool2d, side: int) -> int:
    return int(layer(torch.zeros(1, 1, side, side)).shape[-1])


def exchange_max_poolings(network: nn.Module, pool: PoolingFactory) -> int:
    """Replace every ``nn.MaxPool2d`` inside ``network`` in place; return their number.

    Raises:
        ValueError: see ``ExchangedPool``.
    """
    max_poolings = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.MaxPool2d)]
    for name, layer in max_poolings:
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, ExchangedPool(pool, layer))
    return len(max_poolings)
