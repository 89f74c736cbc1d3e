"""The dataset `synthetic`: cartoon faces drawn on demand, without files or real people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_plugins.data.synthetic_faces.face_drawing import View, draw_face
from fer_plugins.data.synthetic_faces.face_sampling import (
    intensities,
    jitter_view,
    sample_actions,
    sample_identity,
    sample_view,
)
from fer_plugins.data.synthetic_faces.face_shapes import Actions, Identity

CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
DRAWING = 1  # increment whenever a pixel of any image changes; part of the cache key
LUMA = np.array((299, 587, 114))  # thousandths of red, green, blue (ITU-R BT.601); integers round the same everywhere
MOST_SAMPLES = 1_000_000  # an hour of drawing


class Scene(NamedTuple):
    """Everything that determines an image, except for its noise."""

    identity: Identity
    left: Actions  # strength of each action unit in the left half of the image
    right: Actions
    view: View
    intensity: float  # fraction of the strength at the apex; 0 for neutral


class Synthetic:
    """Procedurally drawn faces: seven expressions made of action units, each shown as a sequence of rising intensity.

    Every subject shows every class in one or more sequences of ``frames`` images. Pose, light and background are almost
    constant within a sequence, so that a split by sample leaks. In the dataset's own split, each subject is in one
    split only: about 70 % of the subjects in train, 15 % in val and 15 % in test, at least one in each.

    An image depends only on its source name ("s003/happy/f2": subject, class, frame), ``frames``, ``difficulty``,
    ``seed``, ``image_size`` and ``channels``, not on the number of images or the order of reading. A larger dataset
    thus contains the images of a smaller one under the same names, although possibly in other splits. ``image_size``
    does not change people or poses.

    Args:
        image_size: height and width in pixels, at least 24.
        channels: 3 for colour, 1 for grey (luma).
        samples: number of images, a multiple of subjects x 7 classes x frames.
        subjects: number of people, at least 3; None for the number with which each shows each class in one sequence.
        frames: images per sequence, of increasing intensity up to the apex; 1 for the apex only.
        difficulty: how much pose, light, noise, hair and low intensity obscure the expression, from 0 to 1.
        seed: seed of people, poses and splits, at least 0.

    Raises:
        ValueError: An option is out of range; the message names the allowed values.
    """

    title = "synthetic"
    classes: Sequence[str] = CLASSES

    def __init__(
        self,
        *,
        image_size: int = 64,
        channels: int = 1,
        samples: int = 1890,
        subjects: int | None = None,
        frames: int = 3,
        difficulty: float = 0.5,
        seed: int = 0,
    ) -> None:
        _check_least("image_size", image_size, 24)
        _check_least("frames", frames, 1)
        _check_least("seed", seed, 0)
        if channels not in (1, 3):
            raise ValueError(f"synthetic: channels is {channels}, must be 1 (grey) or 3 (colour)")
        if not 0.0 <= difficulty <= 1.0:
            raise ValueError(f"synthetic: difficulty is {difficulty}, must lie in 0..1")
        if subjects is not None:
            _check_least("subjects", subjects, 3)
        if samples > MOST_SAMPLES:  # checked before a table of this size is made
            raise ValueError(f"synthetic: samples is {samples}, must be at most {MOST_SAMPLES}")
        self.image_size, self.channels, self.difficulty, self.seed = image_size, channels, float(difficulty), seed
        self.frames = frames
        self.subjects, self.takes = _divide(samples, subjects, frames)

    @property
    def cache_key(self) -> str:
        """All options, the version of the drawing, and that of numpy, whose random streams may change."""
        return (
            f"synthetic-v{DRAWING}-numpy{np.__version__}-{self.image_size}x{self.channels}"
            f"-subjects{self.subjects}-takes{self.takes}-frames{self.frames}-difficulty{self.difficulty!r}-seed{self.seed}"
        )

    def __len__(self) -> int:
        return self.subjects * len(CLASSES) * self.takes * self.frames

    @property
    def table(self) -> dict[str, list[Any]]:
        """Columns label, source, split, subject, sequence; one row per image, by subject, class, sequence and frame."""
        columns: dict[str, list[Any]] = {name: [] for name in ("label", "source", "split", "subject", "sequence")}
        splits = self._splits()
        for index in range(len(self)):
            subject, label, take, frame = self._locate(index)
            sequence = f"s{subject:03d}/{CLASSES[label]}" + (f"-{take + 1}" if take else "")
            row = (label, f"{sequence}/f{frame}", splits[subject], f"s{subject:03d}", sequence)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
        return columns

    def __getitem__(self, index: int) -> npt.NDArray[np.uint8]:
        """Draw image ``index``, from 0 to len - 1: uint8 (image_size, image_size, channels)."""
        scene = self.scene(index)
        colour = draw_face(scene.identity, scene.left, scene.right, scene.view, self.image_size)
        colour += scene.view.noise * self._random("noise", *self._locate(index)).standard_normal(colour.shape)
        pixels = np.rint(255.0 * colour.clip(0.0, 1.0)).astype(np.int64)
        if self.channels == 1:
            pixels = (pixels @ LUMA + 500)[:, :, None] // 1000
        return pixels.astype(np.uint8)

    def scene(self, index: int) -> Scene:
        """Return the scene of image ``index``; raises IndexError outside of 0 to len - 1."""
        subject, label, take, frame = self._locate(index)
        identity = sample_identity(self._random("identity", subject), self.difficulty)
        rng = self._random("sequence", subject, label, take)
        left, right = sample_actions(rng, CLASSES[label], self.difficulty)
        intensity = 0.0 if not left else intensities(rng, self.frames, self.difficulty)[frame]
        view = sample_view(rng, self.difficulty)
        rng = self._random("frame", subject, label, take, frame)
        view = jitter_view(view, rng, self.difficulty)
        blink = 0.5 * self.difficulty * rng.random() ** 2
        left, right = (
            {**identity.habits, 43: blink}
            | {unit: max(identity.habits.get(unit, 0.0), intensity * strength) for unit, strength in half.items()}
            for half in (left, right)
        )
        return Scene(identity, left, right, view, intensity)

    def _locate(self, index: int) -> tuple[int, int, int, int]:
        """Return the subject, label, sequence and frame of a row."""
        if not 0 <= index < len(self):
            raise IndexError(f"synthetic: image {index} is not in 0..{len(self) - 1}")
        rest, frame = divmod(int(index), self.frames)
        rest, take = divmod(rest, self.takes)
        return *divmod(rest, len(CLASSES)), take, frame

    def _random(self, purpose: str, *place: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *purpose.encode(), *place])

    def _splits(self) -> list[str]:
        """Return the split of each subject."""
        held_out = max(1, round(0.15 * self.subjects))
        splits = ["val"] * held_out + ["test"] * held_out + ["train"] * (self.subjects - 2 * held_out)
        order = self._random("split").permutation(self.subjects)
        return [splits[place] for place in order]


def _divide(samples: int, subjects: int | None, frames: int) -> tuple[int, int]:
    """Return the number of subjects, and the number of sequences that each shows of each class."""
    unit = len(CLASSES) * frames * (subjects or 1)
    least = unit if subjects else 3 * unit
    if samples < least or samples % unit:
        below = samples // unit * unit
        nearest = f"{below} or {below + unit}" if below >= least else f"{least}"
        of = f"{subjects} subjects x " if subjects else ""
        raise ValueError(
            f"synthetic: samples is {samples}, must be a multiple of {unit} ({of}{len(CLASSES)} classes x {frames} "
            f"frames) and at least {least}: take {nearest}"
        )
    return (subjects, samples // unit) if subjects else (samples // unit, 1)


def _check_least(option: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"synthetic: {option} is {value}, must be at least {least}")
