"""Photographs are cut to the face, and those without one are counted."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut
from support.verbs import parse

from fer_plugins import config
from fer_plugins.data.detectors.lbp import LBP
from fer_plugins.data.face_crop import FaceCropped, crop_faces
from fer_plugins.data.images import load_images
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_dataset
from fer_plugins.training.build import build_data

FACE = (116, 221)  # row and column of the nose's root in the photograph, read off by eye
PHOTO = astronaut()


class Photos:
    """Photographs of one woman, in one of them shifted, and pictures without anybody."""

    classes = ("happy", "neutral")
    title = "photos"
    cache_key = "photos"
    table = {"label": [0, 0, 1, 1], "source": ["a", "shifted", "grey", "nobody"]}  # noqa: RUF012

    def __getitem__(self, index):
        shifted = np.roll(PHOTO, (20, -30), (0, 1))
        grey = PHOTO[..., 1:2].copy()
        return [PHOTO, shifted, grey, np.full((200, 200, 3), 90, np.uint8)][index]


def crop(dataset, on_no_face="full_image"):
    return FaceCropped(dataset, LBP(), name="lbp", on_no_face=on_no_face)


def test_the_face_is_cut_out_wherever_it_lies():
    dataset = crop(Photos())
    check_dataset(dataset)
    cropped = dataset[0]
    side = len(cropped)
    places = [(r, c) for r in range(FACE[0] - side, FACE[0]) for c in range(FACE[1] - side, FACE[1])]
    (top, left), *_ = [(r, c) for r, c in places if np.array_equal(cropped, PHOTO[r : r + side, c : c + side])]
    assert max(abs(top + side / 2 - FACE[0]), abs(left + side / 2 - FACE[1])) < 0.2 * side
    assert 80 < side < 130
    shifted = dataset[1]
    assert abs(len(shifted) - side) <= 25
    assert shifted.shape[0] == shifted.shape[1]
    assert dataset[2].shape[2] == 1
    assert dataset[2].shape[0] < 200


def test_an_image_without_a_face_stays_whole_or_is_left_out_and_is_counted():
    whole = crop(Photos())
    loaded = load_images(whole, name="x", image_size=24, channels=1, cache=None, memory_gb=1)
    assert whole[3].shape == (200, 200, 3)
    assert any("1 of 4 images have none and stay whole" in note for note in loaded.notes)
    less = crop(Photos(), "skip")
    loaded = load_images(less, name="x", image_size=24, channels=1, cache=None, memory_gb=1)
    assert less.table["source"] == ["a", "shifted", "grey"]
    assert any("1 of 4 images have none and were left out" in note for note in loaded.notes)
    assert less.cache_key != whole.cache_key != Photos.cache_key


def test_nothing_left_is_one_line():
    class Nobody(Photos):
        def __getitem__(self, index):
            return np.full((60, 60, 1), 7 * index, np.uint8)

    with pytest.raises(InputError, match="a face was found in none; set face_crop none"):
        crop(Nobody(), "skip").table  # noqa: B018


@pytest.mark.parametrize("where", ["data", "data.targets.others"])
def test_the_keys_reach_the_dataset_and_the_targets(where):
    """The synthetic faces of 48 pixels: what counts is that they were looked at."""
    words = ["--data", "synthetic", "--data.samples", "63", "--data.cache", "none", f"--{where}.face_crop", "lbp"]
    if where != "data":
        words += ["--protocol", "cross_dataset", "--data.targets.others.name", "synthetic"]
        words += ["--data.targets.others.samples", "63", "--data.targets.others.seed", "3"]
    data = build_data(config.resolve(parse(words).flags, plugin="lenet5").config)
    assert any("of 63 images have none" in note for note in data.notes)
    with pytest.raises(InputError, match="face_crop"):
        build_data(config.resolve(parse([*words, f"--{where}.face_crop", "x"]).flags, plugin="lenet5").config)


def test_a_detector_with_options_is_kept_with_all_of_them_and_cuts_other_faces():
    flags = ["--data.face_crop", "lbp", "--data.face_crop.smallest", "0.3"]
    section = config.resolve(parse(flags).flags, plugin="lenet5").config.as_dict()["data"]
    assert section["face_crop"] == {"name": "lbp", "smallest": 0.3, "scale_factor": 1.2, "step_ratio": 1.0}
    wide, narrow = (
        crop_faces(Photos(), face_crop=detector, face_margin=margin)
        for detector, margin in (("lbp", 0.25), (section["face_crop"], 0.0))
    )
    assert wide[0].shape[0] > 1.4 * crop_faces(Photos(), face_crop="lbp")[0].shape[0]
    assert narrow[0].shape == Photos()[0].shape  # the face is a fifth of the photograph
    assert wide.cache_key != narrow.cache_key


def test_a_detector_of_a_plug_in_cuts_aligned_faces_and_says_how_many(make_distribution):
    source = '''
from fer_plugins.contract import Face


class Eyes:
    """Sees eyes in photographs of 512 pixels."""

    point_names = ("left_eye", "right_eye")

    def __call__(self, image):
        if len(image) != 512:
            return []
        eyes = {"left_eye": (206.0, 102.0), "right_eye": (249.0, 105.0)} if image[0, 0, 0] == image[0, 0, 1] else {}
        return [Face((180.0, 60.0, 270.0, 180.0), 0.9, eyes)]
'''
    make_distribution("fer_eyes", [("detectors", "eyes", "fer_eyes:Eyes")], source)
    dataset = crop_faces(Photos(), face_crop="eyes", face_align="eyes")
    for index in range(4):
        assert dataset[index].shape[0] == dataset[index].shape[1]
    assert len(dataset[2]) == round(np.hypot(43, 3) / 0.37)
    assert len(dataset[0]) == 120
    assert any("1 of 4 images have none" in note for note in dataset.notes)
    assert any("eyes lie level: 1 of 3 faces" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"face_crop": "lbp", "face_align": "eyes"}, "detector lbp finds no eyes"),
        ({"face_crop": "lbp", "face_align": "nose"}, "give none or eyes"),
        ({"face_crop": "lbp", "face_margin": 3}, "face_margin"),
        ({"face_crop": "lbp", "on_no_face": "x"}, "give full_image or skip"),
        ({"face_crop": {"name": "lbp", "smalest": 1}}, "did you mean smallest"),
        ({"face_margin": 0.1}, "have no effect without a detector; add face_crop lbp"),
    ],
)
def test_what_a_target_cannot_have_is_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        crop_faces(Photos(), **options)
    assert "\n" not in str(caught.value)
