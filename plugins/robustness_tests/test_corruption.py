"""Corruptions: identity at the neutral value, stronger with severity, the same for every network, as documented."""

import re

import numpy as np
import pytest
import torch
from fer_robustness_tests.corruption import TABLE, corrupt, corrupt_all, measure_corruption
from support import ROOT
from torch import nn

from fer_plugins.analysis.network import Network, Split
from fer_plugins.data.synthetic_faces.synthetic import Synthetic

NEUTRAL = {
    "gaussian_noise": 0,
    "shot_noise": 1e9,
    "impulse_noise": 0,
    "speckle_noise": 0,
    "gaussian_blur": 0,
    "defocus_blur": 0,
    "motion_blur": 0,
    "zoom_blur": 1,
    "fog": 0,
    "brightness": 0,
    "darkness": 0,
    "contrast": 1,
    "elastic": 0,
    "pixelate": 1,
}
DOCUMENT = ROOT / "docs" / "robustness.md"


@pytest.fixture(scope="module")
def faces():
    dataset = Synthetic(samples=63, image_size=48)
    return np.stack([dataset[row] for row in range(63)])


def digests(images):
    return np.array([f"image {row}" for row in range(len(images))])


def coloured(images):
    return np.concatenate([images, images // 2, 255 - images], axis=3)


def test_there_are_enough_kinds_with_five_severities_each():
    assert len(TABLE) >= 10
    assert all(len(kind.values) == 5 for kind in TABLE.values())


@pytest.mark.parametrize("name", NEUTRAL)
@pytest.mark.parametrize("colour", [False, True])
def test_the_neutral_value_changes_nothing(name, colour, faces):
    image = coloured(faces)[0] if colour else faces[0]
    kept = corrupt(image, TABLE[name], NEUTRAL[name], seed=1)
    assert np.abs(kept.astype(int) - image).max() <= (1 if name == "shot_noise" else 0)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("colour", [False, True])
def test_images_stay_images_and_change_more_with_severity(name, colour, faces):
    images = coloured(faces) if colour else faces
    images = images[:12]
    far = []
    for value in TABLE[name].values:
        corrupted = corrupt_all(images, digests(images), name, value, seed=0)
        assert corrupted.shape == images.shape
        assert corrupted.dtype == np.uint8
        far.append(np.abs(corrupted.astype(float) - images).mean())
    assert far[0] > 0
    assert far == sorted(far)


@pytest.mark.parametrize("name", ["gaussian_blur", "defocus_blur", "motion_blur", "elastic", "pixelate"])
def test_lengths_grow_with_the_image(name, faces):
    """An image of twice the side is changed about as much as the small one, where lengths are relative."""
    large = faces[:6].repeat(2, axis=1).repeat(2, axis=2)
    value = TABLE[name].values[4]
    change = [
        np.abs(corrupt_all(images, digests(images), name, value, seed=0).astype(float) - images).mean()
        for images in (faces[:6], large)
    ]
    assert change[1] == pytest.approx(change[0], rel=0.5)


@pytest.mark.parametrize("name", TABLE)
def test_what_is_drawn_depends_on_the_image_and_the_seed_alone(name, faces):
    value, names = TABLE[name].values[2], digests(faces)
    whole = corrupt_all(faces[:6], names[:6], name, value, seed=0)
    assert np.array_equal(corrupt_all(faces[4:6], names[4:6], name, value, seed=0), whole[4:6])
    if name in ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "motion_blur", "fog", "elastic"):
        assert not np.array_equal(corrupt_all(faces[:6], names[:6], name, value, seed=1), whole)


def test_exact_values():
    image = np.full((8, 8, 1), 100, dtype=np.uint8)
    image[:, 4:] = 200
    assert set(corrupt(image, TABLE["brightness"], 0.2, 0).flat) == {151, 251}
    assert set(corrupt(image, TABLE["darkness"], 0.2, 0).flat) == {49, 149}
    assert set(corrupt(image, TABLE["contrast"], 0.5, 0).flat) == {125, 175}
    halves = corrupt(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), TABLE["pixelate"], 0.5, 0)
    assert halves[:2, :2, 0].tolist() == [[5, 5], [5, 5]]  # the mean of 0, 1, 8 and 9 is 4.5


def test_accuracy_falls_with_severity_and_means_add_up(faces):
    """A network that knows each face by heart: its accuracy is 1, and noise makes it take one for another."""
    images = faces[:12]
    known = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).flatten(1).double() / 255

    class Nearest(nn.Module):
        def forward(self, x):
            return -torch.cdist(x.flatten(1).double(), known)

    rows = np.arange(len(images))
    split = Split("test", rows, rows, digests(images), images.__getitem__, batch=5)
    result = measure_corruption(Network(Nearest()), split, seed=0)
    assert result["plain"]["value"] == 1
    table = np.array([[one["accuracy"]["value"] for one in kind["severities"]] for kind in result["kinds"].values()])
    assert table.shape == (len(TABLE), 5)
    assert (np.diff(table.mean(0)) <= 0).all()
    assert table[:, 4].mean() < table[:, 0].mean()
    for row, kind in zip(table, result["kinds"].values(), strict=True):
        assert kind["mean"]["value"] == pytest.approx(row.mean())
        assert kind["drop"]["value"] == pytest.approx(1 - row.mean())
        assert kind["mean"]["low"] <= kind["mean"]["value"] <= kind["mean"]["high"]
    assert result["mean"]["value"] == pytest.approx(table.mean())
    assert result["drop"]["value"] == pytest.approx(1 - table.mean())


def test_the_document_has_the_table():
    section = DOCUMENT.read_text().partition("\n## Corruption\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    documented = {name: (meaning, tuple(float(one) for one in values.split(","))) for name, meaning, values in rows}
    assert documented == {name: (kind.parameter, kind.values) for name, kind in TABLE.items()}
