"""Preprocessing inside the networks of Pramerdorfer and Kampel, and the range check of dropout."""

from __future__ import annotations

from torch import Tensor, nn

from fer_plugins.data.histogram import equalise


class Preprocessing(nn.Module):
    """(B, C, H, W) in [0, 1] -> same shape in [-1, 1]; with ``hist_eq`` each image's histogram is equalised first.

    Raises:
        ValueError: ``contrast`` is neither "none" nor "hist_eq".
    """

    def __init__(self, contrast: str) -> None:
        super().__init__()
        if contrast not in ("none", "hist_eq"):
            raise ValueError(f"contrast is {contrast!r}; use 'none' or 'hist_eq'")
        self.contrast = contrast

    def forward(self, x: Tensor) -> Tensor:
        """Return the input of the first convolution."""
        return 2 * (equalise(x) if self.contrast == "hist_eq" else x) - 1


def check_dropout(dropout: float) -> None:
    """Raise ValueError unless ``dropout`` is at least 0 and below 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")
