"""The seven architectures that Elsheikh et al. (Scientific Reports 14, 2024) compare with, as timm builds them.

One factory an architecture; all share ``ClassicalCNN``. The smallest images are those that Keras takes, in which the
paper was done: 32 pixels, 75 for Inception-v3, 71 for Xception.
"""

from __future__ import annotations

from fer_classical_cnns.classical_cnn import ClassicalCNN
from fer_plugins.contract import PoolingFactory

__all__ = ["densenet121", "efficientnet_b0", "inception_v3", "resnet50", "vgg16", "vgg19", "xception"]


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
    """VGG16 with a global average and one dense layer; 14,718,279 parameters for seven classes.

    Simonyan and Zisserman 2015: thirteen 3x3 convolutions and five max poolings.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replaces the five max poolings; null keeps them.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's vgg16) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "vgg16",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=32,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


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
    """VGG19 with a global average and one dense layer; 20,027,975 parameters for seven classes.

    Simonyan and Zisserman 2015: sixteen 3x3 convolutions and five max poolings.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replaces the five max poolings; null keeps them.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's vgg19) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "vgg19",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=32,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


def resnet50(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """ResNet50 with a global average and one dense layer; 23,522,375 parameters for seven classes.

    He et al. 2016: bottleneck blocks 3-4-6-3 behind a 7x7 stem.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replaces the max pooling behind the stem (the other halvings are strided convolutions); null keeps it.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's resnet50) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "resnet50",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=32,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


def densenet121(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """DenseNet121 with a global average and one dense layer; 6,961,031 parameters for seven classes.

    Huang et al. 2017: dense blocks 6-12-24-16 of growth 32.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replaces the max pooling behind the stem (the transitions keep their average poolings); null keeps it.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's densenet121) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "densenet121",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=32,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


def inception_v3(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """Inception-v3 with a global average and one dense layer; 21,799,911 parameters for seven classes.

    Szegedy et al. 2016, without the auxiliary head.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 75.
        pool: replaces the two max poolings of the stem (those inside the blocks belong to parallel branches); null
            keeps them.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's inception_v3) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "inception_v3",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=75,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


def xception(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pool: PoolingFactory | None = None,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """Xception with a global average and one dense layer; 20,821,295 parameters for seven classes.

    Chollet 2017: depthwise separable convolutions.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 71.
        pool: replaces the four max poolings, of blocks 1, 2, 3 and 12; null keeps them.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's legacy_xception) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "legacy_xception",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=71,
        pool=pool,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )


def efficientnet_b0(
    *,
    num_classes: int,
    in_channels: int = 1,
    image_size: int = 128,
    pretrained: bool = False,
    weights: str | None = None,
    freeze_backbone: bool = False,
) -> ClassicalCNN:
    """EfficientNet-B0 with a global average and one dense layer; 4,016,515 parameters for seven classes.

    Tan and Le 2019: mobile inverted bottlenecks with squeeze and excitation.

    It shrinks by strided convolutions alone: there is no pooling to exchange, so ``pool`` is not an option.

    Args:
        num_classes: outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pretrained: begin with ImageNet weights, from timm's cache or the network; else at random.
        weights: a file of ImageNet weights (a state dict of timm's efficientnet_b0) instead of the download.
        freeze_backbone: train the dense layer only; needs pretrained or weights.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN(
        "efficientnet_b0",
        num_classes=num_classes,
        in_channels=in_channels,
        image_size=image_size,
        smallest=32,
        pretrained=pretrained,
        weights=weights,
        freeze_backbone=freeze_backbone,
    )
