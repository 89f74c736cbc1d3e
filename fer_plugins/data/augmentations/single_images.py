"""Augmentations of single images in data loader workers, using albumentations: ``light`` and ``keras``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from fer_plugins.config.requirement import install_command
from fer_plugins.data.augmentations.bounds import (
    check_angles,
    check_filled,
    check_fractions,
    check_pair,
    check_whole_pixels,
)
from fer_plugins.runtime.choices import check_choice

if TYPE_CHECKING:
    from fer_plugins.contract import SampleTransform


def light(
    *,
    image_size: int,
    flip: float = 0.5,
    rotation: float = 10.0,
    shift: float = 0.1,
    zoom: float = 0.1,
    brightness: float = 0.15,
    fill_mode: Literal["nearest", "constant", "reflect", "wrap"] = "nearest",
) -> SampleTransform:
    """Return a light augmentation of single uint8 images (requires albumentations).

    assumed: all ranges; they are usual ones for aligned faces.

    Args:
        image_size: side of the images in pixels.
        flip: probability of a horizontal flip.
        rotation: maximum rotation in degrees, in either direction.
        shift: maximum shift along each axis, as a fraction of the side; drawn in whole pixels.
        zoom: scale factors are drawn from 1 - zoom to 1 + zoom, the same for both axes.
        brightness: brightness factors are drawn from 1 - brightness to 1 + brightness.
        fill_mode: fill of the borders: the edge pixel (nearest), black (constant), the mirrored image (reflect) or the
            repeated image (wrap).

    Raises:
        ValueError: An option is out of range, a shift is below one pixel, or albumentations is not installed.
    """
    check_fractions("light", flip=flip, shift=shift, zoom=zoom, brightness=brightness)
    check_angles("light", rotation=rotation)
    check_whole_pixels("light", image_size, shift=shift)
    check_filled("light", fill_mode, rotation, shift, zoom)
    return _compose(
        "light",
        flips=(flip, 0.0),
        rotation=rotation,
        shifts=(shift, shift),
        zoom=zoom,
        same_zoom=True,
        brightness=(1 - brightness, 1 + brightness),
        fill_mode=fill_mode,
    )


def keras(
    *,
    image_size: int,
    preset: Literal["moderate", "paper"] = "moderate",
    rotation_range: float = 15.0,
    width_shift_range: float = 0.1,
    height_shift_range: float = 0.1,
    shear_range: float = 10.0,
    zoom_range: float = 0.1,
    horizontal_flip: bool = True,
    vertical_flip: bool | None = None,
    brightness_range: tuple[float, float] = (0.8, 1.2),
    channel_shift_range: float = 0.0,
    fill_mode: Literal["nearest", "constant", "reflect", "wrap"] = "nearest",
) -> SampleTransform:
    """Return the operations of Keras' ``ImageDataGenerator`` with its names and units (requires albumentations).

    assumed: the defaults, moderate for aligned faces.
    Unlike in Keras, shifts are whole pixels, and the shear does not stretch the width by 1 / cos(angle).

    Args:
        image_size: side of the images in pixels.
        preset: ``paper`` turns on the vertical flip, which papers list; ``moderate`` leaves it off.
        rotation_range: maximum rotation in degrees, in either direction.
        width_shift_range: maximum shift to the left or right, as a fraction of the width.
        height_shift_range: maximum shift up or down, as a fraction of the height.
        shear_range: maximum shear angle in degrees, in either direction; columns slide up and down.
        zoom_range: scale factors are drawn from 1 - zoom_range to 1 + zoom_range, independently for each axis.
        horizontal_flip: flip horizontally with probability 0.5.
        vertical_flip: flip vertically with probability 0.5; None for the value of the preset.
        brightness_range: minimum and maximum brightness factor; 1 and 1 turn it off.
        channel_shift_range: maximum value added to or subtracted from a channel, drawn independently for each channel
            (a change of colour, or of the brightness of a grey image), in grey levels of 0 to 255; 0 turns it off.
        fill_mode: fill of the borders: the edge pixel (nearest), black (constant), the mirrored image (reflect) or the
            repeated image (wrap).

    Raises:
        ValueError: An option is out of range, a shift is below one pixel, or albumentations is not installed.
    """
    check_choice("preset", preset, ("moderate", "paper"), owner="keras")
    shifts = {"width_shift_range": width_shift_range, "height_shift_range": height_shift_range}
    check_fractions("keras", zoom_range=zoom_range, **shifts)
    check_angles("keras", rotation_range=rotation_range, shear_range=shear_range)
    check_whole_pixels("keras", image_size, **shifts)
    check_pair("keras", "brightness_range", brightness_range, 10.0)
    if not 0 <= channel_shift_range <= 255:
        raise ValueError(f"keras: channel_shift_range is {channel_shift_range}; it must be from 0 to 255")
    check_filled("keras", fill_mode, rotation_range, width_shift_range, height_shift_range, shear_range, zoom_range)
    upside_down = preset == "paper" if vertical_flip is None else vertical_flip
    return _compose(
        "keras",
        flips=(0.5 * horizontal_flip, 0.5 * upside_down),
        rotation=rotation_range,
        shifts=(width_shift_range, height_shift_range),
        shear=shear_range,
        zoom=zoom_range,
        same_zoom=False,
        brightness=brightness_range,
        channel_shift=channel_shift_range,
        fill_mode=fill_mode,
    )


def _compose(
    name: str,
    *,
    flips: tuple[float, float],
    rotation: float,
    shifts: tuple[float, float],
    zoom: float,
    same_zoom: bool,
    brightness: tuple[float, float],
    fill_mode: str,
    shear: float = 0.0,
    channel_shift: float = 0.0,
) -> SampleTransform:
    """Chain albumentations' flips, bilinear affine map, brightness factor and channel shift; skip those without effect.

    ``flips`` and ``shifts`` are (horizontal, vertical); ``brightness`` is the range of the factor.
    """
    check_choice("fill_mode", fill_mode, ("nearest", "constant", "reflect", "wrap"), owner=name)
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else its import checks for a newer version online
    try:
        import albumentations as A
        import cv2
    except ImportError as error:
        raise ValueError(f"{name}: {error}; install it with: {install_command('albumentations')}") from error
    borders = {
        "nearest": cv2.BORDER_REPLICATE,
        "constant": cv2.BORDER_CONSTANT,
        "reflect": cv2.BORDER_REFLECT,
        "wrap": cv2.BORDER_WRAP,
    }
    steps: list[Any] = []
    if flips[0]:
        steps.append(A.HorizontalFlip(p=flips[0]))
    if flips[1]:
        steps.append(A.VerticalFlip(p=flips[1]))
    if rotation or any(shifts) or zoom or shear:
        steps.append(
            A.Affine(
                rotate=(-rotation, rotation),
                translate_percent={"x": (-shifts[0], shifts[0]), "y": (-shifts[1], shifts[1])},
                scale=(1 - zoom, 1 + zoom),
                keep_ratio=same_zoom,
                shear={"x": (0.0, 0.0), "y": (-shear, shear)},
                interpolation=cv2.INTER_LINEAR,
                border_mode=borders[fill_mode],
                fill=0,
                p=1.0,
            )
        )
    if tuple(brightness) != (1.0, 1.0):
        # Despite its name, this draws one factor for the whole image. Other brightness transforms are additive.
        steps.append(A.MultiplicativeNoise(multiplier=tuple(brightness), p=1.0))
    if channel_shift:
        limits = (-channel_shift, channel_shift)
        steps.append(A.RGBShift(r_shift_limit=limits, g_shift_limit=limits, b_shift_limit=limits, p=1.0))
    chain: SampleTransform = A.Compose(steps)
    return chain
