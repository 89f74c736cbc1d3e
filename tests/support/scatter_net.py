"""A network as a plug-in's source whose answers do not collapse on a few images, which would be no result."""

SOURCE = '''
import torch
from torch import nn


class Scatter(nn.Module):
    """A linear layer on sines of many periods of fixed random sums of the pixels."""

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 24):
        super().__init__()
        sums = torch.randn(in_channels * image_size**2, 32, generator=torch.Generator().manual_seed(0))
        self.register_buffer("sums", 10 * sums)
        self.head = nn.Linear(32, num_classes)

    def forward(self, x):
        return self.head(torch.sin(x.flatten(1) @ self.sums))
'''
PAPER = """
paper: {id: scatter, title: Scatter, authors: [A. Uthor], year: 2020, venue: null, doi: null}
architectures:
  scatter:
    claims_model: Scatter
    assumed: {}
    recipe:
      model: {name: scatter}
      data: {image_size: 24, batch_size: 8}
      optimizer: {name: Adam, lr: 0.001}
      trainer: {epochs: 1}
"""
CLAIMS = """
paper: {id: scatter, title: Scatter}
models: [{name: Scatter, role: proposed, params: null}]
claims:
  - {model: Scatter, dataset: Synthetic, split: test, metric: accuracy, value: 0.99, source: "Table 1"}
  - {model: Scatter, dataset: RAF-DB, split: test, metric: accuracy, value: 0.5, source: "Table 2"}
"""
