"""The detector haar: its face where OpenCV has the cascades, one line with a remedy where it has not."""

import sys

import pytest
from skimage.data import astronaut

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_detector


def cascades():
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip(f"OpenCV {cv2.__version__} has no Haar cascades; pip install 'opencv-python-headless<5'")


def test_the_call_of_njoku_et_al_finds_the_face():
    cascades()
    import cv2

    from fer_plugins.data.detectors.haar import Haar

    check_detector(Haar)
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    boxes = cascade.detectMultiScale(cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY), 1.3, 5)
    assert [face.box for face in Haar()(astronaut())] == [(x, y, x + w, y + h) for x, y, w, h in boxes.tolist()]


@pytest.mark.parametrize("package", ["missing", "without cascades"])
def test_without_cascades_one_line_with_a_remedy(package, monkeypatch):
    """The remedy that needs no installation is followed; pip's name is that of the OpenCV that is installed."""
    module = None if package == "missing" else type(sys)("cv2")
    monkeypatch.setitem(sys.modules, "cv2", module)
    with pytest.raises(InputError, match=r"^detector haar: .*pip install 'opencv-[a-z-]+<5,") as caught:
        registry.build("detector", "haar")
    assert "\n" not in str(caught.value)
    assert "take the detector lbp" in str(caught.value)
    assert registry.build("detector", "lbp")(astronaut())
