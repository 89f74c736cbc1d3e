"""Near copies of every planted kind are found, described rightly, and nothing else is called one."""

import dataclasses

import numpy as np
import pytest

from benchmarks import planting
from fer_plugins.data.copies.near_copies import count_between, find_near_copies
from fer_plugins.data.synthetic_faces.synthetic import Synthetic

DRAW = np.random.default_rng(0)


@pytest.fixture(scope="module")
def faces():
    """Return one face of each of 150 people, their expressions by turns: (150, 48, 48, 1) uint8."""
    dataset = Synthetic(image_size=48, samples=7 * 150, subjects=150, frames=1)
    rows = {}
    for row, subject in enumerate(dataset.table["subject"]):
        rows.setdefault(subject, []).append(row)
    return np.stack([dataset[of_one[number % 7]] for number, of_one in enumerate(rows.values())])


def planted(images, changes):
    """Return the images and a changed copy of each behind them, the changes by turns."""
    draw = np.random.default_rng(1)
    copies = [changes[place % len(changes)](image[..., 0], draw) for place, image in enumerate(images)]
    return np.concatenate([images, np.stack(copies)[..., None]])


def found_of(images, copies):
    """Return which originals are paired with their copy, and no pair of images that are no copies."""
    half = len(images) // 2
    right = np.abs(copies.first - copies.second) == half
    return np.isin(np.arange(half), np.minimum(copies.first, copies.second)[right]), int((~right).sum())


def test_other_people_are_no_copies(faces):
    result = find_near_copies(faces)
    assert len(result) == 0
    assert len(result.blank) == len(result.flat_centre) == 0


@pytest.mark.parametrize("kind", ["flip", "JPEG 70", "shift up to 2 px, edge", "shift up to 2 px, zero"])
def test_planted_copies_are_found(faces, kind):
    images = planted(faces, planting.planted_changes()[kind])
    result, unplanted = found_of(images, find_near_copies(images))
    assert result.mean() >= 0.99
    assert unplanted == 0


@pytest.mark.parametrize(
    ("kind", "least"),
    [("shift of 3 px, edge", 0.95), ("crop to 45 px, rescaled", 0.95), ("contrast 1.1, brighter by 10", 0.95)],
)
def test_most_copies_of_the_harder_kinds_are_found(faces, kind, least):
    images = planted(faces, planting.planted_changes()[kind])
    result, unplanted = found_of(images, find_near_copies(images))
    assert result.mean() >= least
    assert unplanted == 0


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda image, draw: image[:, ::-1], "flip"),
        (planting.shift(2, -1, "edge"), "shift"),
        (planting.recompress(70), "recompressed"),
        (planting.brighten(0.7, 20), "brightness"),
        (planting.crop(44), "crop"),
        (lambda image, draw: image, "same pixels"),
        (planting.chain(lambda image, draw: image[:, ::-1], planting.shift(-2, 1, "edge")), "flip + shift"),
    ],
)
def test_the_kind_is_named(faces, change, kind):
    result = find_near_copies(planted(faces[:40], [change]))
    named = [name.removesuffix(" + shift") if kind == "crop" else name for name in result.kinds()]
    assert len(result) >= 38
    assert np.mean([name == kind for name in named]) > 0.9


def test_the_alignment_is_measured(faces):
    images = planted(faces[:60], [planting.chain(planting.shift(2, -1, "edge"), planting.brighten(0.5, 30))])
    result = find_near_copies(images)
    assert len(result) == 60
    # Either image of a pair may be the one that is moved over the other.
    sign = np.where(result.first < result.second, 1, -1)
    assert np.abs(result.shift * sign[:, None] - [2, -1]).max() < 0.2
    np.testing.assert_allclose(result.zoom, 1, atol=0.02)
    gain = np.where(result.first < result.second, 1 / result.gain, result.gain)
    np.testing.assert_allclose(gain, 0.5, atol=0.02)
    copy_of_grey = np.where(sign > 0, (128 - result.offset) / result.gain, result.gain * 128 + result.offset)
    np.testing.assert_allclose(copy_of_grey, 0.5 * 128 + 30, atol=3)


