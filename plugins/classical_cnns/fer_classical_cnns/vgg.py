"""VGG16 and VGG19."""

from __future__ import annotations

from fer_classical_cnns.classical_cnn import ClassicalCNN
from fer_plugins.contract import PoolingFactory


def vgg16(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """VGG16 with global average pooling and one dense layer; 14,718,279 parameters for seven classes.

    Simonyan and Zisserman 2015: thirteen 3x3 convolutions and five max pooling layers.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replacement of the five max pooling layers; null keeps them.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's vgg16) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("vgg16", smallest=32, **locals())


def vgg19(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """VGG19 with global average pooling and one dense layer; 20,027,975 parameters for seven classes.

    Simonyan and Zisserman 2015: sixteen 3x3 convolutions and five max pooling layers.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replacement of the five max pooling layers; null keeps them.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's vgg19) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("vgg19", smallest=32, **locals())
