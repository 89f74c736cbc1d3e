"""ICNN-BiLSTM (Pansambal et al. 2024). Only title and abstract were found: the architecture is assumed."""

from __future__ import annotations

from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import flattened_size


class ICNNBiLSTM(nn.Module):
    """ICNN-BiLSTM: (B, C, S, S) in [0, 1] -> (B, num_classes) logits; 391,111 parameters for grey images of any size.

    assumed: the whole network. Three convolutions; a bidirectional LSTM reads the positions of the last feature map as
    a sequence, row by row; the mean over the positions is the input of two dense layers.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels, at least 8 with pooling layers that halve the size.
        pool: factory of the three 2x2 pooling layers.
        hidden: number of LSTM units per direction, at least 1.

    Raises:
        ValueError: the images are too small, or an option is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 64,
        pool: PoolingFactory = max_pool,
        hidden: int = 128,
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden is {hidden}; give at least 1")
        layers: list[nn.Module] = []
        channels = in_channels
        for maps in (32, 64, 128):
            layers += [nn.Conv2d(channels, maps, 3, padding=1), nn.BatchNorm2d(maps), nn.ReLU(), pool(2, 2)]
            channels = maps
        self.features = nn.Sequential(*layers)
        flattened_size(self.features, in_channels, image_size)
        self.lstm = nn.LSTM(128, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * hidden, 128)
        self.output = nn.Linear(128, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        positions = self.features(x).flatten(2).transpose(1, 2)
        steps, _ = self.lstm(positions)
        return self.output(self.dense(steps.mean(1)).relu())