def test_near_constant_images_are_listed_and_never_compared(faces):
    flat = np.full((4, 48, 48, 1), 90, np.uint8)
    flat[1, 3, 3] = 120
    frame = np.full((2, 48, 48, 1), 200, np.uint8)
    frame[:, :2] = 0  # a bar at the edge, nothing in the middle
    frame[1, 0, 0] = 7
    result = find_near_copies(np.concatenate([flat, faces[:5], frame]))
    assert result.blank.tolist() == [0, 1, 2, 3]
    assert result.flat_centre.tolist() == [9, 10]
    assert len(result) == 0


def test_identical_images_are_paired_with_the_first_and_searched_once(faces):
    images = np.concatenate([faces[:6], faces[:2], faces[:1], faces[5:6, :, ::-1]])
    result = find_near_copies(images)
    same = result.difference == 0
    assert {(0, 6), (0, 8), (1, 7)} <= set(zip(result.first[same].tolist(), result.second[same].tolist(), strict=True))
    group = result.components()
    assert group[0] == group[6] == group[8] != group[1] == group[7]
    assert group[5] == group[9]
    assert len(np.unique(group)) == 6


def test_parts_are_counted_by_group_and_by_image(faces):
    images = np.concatenate([faces[:6], faces[:2, :, ::-1], faces[:1, :, ::-1]])
    splits = {"train": np.arange(4), "val": np.array([4, 5]), "test": np.array([6, 7, 8])}
    assert count_between(find_near_copies(images).components(), splits) == {
        ("train", "val"): (0, 0),
        ("train", "test"): (2, 3),
        ("val", "test"): (0, 0),
    }
    group = np.array([0, 0, 1, 2])
    assert count_between(group, {"a": np.array([0, 2]), "b": np.array([1, 3]), "c": np.array([1, 3])}) == {
        ("a", "b"): (1, 1),
        ("a", "c"): (1, 1),
    }


def test_any_size_colour_and_a_mapped_file_give_the_same_pairs(faces, tmp_path):
    grey = planted(faces[:30], [planting.shift(1, 2, "edge")])
    mapped = np.memmap(tmp_path / "images", np.uint8, "w+", shape=grey.shape)
    mapped[:] = grey
    pairs = find_near_copies(grey)
    assert len(pairs) == 30
    for images in (mapped, np.repeat(grey, 3, axis=3)):
        again = find_near_copies(images)
        for field in dataclasses.fields(pairs):
            np.testing.assert_array_equal(getattr(pairs, field.name), getattr(again, field.name))
    large = np.repeat(np.repeat(grey, 2, axis=1), 2, axis=2)
    again = find_near_copies(large)
    assert found_of(large, again)[0].all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images(faces, count):
    result = find_near_copies(faces[:count])
    assert (len(result), result.size) == (0, count)
    assert result.kinds() == []
    assert len(result.components()) == count


def test_the_order_of_the_images_does_not_matter(faces):
    images = planted(faces[:40], [planting.shift(2, 2, "zero"), planting.recompress(70)])
    order = DRAW.permutation(len(images))
    plain, shuffled = find_near_copies(images), find_near_copies(images[order])

    def pairs(copies, rows):
        return {frozenset((int(rows[a]), int(rows[b]))) for a, b in zip(copies.first, copies.second, strict=True)}

    assert pairs(plain, np.arange(len(images))) == pairs(shuffled, order)


@pytest.mark.real_data
def test_planted_copies_of_real_images_are_found(real_fer2013):
    from fer_face_datasets.fer2013 import FER2013

    dataset = FER2013(root=str(real_fer2013), check="off")
    sharp = [row for row, split in enumerate(dataset.table["split"]) if split == "test"][::12]
    images = np.stack([dataset[row] for row in sharp])
    natural = find_near_copies(images)
    alone = np.setdiff1d(np.arange(len(images)), np.r_[natural.first, natural.second, natural.blank])
    images = images[alone]
    assert len(images) > 250
    for kind in ("flip", "JPEG 70", "shift up to 2 px, edge", "shift up to 2 px, zero"):
        both = planted(images, planting.planted_changes()[kind])
        result, unplanted = found_of(both, find_near_copies(both))
        assert result.mean() >= 0.99, kind
        assert unplanted == 0, kind
