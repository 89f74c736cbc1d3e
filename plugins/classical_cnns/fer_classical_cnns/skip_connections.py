"""Networks with skip connections: ResNet50 and DenseNet121."""

from __future__ import annotations

from fer_classical_cnns.classical_cnn import IDLE_OPTIONS as IDLE_OPTIONS
from fer_classical_cnns.classical_cnn import ClassicalCNN
from fer_plugins.contract import PoolingFactory


def resnet50(
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
        blur_strided: strided convolutions become convolutions of step 1 and the blur of ``pool``, which it needs.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN("resnet50", smallest=32, **locals())


def densenet121(
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
        blur_strided: strided convolutions become convolutions of step 1 and the blur of ``pool``, which it needs.

    Raises:
        ValueError: the images are too small, or the weights cannot be had.
    """
    return ClassicalCNN("densenet121", smallest=32, **locals())
