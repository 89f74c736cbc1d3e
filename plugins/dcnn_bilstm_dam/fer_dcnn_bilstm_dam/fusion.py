"""The interactive learning mechanism (Eq. 19): the two attended maps gate each other and are added."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from fer_dcnn_bilstm_dam.pointwise import Pointwise


class InteractiveFusion(nn.Module):
    """ILM(S, C) = INIAM(S, C) + INIAM(C, S). The paper leaves INIAM open; assumed: X times gate(1x1 convolution of Y).

    Args:
        channels: number of channels C of both maps.
        gate: factory of the gate's activation, with values in [0, 1].
    """

    def __init__(self, channels: int, gate: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.from_spatial = Pointwise(channels, channels)
        self.from_channel = Pointwise(channels, channels)
        self.gate = gate()

    def forward(self, spatial: Tensor, channel: Tensor) -> Tensor:
        """Return the fused map (B, H, W, C) of two maps of the same shape."""
        fused: Tensor = spatial * self.gate(self.from_channel(channel)) + channel * self.gate(
            self.from_spatial(spatial)
        )
        return fused
