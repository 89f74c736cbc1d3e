"""check_detector: the core's detectors pass, and every rule has a detector that breaks it."""

import itertools

import numpy as np
import pytest

from fer_plugins.contract import Face
from fer_plugins.data.detectors.lbp import LBP
from fer_plugins.data.detectors.none import none
from fer_plugins.testing import check_detector


def whole(image, **more):
    height, width = image.shape[:2]
    return [Face((0, 0, width, height), **more)]


def detector(find):
    """Return a factory of a detector; its class can be pickled, since it lies in this module."""
    return lambda: find


def writes(image):
    image[0, 0] = 1
    return whole(image)


COUNTER = itertools.count()


def at_random(image):
    return whole(image, score=1 / (1 + next(COUNTER)))


def turned_about(image):
    return [Face((image.shape[1], 0, 0, image.shape[0]))]


def eyes(image, left, right):
    return whole(image, points={"left_eye": (left, 1), "right_eye": (right, 1)})


def crossed(image):
    return eyes(image, 9, 3)


crossed.point_names = ("left_eye", "right_eye")


def nowhere(image):
    return eyes(image, 3, float("nan"))


nowhere.point_names = ("left_eye", "right_eye")


def colour_only(image):
    assert image.shape[2] == 3
    return whole(image)


colour_only.takes_grey = True


class Unpicklable:
    def __init__(self):
        self.find = lambda image: whole(image)

    def __call__(self, image):
        return self.find(image)


class Forgetful:
    """Finds what its copy does not."""

    whole = True

    def __call__(self, image):
        return whole(image) if self.whole else []

    def __reduce__(self):
        return _forget, ()


def _forget():
    copy = Forgetful()
    copy.whole = False
    return copy


BROKEN = {
    "builds": (lambda: 1 / 0, "ZeroDivisionError"),
    "runs": (detector(lambda image: whole(image[100:, 100:, :2]) if image.shape[0] > 100 else image[7]), "one pixel"),
    "input unchanged": (detector(writes), "written to"),
    "returns faces": (detector(lambda image: [(0, 0, 1, 1)]), "a tuple"),
    "boxes are left, top, right, bottom": (detector(turned_about), "(512, 0, 0, 512)"),
    "scores are in [0, 1]": (detector(lambda image: whole(image, score=99.5)), "99.5"),
    "points are named in point_names": (detector(lambda image: whole(image, points={"nose": (1, 1)})), "['nose']"),
    "points are x, y": (detector(nowhere), "nan"),
    "left_eye is left in the image": (detector(crossed), "(9, 1)"),
    "finds the face of a photograph": (detector(lambda image: []), "x 224, y 118; the boxes are []"),
    "deterministic": (detector(at_random), "second time"),
    "picklable": (Unpicklable, "pickling it"),
}


@pytest.mark.parametrize("factory", [none, LBP])
def test_the_cores_detectors_pass(factory):
    check_detector(factory)


@pytest.mark.parametrize("rule", BROKEN)
def test_every_rule_is_broken_by_its_detector(rule, rules_broken):
    factory, says = BROKEN[rule]
    broken = rules_broken(check_detector, factory)
    assert says in broken[rule]


def test_grey_images_and_copies_are_tried(rules_broken):
    assert "a grey photograph" in rules_broken(check_detector, detector(colour_only))["runs"]
    assert "its copy gives other faces" in rules_broken(check_detector, Forgetful)["picklable"]


def test_an_option_without_a_default_or_a_meaning(rules_broken):
    def factory(size: int):
        return whole

    assert {"option size has a default", "option size is described"} <= set(rules_broken(check_detector, factory))


def test_a_detector_gets_uint8_rgb():
    seen = []
    with pytest.raises(AssertionError):
        check_detector(detector(lambda image: seen.append((image.dtype, image.shape[2])) or []))
    assert set(seen) == {(np.dtype("uint8"), 3)}
