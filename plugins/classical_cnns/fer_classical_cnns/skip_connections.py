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
    """ResNet50 with global average pooling and one dense layer; 23,522,375 parameters for seven classes.

    He et al. 2016: 3-4-6-3 bottleneck blocks after a 7x7 stem.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replacement of the max pooling in the stem (all other downsampling is by strided convolutions); null keeps
            it.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's resnet50) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.
        blur_strided: replace strided convolutions by convolutions with stride 1 followed by the blur of ``pool``, which
            must be set.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
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
    """DenseNet121 with global average pooling and one dense layer; 6,961,031 parameters for seven classes.

    Huang et al. 2017: 6-12-24-16 dense blocks with growth rate 32.

    Args:
        num_classes: number of outputs.
        in_channels: 1 (grey, repeated to three channels) or 3.
        image_size: side of the square images in pixels, at least 32.
        pool: replacement of the max pooling in the stem (the transitions keep their average pooling); null keeps it.
        pretrained: start with ImageNet weights, from timm's cache or a download; else at random.
        weights: file of ImageNet weights (a state dict of timm's densenet121) instead of the download.
        freeze_backbone: train only the dense layer; needs pretrained or weights.
        blur_strided: replace strided convolutions by convolutions with stride 1 followed by the blur of ``pool``, which
            must be set.

    Raises:
        ValueError: the images are too small, or the weights cannot be loaded.
    """
    return ClassicalCNN("densenet121", smallest=32, **locals())
