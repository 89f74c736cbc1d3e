"""Samples the person, the expression and the view of a synthetic face at random.

``difficulty``, 0 to 1, scales everything that obscures an expression. assumed: every range in this file.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import numpy as np

from fer_plugins.data.synthetic_faces.face_drawing import View
from fer_plugins.data.synthetic_faces.face_shapes import Actions, Colour, Identity

# Prototypes of the emotions in action units (Friesen, Ekman: EMFACS-7, Emotional Facial Action Coding System, 1983).
# assumed: the second tuple, units that are added in variants of a prototype, each in half of the sequences.
PROTOTYPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "anger": ((4, 5, 7, 23), (17, 24)),
    "disgust": ((9, 15, 16), (17,)),
    "fear": ((1, 2, 4, 5, 7, 20, 26), (25,)),
    "happy": ((6, 12), (25,)),
    "sad": ((1, 4, 15), (17,)),
    "surprise": ((1, 2, 5, 26), (25,)),
    "neutral": ((), ()),
}
_HABITS = (1, 2, 4, 7, 12, 15, 17, 25)  # units that a person's resting face may permanently show a little

_SKIN: tuple[Colour, ...] = (
    (0.97, 0.82, 0.72),
    (0.93, 0.74, 0.60),
    (0.85, 0.64, 0.48),
    (0.72, 0.50, 0.35),
    (0.55, 0.36, 0.25),
    (0.42, 0.27, 0.19),
)
_HAIR: tuple[Colour, ...] = (
    (0.08, 0.06, 0.05),
    (0.20, 0.12, 0.08),
    (0.36, 0.22, 0.12),
    (0.52, 0.33, 0.16),
    (0.80, 0.64, 0.36),
    (0.55, 0.20, 0.09),
    (0.66, 0.65, 0.64),
)
_IRIS: tuple[Colour, ...] = ((0.25, 0.14, 0.07), (0.34, 0.22, 0.10), (0.30, 0.42, 0.58), (0.30, 0.44, 0.30))


def sample_identity(rng: np.random.Generator, difficulty: float) -> Identity:
    """Sample a person."""

    def about(middle: float, spread: float) -> float:
        return float(middle + spread * rng.uniform(-1.0, 1.0))

    def shade(colours: tuple[Colour, ...]) -> Colour:
        first, second = rng.integers(len(colours), size=2)
        a, b, t = colours[first], colours[second], 0.3 * rng.random()
        return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])

    skin, hair = shade(_SKIN), shade(_HAIR)
    red = about(0.5, 0.3)
    beard = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.2 else 0.0
    return Identity(
        head_width=about(0.76, 0.07),
        jaw_width=about(0.88, 0.08),
        chin=about(0.90, 0.05),
        eye_distance=about(0.34, 0.03),
        eye_height=about(-0.10, 0.04),
        eye_width=about(0.175, 0.02),
        eye_opening=about(0.085, 0.015),
        brow_height=about(0.235, 0.03),
        brow_thickness=about(0.095, 0.03),
        brow_tilt=about(0.03, 0.04),
        nose_height=about(0.24, 0.04),
        nose_width=about(0.14, 0.03),
        mouth_height=about(0.52, 0.04),
        mouth_width=about(0.28, 0.04),
        lip_fullness=about(0.035, 0.015),
        hairline=about(-0.62, 0.10) + 0.1 * difficulty,
        parting=about(0.0, 0.4),
        skin=skin,
        hair=hair,
        iris=shade(_IRIS),
        lip=(skin[0] * (0.9 - 0.2 * red) + 0.15 * red, skin[1] * (0.78 - 0.35 * red), skin[2] * (0.82 - 0.3 * red)),
        glasses=bool(rng.random() < 0.2),
        beard=beard,
        moustache=bool(rng.random() < (0.7 if beard else 0.06)),
        long_hair=bool(rng.random() < (0.1 if beard else 0.5)),
        habits={int(unit): 0.2 * difficulty * rng.random() for unit in rng.choice(_HABITS, size=2, replace=False)},
    )


def sample_view(rng: np.random.Generator, difficulty: float) -> View:
    """Sample the pose, light and camera of a sequence."""

    def about(middle: float, spread: float) -> float:
        return float(middle + difficulty * spread * rng.uniform(-1.0, 1.0))

    grey = rng.uniform(0.15, 0.85)
    background = colorsys.hsv_to_rgb(rng.random(), 0.4 * rng.random(), grey)
    top = rng.uniform(-0.5, 0.5)
    return View(
        rotation=about(0.0, 0.25),
        yaw=about(0.0, 0.3),
        pitch=about(0.0, 0.15),
        scale=about(1.0 - 0.05 * difficulty, 0.14),
        shift=(about(0.0, 0.15), about(0.0, 0.15)),
        light=(about(0.0, 0.7), about(0.0, 0.4)),
        exposure=about(1.0, 0.4),
        contrast=about(1.0 - 0.15 * difficulty, 0.3),
        background=background,
        blur=float(rng.uniform(0.012, 0.014 + 0.025 * difficulty)),
        noise=float(rng.uniform(0.005, 0.01 + 0.045 * difficulty)),
        strand=(float(top), float(top + rng.uniform(-0.4, 0.4))) if rng.random() < 0.3 * difficulty else None,
    )


def jitter_view(view: View, rng: np.random.Generator, difficulty: float) -> View:
    """Change a view slightly, as between two frames of a video."""
    step = rng.uniform(-1.0, 1.0, 5) * (0.2 + 0.8 * difficulty)
    return replace(
        view,
        rotation=view.rotation + 0.02 * step[0],
        yaw=view.yaw + 0.03 * step[1],
        shift=(view.shift[0] + 0.015 * step[2], view.shift[1] + 0.015 * step[3]),
        exposure=view.exposure * (1 + 0.02 * step[4]),
    )


def sample_actions(rng: np.random.Generator, expression: str, difficulty: float) -> tuple[Actions, Actions]:
    """Sample the strength of each action unit of an expression at its apex, in the left and right half of the face."""
    always, sometimes = PROTOTYPES[expression]
    joining = rng.random(len(sometimes)) < 0.5
    units = [*always, *(unit for unit, joins in zip(sometimes, joining, strict=True) if joins)]
    strength = 1.0 - 0.25 * difficulty * rng.random(len(units))
    left, right = strength * (1.0 + 0.15 * difficulty * rng.uniform(-1.0, 1.0, (2, len(units))))
    return dict(zip(units, left.tolist(), strict=True)), dict(zip(units, right.tolist(), strict=True))


def intensities(rng: np.random.Generator, frames: int, difficulty: float) -> list[float]:
    """Sample the intensity of each frame as a fraction of the apex, strictly increasing; the last frame is the apex."""
    apex = 1.0 - 0.25 * difficulty * rng.random()
    onset = apex * (0.9 - 0.5 * difficulty)
    return [float(apex)] if frames == 1 else np.linspace(onset, apex, frames).tolist()
