"""Weight initialisation of both networks."""

from __future__ import annotations

from torch import nn

from fer_sdl_stn.localisation import Localisation


def start_weights(network: nn.Module, init: str) -> None:
    """Draw weights from N(0, 0.05) with zero biases (paper) or keep PyTorch's default; then set Eq. 1's identity."""
    if init == "paper":
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.normal_(module.weight, std=0.05)
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Localisation):
            module.start()
