"""OpenCV for whatever needs it: imported silently, or the command that installs the version that ``video`` declares."""

from __future__ import annotations

import importlib
import os
from importlib.metadata import distributions
from typing import Any

from fer_plugins.config.requirement import install_command

_DECLARED = "opencv-python-headless"
_VARIANTS = ("opencv-python", _DECLARED, "opencv-contrib-python", "opencv-contrib-python-headless")


def import_opencv() -> Any:
    """Return the module ``cv2``, silent: it would write its own lines to standard error beside ours.

    It reads its levels when it is first imported, so everything here imports it through this function.

    Raises:
        ImportError: it is not installed.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    return importlib.import_module("cv2")


def opencv_command() -> str:
    """Return ``pip install ...`` for the OpenCV that is installed, else for the one that the extra names.

    All four distributions hold the same package ``cv2``, so a second one would lie over the first.
    """
    installed = {distribution.name.lower() for distribution in distributions()}
    name = next((variant for variant in _VARIANTS if variant in installed), _DECLARED)
    return install_command(_DECLARED).replace(_DECLARED, name)
