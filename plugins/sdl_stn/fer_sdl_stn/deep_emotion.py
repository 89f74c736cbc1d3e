"""Deep-Emotion (Minaee, Minaei, Abdolrashidi 2021): a spatial transformer on the image and four convolutions."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fer_plugins.contract import Health, PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import fit
from fer_plugins.runtime.choices import check_choice
from fer_sdl_stn.four_convolutions import base_layers
from fer_sdl_stn.localisation import Localisation, localisation_layers
from fer_sdl_stn.sampler import PaddingMode, warp
from fer_sdl_stn.start import start_weights
from fer_sdl_stn.transformer_health import examine


class DeepEmotion(nn.Module):
    """Deep-Emotion, following its public re-implementation; 66,857 parameters for 48x48 grey images.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits; values are mapped to [-1, 1] internally. The SDL-STN paper
    compares with this network but did not train it. assumed: the whole network, after public code. In that code dropout
    stays active in evaluation; here it does not.

    Args:
        num_classes: number of outputs.
        in_channels: number of image channels.
        image_size: image side S in pixels; at least 18 with pooling layers that halve the size.
        pool: factory of the four 2x2 pooling layers.
        batch_norm: batch normalisation after the fourth convolution (66,877 parameters), as in the public code.
        dropout: dropout probability before the dense layers, in [0, 1); 0.5 in the public code.
        align_corners: whether -1 and 1 are the centres of the corner pixels (true) or the edges of the image (false),
            in the grid sampler.
        padding_mode: values sampled outside the image; zeros is mid-grey, since values are mapped to [-1, 1].
        init: paper draws all weights from N(0, 0.05) and starts theta at the identity; pytorch keeps PyTorch's default.

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
        batch_norm: bool = False,
        dropout: float = 0.0,
        align_corners: bool = False,
        padding_mode: Literal["zeros", "border"] = "zeros",
        init: Literal["paper", "pytorch"] = "paper",
    ) -> None:
        super().__init__()
        check_choice("padding_mode", padding_mode, ("zeros", "border"))
        check_choice("init", init, ("paper", "pytorch"))
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; give a rate from 0 to below 1")
        self.align_corners = align_corners
        self.padding_mode: PaddingMode = padding_mode
        localisation = localisation_layers(in_channels, pool, parts=2, padding=False)
        self.base = base_layers(in_channels, 10, pool, batch_norm=batch_norm)

        def trace(side: int) -> tuple[int, int]:
            image = torch.zeros(1, in_channels, side, side)
            with torch.no_grad():
                return localisation(image).shape[1], self.base.eval()(image).shape[1]

        flattened, features = fit(trace, image_size)
        self.base.train()
        self.localisation = Localisation(localisation, flattened, "none", "identity")
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(features, 50)
        self.fc2 = nn.Linear(50, num_classes)
        start_weights(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self._run(x)[0]

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return ``theta_stn`` (B, 2, 3) and the warped images ``warped_stn`` (B, C, S, S) in [0, 1], 0.5 outside."""
        _, theta, warped = self._run(x)
        return {"theta_stn": theta, "warped_stn": (warped + 1) / 2}

    def health(self, x: Tensor) -> Health:
        """Return the fraction of the sampling grid inside the image and statistics of theta; see ``examine``."""
        logits, theta, warped = self._run(x)
        return examine({"stn": theta}, {"stn": (warped.shape[-2], warped.shape[-1])}, logits, self.align_corners)

    def _run(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (x - 0.5) / 0.5
        theta = self.localisation(x)
        warped = warp(x, theta, self.padding_mode, self.align_corners)
        logits = self.fc2(self.fc1(self.dropout(self.base(warped))).relu())
        return logits, theta, warped
