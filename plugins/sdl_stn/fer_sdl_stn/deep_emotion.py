"""Deep-Emotion (Minaee, Minaei, Abdolrashidi 2021): one spatial transformer on the image, four convolutions."""

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
    """Deep-Emotion as its public re-implementation has it; 66,857 parameters for 48x48 grey images.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits; values are mapped to [-1, 1] inside. The paper that this plug-in
    is about compares with it and did not train it. assumed: the whole network, after public code, whose dropout
    stays active in evaluation; here it does not.

    Args:
        num_classes: outputs.
        in_channels: image channels.
        image_size: S in pixels; at least 18 with poolings that halve.
        pool: factory of the four 2x2 poolings.
        batch_norm: normalise behind the fourth convolution (66,877 parameters), as that code does.
        dropout: share of the features set to zero before the dense layers, in [0, 1); 0.5 in that code.
        align_corners: whether -1 and 1 of the sampler are the corner pixels' centres or the image's edges.
        padding_mode: what the sampler reads outside the image; zeros is grey, the middle of the range.
        init: paper draws all weights N(0, 0.05) and theta starts as the identity; pytorch is torch's own start.

    Raises:
        ValueError: the images are too small or an option is out of range.
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
        """Logits (B, num_classes) of images (B, C, S, S) in [0, 1]."""
        return self._run(x)[0]

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """``theta_stn`` (B, 2, 3) and the warped images ``warped_stn`` (B, C, S, S) in [0, 1]; 0.5 is outside."""
        _, theta, warped = self._run(x)
        return {"theta_stn": theta, "warped_stn": (warped + 1) / 2}

    def health(self, x: Tensor) -> Health:
        """Share of the sampling grid inside the image, and theta, of a batch; see ``examine``."""
        logits, theta, warped = self._run(x)
        return examine({"stn": theta}, {"stn": (warped.shape[-2], warped.shape[-1])}, logits, self.align_corners)

    def _run(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = (x - 0.5) / 0.5
        theta = self.localisation(x)
        warped = warp(x, theta, self.padding_mode, self.align_corners)
        logits = self.fc2(self.fc1(self.dropout(self.base(warped))).relu())
        return logits, theta, warped
