"""A bidirectional LSTM over the positions of a feature map; the output is a map again (Eq. 12)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fer_dcnn_bilstm_dam.pointwise import Pointwise


class BiLSTMMap(nn.Module):
    """Maps (B, H, W, C) -> maps (B, H, W, C), with C hidden units per direction.

    The input is a still image: "time" is the order in which the positions are scanned.

    Args:
        channels: number of channels C.
        sequence: ``raster``: one sequence of H W positions; ``rows``: one sequence of W positions per row.
        merge: how the two directions are merged: ``sum`` (Eq. 12), ``mean``, or ``concat`` followed by a 1x1
            convolution 2C -> C.
    """

    def __init__(
        self,
        channels: int,
        sequence: Literal["raster", "rows"] = "raster",
        merge: Literal["sum", "mean", "concat"] = "sum",
    ) -> None:
        super().__init__()
        self.sequence, self.merge = sequence, merge
        self.lstm = nn.LSTM(channels, channels, batch_first=True, bidirectional=True)
        self.project = Pointwise(2 * channels, channels) if merge == "concat" else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the merged hidden states of both directions at their positions."""
        tokens = x.flatten(1, 2) if self.sequence == "raster" else x.flatten(0, 1)
        states = self.lstm(tokens)[0].reshape(*x.shape[:3], -1)
        if self.project is not None:
            merged: Tensor = self.project(states)
            return merged
        forward, backward = states.chunk(2, dim=-1)
        total = forward + backward
        return 0.5 * total if self.merge == "mean" else total
