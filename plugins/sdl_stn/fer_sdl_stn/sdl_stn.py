"""SDL-STN: two chained spatial transformer modules in parallel with a base network of four convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from fer_plugins.config.idle_options import IdleRule, refuse_idle
from fer_plugins.contract import Health, PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.pooling.sizes import fit
from fer_plugins.runtime.choices import check_choice
from fer_sdl_stn.four_convolutions import base_layers
from fer_sdl_stn.localisation import Localisation, localisation_layers
from fer_sdl_stn.sdl_module import ORDERS, SDLModule, feature_layers
from fer_sdl_stn.start import start_weights
from fer_sdl_stn.transformer_health import examine

_MODULES = {"base": (), "base+sdl1": ("sdl1",), "base+sdl1+sdl2": ("sdl1", "sdl2")}  # modules of each value of branches

IDLE_OPTIONS: list[IdleRule] = [
    (
        "branches",
        "base",
        {
            "sdl_order": "conv_relu_avg",
            "align_corners": False,
            "padding_mode": "zeros",
            "loc_last_init": "identity",
            "theta_limit": "none",
            "merge": "last",
        },
    ),
    ("branches", "base+sdl1", {"merge": "last"}),
    ("topology", "series", {"branches": "base+sdl1+sdl2", "merge": "last"}),
    ("penalty", "none", {"lambda1": 0.001, "lambda2": 0.01}),
]


class SDLSTN(nn.Module):
    """SDL-STN with the layer widths of Deep-Emotion; 118,175 parameters for 48x48 grey images.

    (B, C, S, S) in [0, 1] -> (B, num_classes) logits; values are mapped to [-1, 1] internally. SDL-1 warps the image,
    SDL-2 warps the features of SDL-1; the base network sees the image. The paper states no width, kernel or size. The
    average pooling layers of the SDL modules are part of their definition and always kept; all other pooling layers are
    ``pool``.

    Args:
        num_classes: number of outputs; 7 in the paper.
        in_channels: number of image channels.
        image_size: image side S in pixels; at least 18 with pooling layers that halve the size.
        pool: factory of the 2x2 pooling layers of the base and localisation networks; max pooling in the paper.
        width: number of channels of the convolutions in the base network and the SDL modules, at least 1; 10 in
            Deep-Emotion, 32 is our variant.
        branches: parts of the network to build; the paper claims to have run them separately but prints no numbers.
        merge: features concatenated with those of the base network: of the last SDL module, or of each.
        topology: parallel (base network and SDL modules side by side) or series (base network after the SDL modules,
            with padding).
        sdl_order: order of convolution, ReLU and average pooling in an SDL module.
        align_corners: whether -1 and 1 are the centres of the corner pixels (true) or the edges of the image (false),
            in the grid sampler.
        padding_mode: values sampled outside the image; zeros is mid-grey, since values are mapped to [-1, 1].
        loc_last_init: initialisation of the last layer of each localisation network: identity (Eq. 1), or gaussian as
            in all other layers.
        theta_limit: limit of theta: none, or tanh for theta = identity + 0.5 tanh(output).
        batch_norm: batch normalisation after the fourth convolution of the base network; not in the paper.
        dropout: dropout probability of the concatenated features, in [0, 1); not in the paper.
        penalty: L2 penalty: l2_loss adds 0.5 (lambda1 |W1|^2 + lambda2 |W2|^2) to the loss (Eqs 4 and 5); decoupled
            uses weight decay of the two weights in the optimiser instead (use AdamW); none: no penalty.
        lambda1: penalty of the first dense layer's weights, at least 0.
        lambda2: penalty of the last dense layer's weights, at least 0.
        init: paper draws all weights from N(0, 0.05) with zero biases; pytorch keeps PyTorch's default.

    Raises:
        ValueError: the images are too small, or an option is out of range or has no effect in combination with the
            others.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        pool: PoolingFactory = max_pool,
        width: int = 10,
        branches: Literal["base+sdl1+sdl2", "base+sdl1", "base"] = "base+sdl1+sdl2",
        merge: Literal["last", "each"] = "last",
        topology: Literal["parallel", "series"] = "parallel",
        sdl_order: Literal["conv_relu_avg", "conv_avg_relu", "relu_conv_avg"] = "conv_relu_avg",
        align_corners: bool = False,
        padding_mode: Literal["zeros", "border"] = "zeros",
        loc_last_init: Literal["identity", "gaussian"] = "identity",
        theta_limit: Literal["none", "tanh"] = "none",
        batch_norm: bool = False,
        dropout: float = 0.0,
        penalty: Literal["l2_loss", "decoupled", "none"] = "l2_loss",
        lambda1: float = 0.001,
        lambda2: float = 0.01,
        init: Literal["paper", "pytorch"] = "paper",
    ) -> None:
        given = dict(locals())
        super().__init__()
        check_choice("branches", branches, tuple(_MODULES))
        check_choice("merge", merge, ("last", "each"))
        check_choice("topology", topology, ("parallel", "series"))
        check_choice("sdl_order", sdl_order, ORDERS)
        check_choice("padding_mode", padding_mode, ("zeros", "border"))
        check_choice("loc_last_init", loc_last_init, ("identity", "gaussian"))
        check_choice("theta_limit", theta_limit, ("none", "tanh"))
        check_choice("penalty", penalty, ("l2_loss", "decoupled", "none"))
        check_choice("init", init, ("paper", "pytorch"))
        if width < 1:
            raise ValueError(f"width is {width}; give at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; give a rate from 0 to below 1")
        if min(lambda1, lambda2) < 0:
            raise ValueError(f"lambda1 is {lambda1} and lambda2 is {lambda2}; give numbers of at least 0")
        refuse_idle(given, IDLE_OPTIONS)
        self.series, self.merge, self.penalty, self.lambdas = topology == "series", merge, penalty, (lambda1, lambda2)
        self.align_corners = align_corners
        parts: dict[str, tuple[nn.Sequential, nn.Sequential]] = {}
        maps = in_channels
        for name in _MODULES[branches]:
            localisation = localisation_layers(maps, pool, parts=3, padding=True)
            parts[name] = (localisation, feature_layers(maps, width, sdl_order))
            maps = width
        self.base = base_layers(
            maps if self.series else in_channels, width, pool, same=self.series, batch_norm=batch_norm
        )

        def trace(side: int) -> tuple[dict[str, int], int]:
            return self._trace(torch.zeros(1, in_channels, side, side), parts)

        flattened, joined = fit(trace, image_size)
        self.sdl_modules = nn.ModuleDict(
            {
                name: SDLModule(
                    Localisation(localisation, flattened[name], theta_limit, loc_last_init),
                    feature,
                    padding_mode,
                    align_corners,
                )
                for name, (localisation, feature) in parts.items()
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(joined, 50)
        self.fc2 = nn.Linear(50, num_classes)
        start_weights(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        return self._run(x)[0]

    def auxiliary_loss(self) -> Tensor:
        """Return 0.5 (lambda1 |W1|^2 + lambda2 |W2|^2) of the dense layers (Eq. 5); 0 unless ``penalty`` is l2_loss."""
        squares = 0.5 * (
            self.lambdas[0] * self.fc1.weight.square().sum() + self.lambdas[1] * self.fc2.weight.square().sum()
        )
        return squares if self.penalty == "l2_loss" else torch.zeros_like(squares)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return all parameters; with ``penalty`` decoupled, only the two weights decay (lambda1 and lambda2)."""
        if self.penalty != "decoupled":
            return [{"params": list(self.parameters())}]
        decayed = [self.fc1.weight, self.fc2.weight]
        undecayed = [parameter for parameter in self.parameters() if not any(parameter is weight for weight in decayed)]
        rates = zip(decayed, self.lambdas, strict=True)
        weights = [{"params": [weight], "weight_decay": rate} for weight, rate in rates]
        return [*weights, {"params": undecayed, "weight_decay": 0.0}]

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return theta and the warped maps of each module, such as ``theta_sdl1`` (B, 2, 3) and ``warped_sdl1``.

        ``warped_sdl1`` are images (B, C, S, S) in [0, 1], where 0.5 is outside; ``warped_sdl2`` are features of SDL-1
        (B, width, S', S'), with a side of 23 pixels for 48. Without SDL modules: ``base``, the flattened features of
        the base network.
        """
        _, seen = self._run(x)
        shown = {"base": self.base((x - 0.5) / 0.5)} if not seen else {}
        for name, (theta, warped) in seen.items():
            shown[f"theta_{name}"] = theta
            shown[f"warped_{name}"] = (warped + 1) / 2 if name == "sdl1" else warped
        return shown

    def health(self, x: Tensor) -> Health:
        """Return the fraction of each sampling grid inside the image and statistics of theta; see ``examine``."""
        logits, seen = self._run(x)
        sides = {name: (warped.shape[-2], warped.shape[-1]) for name, (_, warped) in seen.items()}
        return examine({name: theta for name, (theta, _) in seen.items()}, sides, logits, self.align_corners)

    def _run(self, x: Tensor) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        x = (x - 0.5) / 0.5
        seen, features, maps = {}, [], x
        for name, module in self.sdl_modules.items():
            maps, theta, warped = module(maps)
            seen[name] = (theta, warped)
            features.append(maps.flatten(1))
        features = features if self.merge == "each" else features[-1:]
        joined = self.base(maps) if self.series else torch.cat([self.base(x), *features], 1)
        return self.fc2(self.fc1(self.dropout(joined)).relu()), seen

    def _trace(self, x: Tensor, parts: Mapping[str, tuple[nn.Sequential, nn.Sequential]]) -> tuple[dict[str, int], int]:
        """Return the lengths of the localisation networks' flattened maps and of the joined features, for one image."""
        training = self.base.training
        flattened, lengths, maps = {}, [], x
        with torch.no_grad():
            for name, (localisation, feature) in parts.items():
                flattened[name] = localisation(maps).shape[1]
                maps = feature(maps)
                lengths.append(maps.numel())
            base = self.base.eval()(maps if self.series else x).shape[1]
        self.base.train(training)
        if self.series:
            return flattened, base
        return flattened, base + sum(lengths if self.merge == "each" else lengths[-1:])
