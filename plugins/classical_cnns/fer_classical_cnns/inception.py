"""Inception-v3 and Xception."""

from __future__ import annotations

from fer_classical_cnns.classical_cnn import IDLE_OPTIONS as IDLE_OPTIONS
from fer_classical_cnns.classical_cnn import ClassicalCNN
from fer_plugins.contract import PoolingFactory


def inception_v3(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
    blur_strided: bool = False,
) -> ClassicalCNN:
    """Inception-v3 with global average pooling and one dense layer; 21,799,911 parameters for seven classes.

    Szegedy et al. 2016, without the auxiliary head.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 75.
        pool: replacement of the two max pooling layers of the stem (those inside the blocks belong to parallel
            branches); null keeps them.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's inception_v3) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.
        blur_strided: replace strided convolutions by convolutions with stride 1 followed by the blur of ``pool``, which
            must be set.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("inception_v3", smallest=75, **locals())


def xception(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
    blur_strided: bool = False,
) -> ClassicalCNN:
    """Xception with global average pooling and one dense layer; 20,821,295 parameters for seven classes.

    Chollet 2017: depthwise separable convolutions.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 71.
        pool: replacement of the four max pooling layers, of blocks 1, 2, 3 and 12; null keeps them.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's legacy_xception) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.
        blur_strided: replace strided convolutions by convolutions with stride 1 followed by the blur of ``pool``, which
            must be set.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("legacy_xception", smallest=71, **locals())
