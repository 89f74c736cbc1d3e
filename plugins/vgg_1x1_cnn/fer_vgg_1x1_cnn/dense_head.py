"""The dense layers shared by the proposed network (Table I, rows 8 to 10) and the 5x5-4x4-5x5 network."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def dense_head(features: int, num_classes: int, dropout: tuple[float, float]) -> nn.Sequential:
    """Return FC 2048, FC 1024 and FC ``num_classes``: (B, features) -> (B, num_classes) logits.

    Args:
        features: length of the flattened feature map.
        num_classes: number of outputs.
        dropout: dropout probabilities after the two hidden layers.

    Raises:
        ValueError: ``dropout`` is not two probabilities in [0, 1).
    """
    if len(dropout) != 2 or not all(0 <= rate < 1 for rate in dropout):
        raise ValueError(f"dropout is {dropout}; give two rates, each at least 0 and below 1")
    return nn.Sequential(
        OrderedDict(
            [
                ("fc1", nn.Linear(features, 2048)),
                ("act1", nn.ReLU()),
                ("dropout1", nn.Dropout(dropout[0])),
                ("fc2", nn.Linear(2048, 1024)),
                ("act2", nn.ReLU()),
                ("dropout2", nn.Dropout(dropout[1])),
                ("fc3", nn.Linear(1024, num_classes)),
            ]
        )
    )
