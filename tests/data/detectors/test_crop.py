"""The crop of a face: squares, margins, the border of the image, and eyes that lie level."""

import numpy as np
import pytest

from fer_plugins.contract import Face
from fer_plugins.data.detectors.crop import crop_face, find_faces, largest_face

RAMP = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60, 1).astype(np.uint8)


def test_the_largest_face_and_of_equals_the_upper_left_one():
    small, low, right, first = (Face(box) for box in ((0, 0, 9, 9), (0, 9, 10, 19), (5, 0, 15, 10), (2, 0, 12, 10)))
    assert largest_face([small, low, right, first]) is first
    assert largest_face([]) is None


def test_a_square_box_gives_its_own_pixels():
    assert np.array_equal(crop_face(RAMP, Face((7, 3, 27, 23))), RAMP[3:23, 7:27])


def test_a_tall_box_gives_a_square_around_its_middle_and_a_margin_more():
    tall = Face((20, 10, 30, 30))
    assert np.array_equal(crop_face(RAMP, tall), RAMP[10:30, 15:35])
    assert np.array_equal(crop_face(RAMP, tall, margin=0.25), RAMP[5:35, 10:40])


def test_beyond_the_border_its_pixels_are_repeated():
    crop = crop_face(RAMP, Face((-5, -2, 5, 8)))
    assert np.array_equal(crop[2:, 5:], RAMP[:8, :5])
    assert (crop[:3] == crop[2]).all()
    assert (crop[:, :6] == crop[:, 5:6]).all()


def test_the_whole_picture_stays_as_it_is():
    assert crop_face(RAMP, Face((0, 0, 60, 40))) is RAMP


def photograph(angle, distance, *, side=200):
    """Return a black picture with a grey level ramp and two white discs, the eyes, turned by ``angle`` degrees."""
    middle, half = np.array([101.5, 93.5]), np.deg2rad(angle)
    offset = np.array([np.cos(half), np.sin(half)]) * distance / 2
    rows, columns = np.mgrid[:side, :side] + 0.5
    picture = np.zeros((side, side, 3), np.uint8)
    for x, y in (middle - offset, middle + offset):
        picture[np.hypot(columns - x, rows - y) < 4] = 255
    eyes = {"left_eye": tuple(middle - offset), "right_eye": tuple(middle + offset)}
    return picture, Face((60, 60, 140, 150), points=eyes)


@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize(("angle", "distance"), [(0, 32), (25, 32), (-40, 50)])
def test_aligned_eyes_lie_level_at_one_place_of_the_crop(angle, distance, margin):
    """The eyes are found again in the crop by the light of its left and right half."""
    picture, face = photograph(angle, distance)
    crop = crop_face(picture, face, align="eyes", margin=margin)[..., 0].astype(float)
    side = len(crop)
    assert crop.shape == (side, side)
    assert side == round(distance / 0.37 * (1 + 2 * margin))
    rows, columns = np.mgrid[:side, :side] + 0.5
    for half, x in ((slice(None, side // 2), 0.315), (slice(side // 2, None), 0.685)):
        light = crop[:, half]
        place = [(light * axis[:, half]).sum() / light.sum() for axis in (columns, rows)]
        inner = [(value / side * (1 + 2 * margin) - margin) for value in place]
        assert inner == pytest.approx([x, 0.39], abs=0.02)


def test_without_eye_points_a_face_is_cropped_as_without_alignment():
    picture, face = photograph(20, 40)
    blind = Face(face.box)
    assert np.array_equal(crop_face(picture, blind, align="eyes"), crop_face(picture, blind))


def test_a_detector_gets_grey_images_only_where_it_takes_them():
    def shape(image):
        return [image.shape]

    assert find_faces(shape, RAMP) == [(40, 60, 3)]
    shape.takes_grey = True
    assert find_faces(shape, RAMP) == [(40, 60, 1)]
