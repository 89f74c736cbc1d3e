"""AA-DCN: the network DCN with MaxBlurPool instead of its pooling layers, otherwise unchanged."""

from __future__ import annotations

from typing import Literal

from fer_aa_dcn.dcn import DCN
from fer_aa_dcn.dcn import IDLE_OPTIONS as IDLE_OPTIONS
from fer_aa_dcn.max_blur import aa_dcn_max_blur
from fer_plugins.contract import PoolingFactory


def aa_dcn(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 48,
    pool: PoolingFactory = aa_dcn_max_blur,
    stage1_filters: tuple[int, int, int] = (64, 64, 32),
    extra_first_conv: bool = False,
    padding: Literal["valid", "same"] = "valid",
    batch_norm: Literal["per_stage", "every_conv", "first", "none"] = "per_stage",
    batch_norm_place: Literal["before", "after"] = "after",
    dropout: float = 0.3,
    dropout_place: Literal["pooling", "convolution", "dense"] = "pooling",
    dense_units: tuple[int, int] = (2020, 128),
) -> DCN:
    """Return DCN with MaxBlurPool (max 4x4, blur 2x2, stride 2: the preset ``paper_text``) as pooling.

    This is the only difference, but it changes the number of parameters: MaxBlurPool rounds sizes up where max pooling
    rounds down, so that ``dense1`` has more inputs. Trainable parameters with the defaults and seven classes: 474,811
    for 1x48x48 (CK+), 4,999,611 for 1x128x128 (JAFFE), 2,964,603 for 3x100x100 (RAF-DB). The preset ``zhang`` has the
    parameters of DCN.

    Args:
        num_classes: number of outputs; 7 in the paper.
        in_channels: number of image channels; in the paper 1 for CK+ and JAFFE, 3 for RAF-DB.
        image_size: side of the square images in pixels, at least 35 with the defaults.
        pool: factory of the three pooling layers, called as pool(2, 2); average is the paper's ablation (Table 17).
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
    return DCN(
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        pool=pool,
        stage1_filters=stage1_filters,
        extra_first_conv=extra_first_conv,
        padding=padding,
        batch_norm=batch_norm,
        batch_norm_place=batch_norm_place,
        dropout=dropout,
        dropout_place=dropout_place,
        dense_units=dense_units,
    )
