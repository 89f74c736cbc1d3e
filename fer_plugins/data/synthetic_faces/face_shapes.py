"""Building blocks of a cartoon face: a person's proportions, filled outlines and ovals, and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # (n, 2): x, y
Point = tuple[float, float]
Colour = tuple[float, float, float]  # red, green, blue in [0, 1]
Actions = Mapping[int, float]  # action unit -> strength, 0 (at rest, same as missing) to about 1

Part = IntEnum(
    "Part",
    "BACKGROUND HAIR SKIN SHADE FOLD BROW SCLERA IRIS LASH LIP LIP_LINE MOUTH TEETH TONGUE GLASSES BEARD",
    start=0,
)


@dataclass(frozen=True)
class Identity:
    """Properties of a person that are the same in all images."""

    head_width: float  # from the middle to the ear
    jaw_width: float  # fraction of head_width
    chin: float  # y of the tip
    eye_distance: float  # from the middle to the middle of each eye
    eye_height: float  # y
    eye_width: float
    eye_opening: float  # height of the upper lid's arc
    brow_height: float  # above the eye
    brow_thickness: float
    brow_tilt: float  # how much lower the outer end is
    nose_height: float  # y of the tip
    nose_width: float
    mouth_height: float  # y
    mouth_width: float  # from the middle to a corner
    lip_fullness: float
    hairline: float  # y
    parting: float  # x where the fringe is shortest
    skin: Colour
    hair: Colour
    iris: Colour
    lip: Colour
    glasses: bool
    beard: float  # 0 none, 1 full
    moustache: bool
    long_hair: bool
    habits: Actions  # action units that the face shows at rest


class Shape(NamedTuple):
    """A filled outline; ``over`` is the only part that it may cover, or None if it may cover all."""

    part: Part
    points: Points
    over: Part | None = None


class Oval(NamedTuple):
    """A filled upright ellipse."""

    part: Part
    x: float
    y: float
    width: float  # semi-axis
    height: float  # semi-axis


# Bernstein polynomials and their derivatives, so that a Bezier curve is a matrix product with its control points.
_T = np.linspace(0.0, 1.0, 9)
_CURVE = {
    3: np.stack([(1 - _T) ** 2, 2 * _T * (1 - _T), _T**2], axis=1),
    4: np.stack([(1 - _T) ** 3, 3 * _T * (1 - _T) ** 2, 3 * _T**2 * (1 - _T), _T**3], axis=1),
}
_SLOPE = np.stack([2 * _T - 2, 2 - 4 * _T, 2 * _T], axis=1)
_TAPER = 0.35 + 0.65 * np.sin(np.pi * _T)[:, None]
_ANGLE = np.linspace(0.0, 2 * np.pi, 13)[:-1]
CIRCLE = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], axis=1)


def curve(*control: Point) -> Points:
    """Return points of the Bezier curve with 3 or 4 control points."""
    return np.asarray(_CURVE[len(control)] @ np.array(control))


def stroke(start: Point, middle: Point, end: Point, width: float) -> Points:
    """Return the outline of a curved line that is thinner towards its ends; ``middle`` is a control point."""
    control = np.array((start, middle, end))
    slope = _SLOPE @ control
    normal = slope[:, ::-1] * (-1.0, 1.0) / (np.sqrt((slope * slope).sum(axis=1, keepdims=True)) + 1e-9)
    line, offset = _CURVE[3] @ control, 0.5 * width * _TAPER * normal
    return np.concatenate([line + offset, (line - offset)[::-1]])
