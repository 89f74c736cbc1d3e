"""Renders the parts of a cartoon face: pose, colours, light and blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from skimage.draw import ellipse, polygon

from fer_plugins.data.synthetic_faces.face_parts import features, head, strand
from fer_plugins.data.synthetic_faces.face_shapes import Actions, Colour, Identity, Part, Point, Points

# float64 throughout, because last-bit differences between processors could change uint8 pixels with float32.
Image = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Pose, light and camera; lengths in half image sides, angles in radians, brightness as a fraction of white."""

    rotation: float  # in the image plane, clockwise
    yaw: float  # to the image's right
    pitch: float  # downwards
    scale: float
    shift: Point
    light: Point  # relative gain from the centre to the right and to the bottom border
    exposure: float  # overall gain
    contrast: float  # gain of the difference from mid grey
    background: Colour
    blur: float  # standard deviation
    noise: float  # standard deviation
    strand: Point | None  # hair falling over the face: x at the top and at the tip


def draw_face(identity: Identity, left: Actions, right: Actions, view: View, side: int) -> Image:
    """Draw a face, without noise.

    Args:
        identity: The person.
        left: Strength of each action unit in the left half of the image.
        right: Strength of each action unit in the right half of the image.
        view: Pose, light and blur.
        side: Height and width of the image in pixels.

    Returns:
        (side, side, 3) red, green and blue, approximately in [0, 1], not clipped.
    """
    factor = max(2, math.ceil(96 / side))  # a pixel is the mean of factor x factor pixels, for smooth edges
    canvas = np.full((side * factor, side * factor), Part.BACKGROUND, dtype=np.uint8)
    half = len(canvas) / 2
    for oval in head(identity, left, right):  # skimage fills an ellipse 10 times faster than a polygon of its size
        x, y = half * (_place(np.array([[oval.x, oval.y]]), view)[0] + 1) - 0.5
        axes = half * view.scale * oval.height, half * view.scale * oval.width
        pixels = ellipse(y, x, *axes, shape=canvas.shape, rotation=-view.rotation)  # type: ignore[no-untyped-call]
        canvas[pixels] = oval.part
    shapes = list(features(identity, left, right))
    if view.strand is not None:
        shapes.append(strand(*view.strand))
    points = half * (_place(_turn(np.concatenate([shape.points for shape in shapes]), view), view) + 1) - 0.5
    start = 0
    for shape in shapes:
        stop = start + len(shape.points)
        x, y = points[start:stop].T
        rows, columns = polygon(y, x, canvas.shape)  # type: ignore[no-untyped-call]
        start = stop
        if shape.over is not None:
            free = canvas[rows, columns] == shape.over
            rows, columns = rows[free], columns[free]
        canvas[rows, columns] = shape.part
    return _expose(_palette(identity, view)[canvas], view, factor)


def _turn(points: Points, view: View) -> Points:
    """Turn the head: the face bulges towards the camera, so its centre moves while its outline stays."""
    depth = 0.5 * np.sqrt(np.maximum(0.0, 1.0 - (points * points).sum(axis=1, keepdims=True)))
    turned: Points = points + depth * np.array((math.sin(view.yaw), math.sin(view.pitch)))
    return turned


def _place(points: Points, view: View) -> Points:
    """Rotate, scale and shift points within the image."""
    cos, sin = view.scale * math.cos(view.rotation), view.scale * math.sin(view.rotation)
    placed: Points = points @ np.array(((cos, sin), (-sin, cos))) + view.shift
    return placed


def _expose(colours: Image, view: View, factor: int) -> Image:
    """Average factor x factor pixels, blur, and apply light."""
    rows = np.add.reduce([colours[i::factor] for i in range(factor)])
    image = np.add.reduce([rows[:, i::factor] for i in range(factor)]) / factor**2
    side = len(image)
    sigma = view.blur * side / 2
    if sigma > 0.2:
        image = gaussian_filter(image, (sigma, sigma, 0), truncate=2.5)
    across = np.linspace(-1.0, 1.0, side)
    light = view.exposure * (1.0 + view.light[0] * across[None, :] + view.light[1] * across[:, None])
    lit: Image = 0.5 + view.contrast * (image * light[:, :, None] - 0.5)
    return lit


def _palette(identity: Identity, view: View) -> Image:
    skin, hair, lip = np.array(identity.skin), np.array(identity.hair), np.array(identity.lip)
    colours = {
        Part.BACKGROUND: view.background,
        Part.HAIR: hair,
        Part.SKIN: skin,
        Part.SHADE: 0.82 * skin,
        Part.FOLD: 0.62 * skin,
        Part.BROW: 0.5 * hair,
        Part.SCLERA: (0.92, 0.91, 0.89),
        Part.IRIS: identity.iris,
        Part.LASH: 0.2 * hair,
        Part.LIP: lip,
        Part.LIP_LINE: 0.35 * lip,
        Part.MOUTH: (0.22, 0.05, 0.06),
        Part.TEETH: (0.95, 0.94, 0.88),
        Part.TONGUE: (0.68, 0.28, 0.28),
        Part.GLASSES: (0.12, 0.12, 0.14),
        Part.BEARD: skin + 0.75 * identity.beard * (hair - skin),
    }
    return np.array([colours[part] for part in Part])
