"""The augmentations of the core: none, two for single images (albumentations), and one for batches on the device."""

from torch import nn

from fer_plugins.data.augmentations.flip_affine_erase import flip_affine_erase
from fer_plugins.data.augmentations.single_images import keras, light

__all__ = ["flip_affine_erase", "keras", "light", "none"]


def none(*, image_size: int) -> nn.Module:
    """Return the batch transform that changes nothing.

    Args:
        image_size: side of the images in pixels; has no effect.
    """
    return nn.Identity()
