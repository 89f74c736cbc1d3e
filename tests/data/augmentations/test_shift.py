import numpy as np
import pytest
from fer_face_datasets.fer2013 import FER2013
from PIL import Image, ImageFilter

from fer_plugins.config import registry
from fer_plugins.data.augmentations.shift import compare_detail, detail


@pytest.fixture(scope="module")
def faces():
    dataset = registry.build("dataset", "synthetic", image_size=48, samples=210)
    return np.stack([dataset[index] for index in range(0, 210, 3)])


def blurred(images, radius):
    soften = ImageFilter.GaussianBlur(radius)
    return np.stack([np.asarray(Image.fromarray(image[..., 0]).filter(soften)) for image in images])[..., None]


def halves(count):
    return np.arange(count // 2), np.arange(count // 2, count)


def test_detail_of_what_is_known():
    column = np.arange(48)
    slow, fast = (np.round(127 + 100 * np.cos(2 * np.pi * column * f)).astype(np.uint8) for f in (1 / 24, 1 / 4))
    images = np.stack([np.tile(wave, (48, 1)) for wave in (slow, fast, np.full(48, 9, np.uint8))])[..., None]
    values = detail(images)
    assert values[0] < 0.001
    assert values[1] > 0.99
    assert values[2] == 0


def test_honest_parts_are_not_reported(faces):
    assert compare_detail(faces, *halves(len(faces))) is None


def test_noise_and_exposure_are_no_blur(faces):
    train, val = halves(len(faces))
    darker = faces.copy()
    darker[train] = darker[train] // 2
    assert compare_detail(darker, train, val) is None


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_blurred_part_is_named_with_both_medians(faces, which):
    train, val = halves(len(faces))
    rows = train if which == "training" else val
    changed = faces.copy()
    changed[rows] = blurred(faces[rows], 2)
    text = compare_detail(changed, train, val)
    assert text.startswith(f"the {which} images are much softer")
    assert "\n" not in text


def test_a_constant_part_does_not_break_it(faces):
    train, val = halves(len(faces))
    changed = faces.copy()
    changed[train] = 7
    assert "training images are much softer" in compare_detail(changed, train, val)


@pytest.mark.real_data
def test_the_official_images_are_not_accused(real_fer2013):
    dataset = FER2013(root=real_fer2013)
    split = np.asarray(dataset.table["split"])
    images = np.stack([dataset[index] for index in range(len(split))])
    assert compare_detail(images, np.flatnonzero(split == "train"), np.flatnonzero(split == "val")) is None
