"""Weight initialisation: the defaults of Keras, which the paper used without naming an initialisation."""

from __future__ import annotations

from torch import nn


def start_as_keras(network: nn.Module) -> None:
    """Initialise all convolutions and dense layers with Glorot uniform weights and zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
