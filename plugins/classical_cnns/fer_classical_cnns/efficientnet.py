"""EfficientNet-B0."""

from __future__ import annotations

from fer_classical_cnns.classical_cnn import ClassicalCNN


def efficientnet_b0(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """EfficientNet-B0 with global average pooling and one dense layer; 4,016,515 parameters for seven classes.

    Tan and Le 2019: mobile inverted bottlenecks with squeeze and excitation.

    It downsamples only by strided convolutions: there is no pooling layer to replace, so ``pool`` is not an option.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's efficientnet_b0) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("efficientnet_b0", smallest=32, **locals())
