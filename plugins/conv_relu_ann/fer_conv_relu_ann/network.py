"""The network of Njoku et al., Table 2: four convolutions and two dense layers on 48x48 grey faces."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fer_plugins.contract import ImageSizeError, PoolingFactory
from fer_plugins.pooling import max_pool


class ConvReLUANN(nn.Module):
    """Conv-ReLU feature extraction with a dense ("ANN") head; 2,489,095 parameters at the paper's sizes.

    (B, C, H, W) in [0, 1] -> (B, num_classes) logits. Layers have the names of Table 2; pooling layers are called
    ``pooling2d...`` because they can be replaced.

    Args:
        num_classes: number of outputs; 7 in the paper.
        in_channels: number of image channels; 1 in the paper.
        image_size: side of the square images in pixels, at least 22 (24 with a valid first convolution) if the pooling
            halves the size and rounds down, as in the paper.
        pool: factory of the three 2x2 pooling layers; max pooling in the paper.
        first_padding: padding of the first convolution. Table 2 has "same"; "valid" has the same parameter count.
        dropout: dropout probabilities after the three pooling layers and after the first dense layer, each in [0, 1).

    Raises:
        ValueError: the images are too small, or an option is out of range.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        pool: PoolingFactory = max_pool,
        first_padding: Literal["same", "valid"] = "same",
        dropout: tuple[float, float, float, float] = (0.1, 0.1, 0.1, 0.2),
    ) -> None:
        super().__init__()
        if first_padding not in ("same", "valid"):
            raise ValueError(f"first_padding is {first_padding!r}; use 'same' or 'valid'")
        if len(dropout) != 4 or not all(0 <= rate < 1 for rate in dropout):
            raise ValueError(f"dropout is {dropout}; give four rates, each at least 0 and below 1")

        self.features = nn.Sequential()
        for name, layer in {
            "conv2d": nn.Conv2d(in_channels, 32, 3, padding=first_padding),
            "relu": nn.ReLU(),
            "conv2d_1": nn.Conv2d(32, 64, 3),
            "relu_1": nn.ReLU(),
            "pooling2d": pool(2, 2),
            "dropout": nn.Dropout(dropout[0]),
            "conv2d_2": nn.Conv2d(64, 128, 3),
            "relu_2": nn.ReLU(),
            "pooling2d_1": pool(2, 2),
            "dropout_1": nn.Dropout(dropout[1]),
            "conv2d_3": nn.Conv2d(128, 256, 3),
            "relu_3": nn.ReLU(),
            "pooling2d_2": pool(2, 2),
            "dropout_2": nn.Dropout(dropout[2]),
            "flatten": nn.Flatten(),
        }.items():
            self.features.add_module(name, layer)
        try:  # run one image to get the flattened size, so that every pooling works
            with torch.no_grad():
                flattened = self.features(torch.zeros(1, in_channels, image_size, image_size)).shape[1]
        except (RuntimeError, ValueError) as error:  # a map is smaller than the window of the next layer
            smallest = 22 if first_padding == "same" else 24
            raise ImageSizeError(
                f"image_size {image_size} is too small: use at least {smallest}, more where a pooling shrinks more"
            ) from error
        self.dense = nn.Linear(flattened, 512)
        self.dropout_3 = nn.Dropout(dropout[3])
        self.dense_1 = nn.Linear(512, num_classes)
        self._initialise_as_keras()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, H, W) in [0, 1]."""
        return self.dense_1(self.dropout_3(self.extract_features(x, "dense")))

    def extract_features(self, x: Tensor, layer: Literal["flatten", "dense"] = "flatten") -> Tensor:
        """Return features of images (B, C, H, W) for a separate classifier: (B, 4096) "flatten" or (B, 512) "dense".

        Call ``eval()`` first: in training mode dropout is applied.

        Raises:
            ValueError: ``layer`` is neither "flatten" nor "dense".
        """
        if layer not in ("flatten", "dense"):
            raise ValueError(f"layer is {layer!r}; use 'flatten' or 'dense'")
        flat = self.features(x)
        return flat if layer == "flatten" else self.dense(flat).relu()

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return the feature maps after each pooling: (B, 64, 23, 23), (B, 128, 10, 10), (B, 256, 4, 4) at 48x48."""
        maps = {}
        for name, layer in self.features.named_children():
            x = layer(x)
            if name.startswith("pooling2d"):
                maps[name] = x
        return maps

    def _initialise_as_keras(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
