"""Fifteen image corruptions after Hendrycks and Dietterich 2019, for faces of 48 pixels and larger.

D. Hendrycks, T. Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR
2019. Every function takes an image (S, S, C) float64 in [0, 1] (C 1 or 3), the parameter of the severity and a random
generator, and returns an image of the same shape, with values possibly outside [0, 1]. Lengths are in pixels of an
image with a side of 48 pixels, and scale with the side.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import affine_transform, convolve, gaussian_filter, map_coordinates
from skimage.color import hsv2rgb, rgb2hsv
from skimage.util import random_noise

Picture = npt.NDArray[np.float64]
SIDE = 48  # pixels: the side for which lengths are given
_FINE = 16  # points per pixel for drawing kernels


def add_gaussian_noise(image: Picture, sd: float, random: np.random.Generator) -> Picture:
    """Add Gaussian noise, drawn for each pixel and channel."""
    return image + random.normal(0, sd, image.shape)


def add_shot_noise(image: Picture, photons: float, random: np.random.Generator) -> Picture:
    """Apply Poisson noise of a photon count; white has ``photons`` on average."""
    return random.poisson(image * photons) / photons


def add_impulse_noise(image: Picture, share: float, random: np.random.Generator) -> Picture:
    """Set a fraction of the values to black or white (salt and pepper)."""
    noisy: Picture = random_noise(image, mode="s&p", amount=share, rng=random)  # type: ignore[no-untyped-call]
    return noisy


def add_speckle_noise(image: Picture, sd: float, random: np.random.Generator) -> Picture:
    """Add noise proportional to the value."""
    return image * (1 + random.normal(0, sd, image.shape))


def blur_gaussian(image: Picture, sigma: float, random: np.random.Generator) -> Picture:
    """Blur with a Gaussian of ``sigma`` pixels."""
    del random
    sigma *= len(image) / SIDE
    return np.asarray(gaussian_filter(image, (sigma, sigma, 0), mode="nearest"))


def blur_defocus(image: Picture, radius: float, random: np.random.Generator) -> Picture:
    """Blur with a disk of ``radius`` pixels, as an unfocused lens does."""
    del random
    radius *= len(image) / SIDE
    reach = int(np.ceil(radius))
    points = (np.arange((2 * reach + 1) * _FINE) + 0.5) / _FINE - reach - 0.5  # relative to the centre of the kernel
    inside = np.hypot(points, points[:, None]) <= max(radius, 1 / _FINE)
    return _filter(image, inside.reshape(2 * reach + 1, _FINE, 2 * reach + 1, _FINE).sum((1, 3)))


def blur_motion(image: Picture, length: float, random: np.random.Generator) -> Picture:
    """Blur along a line of ``length`` pixels in a random direction."""
    length *= len(image) / SIDE
    angle = random.uniform(0, np.pi)
    reach = int(np.ceil(length / 2))
    steps = (np.linspace(-0.5, 0.5, _FINE * (2 * reach + 1)) * length)[:, None]
    place = np.rint(steps * (np.sin(angle), np.cos(angle))).astype(np.int64) + reach
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    np.add.at(kernel, (place[:, 0], place[:, 1]), 1)
    return _filter(image, kernel)


def blur_zoom(image: Picture, largest: float, random: np.random.Generator) -> Picture:
    """Average eight images, enlarged about the centre by factors from 1 to ``largest``."""
    del random
    middle = np.array([(len(image) - 1) / 2, (len(image) - 1) / 2, 0])
    enlarged = []
    for factor in np.linspace(1, largest, 8):
        shrink = np.array([1 / factor, 1 / factor, 1])
        enlarged.append(affine_transform(image, shrink, middle * (1 - shrink), order=1, mode="nearest"))
    return np.asarray(np.mean(enlarged, axis=0))


def add_fog(image: Picture, density: float, random: np.random.Generator) -> Picture:
    """Blend with a smooth random cloud in [0, 1], preserving the range: (x + density cloud) / (1 + density)."""
    side = len(image)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    cloud = np.fft.irfft2(np.fft.rfft2(random.normal(size=(side, side))) / frequency**1.5, s=(side, side))
    cloud = (cloud - cloud.min()) / np.ptp(cloud)
    return np.asarray((image + density * cloud[..., None]) / (1 + density))


def brighten(image: Picture, amount: float, random: np.random.Generator) -> Picture:
    """Increase the brightness: the value of HSV in colour images, which preserves hue and saturation."""
    del random
    if image.shape[2] == 1:
        return image + amount
    hsv = rgb2hsv(image)
    hsv[..., 2] = np.clip(hsv[..., 2] + amount, 0, 1)
    return np.asarray(hsv2rgb(hsv))


def darken(image: Picture, amount: float, random: np.random.Generator) -> Picture:
    """Decrease the brightness."""
    return brighten(image, -amount, random)


def lower_contrast(image: Picture, factor: float, random: np.random.Generator) -> Picture:
    """Move values towards the mean of their channel by ``factor``."""
    del random
    mean = image.mean((0, 1))
    return np.asarray(mean + factor * (image - mean))


def bend(image: Picture, pixels: float, random: np.random.Generator) -> Picture:
    """Apply an elastic transform: a smooth random displacement of ``pixels`` (root mean square) per direction."""
    side = len(image)
    scale = side / SIDE
    grid: Any = np.mgrid[:side, :side].astype(np.float64)
    for axis in range(2):
        field = gaussian_filter(random.normal(size=(side, side)), 4 * scale, mode="reflect")
        grid[axis] += field * (pixels * scale / field.std())
    channels = [map_coordinates(image[..., k], grid, order=1, mode="nearest") for k in range(image.shape[2])]
    return np.stack(channels, axis=-1)


def pixelate(image: Picture, factor: float, random: np.random.Generator) -> Picture:
    """Downsample to ``factor`` of the side (area means) and upsample again without smoothing."""
    del random
    side = len(image)
    small = max(1, round(factor * side))
    box, nearest = Image.Resampling.BOX, Image.Resampling.NEAREST
    return _through_pillow(image, lambda picture: picture.resize((small, small), box).resize((side, side), nearest))


def compress(image: Picture, quality: float, random: np.random.Generator) -> Picture:
    """Encode as JPEG of ``quality`` (0 to 95) and decode again."""
    del random

    def through_jpeg(picture: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(quality))
        return Image.open(stream)

    return _through_pillow(image, through_jpeg)


def _filter(image: Picture, kernel: npt.NDArray[Any]) -> Picture:
    weights = kernel[..., None] / kernel.sum()
    return np.asarray(convolve(image, weights, mode="nearest"))


def _through_pillow(image: Picture, change: Any) -> Picture:
    pixels = np.rint(image * 255).astype(np.uint8)
    done = np.asarray(change(Image.fromarray(pixels[..., 0] if image.shape[2] == 1 else pixels)))
    return done.reshape(image.shape) / 255
