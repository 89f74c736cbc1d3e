"""A small network as a plug-in's source: convolution, exchangeable pooling, dropout, and the optional members."""

SOURCE = '''
import os
import time

import torch
from torch import nn


class Toy(nn.Module):
    """Toy.

    Args:
        width: maps of the convolution.
        penalty: factor of the L2 term.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 24, pool=nn.MaxPool2d,
                 width: int = 8, penalty: float = 0.0, teacher=None, explode_at: int = 0):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(in_channels, width, 5, padding=2), nn.ReLU(), pool(2, 2))
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(width * (image_size // 2) ** 2, num_classes)
        self.penalty = penalty
        self.explode_at, self.steps = explode_at, 0
        self.held = [teacher]
        self.pause = float(os.environ.get("TOY_PAUSE", 0))  # seconds a step; for tests that end a training midway

    def forward(self, x):
        if self.training:
            if self.pause:
                time.sleep(self.pause)
            self.steps += 1
            if self.steps == self.explode_at:
                x = x * float("nan")
        return self.head(self.dropout(self.features(x).flatten(1)))

    def auxiliary_loss(self):
        return self.penalty * self.head.weight.square().sum()
'''
PAPER = """
paper: {id: toy, title: "A toy", authors: [A. Uthor], year: 2020, venue: null, doi: null}
architectures:
  toy:
    claims_model: Toy
    assumed: {model.width: "not stated"}
    recipe:
      model: {name: toy}
      data: {image_size: 24, batch_size: 32}
      optimizer: {name: Adam, lr: 0.003}
      trainer: {epochs: 50}
    variants:
      pupil: {model: {teacher: "???"}}
"""
CLAIMS = """
paper: {id: toy, title: "A toy"}
models: [{name: Toy, role: proposed, params: null}]
claims:
  - {model: Toy, dataset: Synthetic, split: not_stated, metric: accuracy, value: 0.99, source: "Table 1"}
"""
