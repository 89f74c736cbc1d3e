"""The network DCN: eight 3x3 convolutions in three stages, each followed by pooling, and three dense layers."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from fer_aa_dcn.map_sizes import trace_sides
from fer_aa_dcn.stages import build_stages
from fer_plugins.config.idle_options import IdleRule, refuse_idle
from fer_plugins.contract import PoolingFactory
from fer_plugins.pooling import max_pool
from fer_plugins.runtime.choices import check_choice

_LATER_STAGES = ((32, 32, 16), (16, 16))  # filters of convolutions 4 to 6, and of 7 and 8: stated in the text
_CHOICES = {
    "padding": ("valid", "same"),
    "batch_norm": ("per_stage", "every_conv", "first", "none"),
    "batch_norm_place": ("before", "after"),
    "dropout_place": ("pooling", "convolution", "dense"),
}
IDLE_OPTIONS: list[IdleRule] = [
    ("batch_norm", "none", {"batch_norm_place": "after"}),
    ("dropout", 0, {"dropout_place": "pooling"}),
]


class DCN(nn.Module):
    """DCN: images (B, C, S, S) in [0, 1] -> logits (B, num_classes).

    Trainable parameters with the defaults and seven classes: 377,851 for 1x48x48 (CK+), 4,256,251 for 1x128x128
    (JAFFE), 2,415,163 for 3x100x100 (RAF-DB). The paper prints neither totals nor shapes. Details that its text leaves
    open are options here; ``paper.yaml`` has the reason for each default.

    Layers: ``features`` holds conv1 to conv8, each with a ReLU, bn3, bn6, bn8 (numbered as their convolutions), and
    pool1 to pool3; then dense1, dense2 and output.

    Args:
        num_classes: number of outputs; 7 in the paper.
        in_channels: number of image channels; in the paper 1 for CK+ and JAFFE, 3 for RAF-DB.
        image_size: image side S in pixels, at least 42 with the defaults.
        pool: factory of the three pooling layers, called as pool(2, 2); max pooling in the paper.
        stage1_filters: number of filters of convolutions 1 to 3, each at least 1. They are given only in Fig. 2, so the
            default is a guess, as [32, 32, 32], [32, 32, 16], [64, 64, 64] or [128, 64, 32] would be.
        extra_first_conv: add a convolution before stage 1, with as many filters as convolution 1 (nine convolutions in
            all).
        padding: padding of all convolutions; valid adds none, so that each shortens a side by 2 pixels; same preserves
            the size.
        batch_norm: batch normalisation at the last convolution of each stage (per_stage), at every convolution
            (every_conv), in stage 1 only (first), or nowhere (none).
        batch_norm_place: batch normalisation before or after the ReLU.
        dropout: dropout probability, at least 0 and below 1; 0.7 is the other reading of the paper's text.
        dropout_place: dropout after each pooling layer, each convolution, or each of the two hidden dense layers.
        dense_units: number of units of the two hidden dense layers, each at least 1.

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
        stage1_filters: tuple[int, int, int] = (64, 64, 32),
        extra_first_conv: bool = False,
        padding: Literal["valid", "same"] = "valid",
        batch_norm: Literal["per_stage", "every_conv", "first", "none"] = "per_stage",
        batch_norm_place: Literal["before", "after"] = "after",
        dropout: float = 0.3,
        dropout_place: Literal["pooling", "convolution", "dense"] = "pooling",
        dense_units: tuple[int, int] = (2020, 128),
    ) -> None:
        super().__init__()
        options = {
            "padding": padding,
            "batch_norm": batch_norm,
            "batch_norm_place": batch_norm_place,
            "dropout": dropout,
            "dropout_place": dropout_place,
        }
        for name, choices in _CHOICES.items():
            check_choice(name, options[name], choices)
        _check_widths("stage1_filters", stage1_filters, 3)
        _check_widths("dense_units", dense_units, 2)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; give a rate from 0 to below 1")
        refuse_idle(options, IDLE_OPTIONS)

        extra = (stage1_filters[0],) if extra_first_conv else ()
        stages = [(*extra, *stage1_filters), *_LATER_STAGES]
        pools = [pool(2, 2) for _ in stages]
        sides = trace_sides(
            image_size, [(len(stage), last) for stage, last in zip(stages, pools, strict=True)], padding
        )
        self.features = build_stages(
            in_channels,
            stages,
            pools,
            first_number=1 - len(extra),  # the extra one is conv0, so that the others keep their numbers
            padding=padding,
            batch_norm=batch_norm,
            batch_norm_place=batch_norm_place,
            dropout=dropout,
            dropout_place=dropout_place,
        )
        self.dense1 = nn.Linear(stages[-1][-1] * sides[-1] ** 2, dense_units[0])
        self.dense2 = nn.Linear(*dense_units)
        self.dense_dropout = nn.Dropout(dropout) if dropout_place == "dense" else nn.Identity()
        self.output = nn.Linear(dense_units[1], num_classes)
        self._initialise_as_keras()

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, num_classes) for images (B, C, S, S) in [0, 1]."""
        x = self.features(x).flatten(1)
        x = self.dense_dropout(self.dense1(x).relu())
        x = self.dense_dropout(self.dense2(x).relu())
        logits: Tensor = self.output(x)
        return logits

    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps after each pooling: (B, 32, 21, 21), (B, 16, 7, 7), (B, 16, 1, 1) with the defaults."""
        maps = {}
        for name, layer in self.features.named_children():
            x = layer(x)
            if name.startswith("pool"):
                maps[name] = x
        return maps

    def _initialise_as_keras(self) -> None:
        """Initialise as Keras does: Glorot uniform, zero biases. The paper used TensorFlow without naming one."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)


def _check_widths(name: str, widths: tuple[int, ...], number: int) -> None:
    if len(widths) != number or min(widths) < 1:
        raise ValueError(f"{name} is {list(widths)}; give {number} whole numbers of at least 1")
