"""Imports OpenCV without its log output, or names the command that installs it."""

from __future__ import annotations

import importlib
import os
from importlib.metadata import distributions
from typing import Any

from fer_plugins.config.requirement import install_command

_DECLARED = "opencv-python-headless"
_VARIANTS = ("opencv-python", _DECLARED, "opencv-contrib-python", "opencv-contrib-python-headless")


def import_opencv() -> Any:
    """Return the module ``cv2`` with its own log messages turned off.

    OpenCV reads its log levels when it is first imported, so all code must import it through this function.

    Raises:
        ImportError: OpenCV is not installed.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    return importlib.import_module("cv2")


def opencv_command() -> str:
    """Return the ``pip install`` command for the installed OpenCV distribution, else for the one that the extra names.

    All four distributions contain the same package ``cv2``, so a second one would overwrite files of the first.
    """
    installed = {distribution.name.lower() for distribution in distributions()}
    name = next((variant for variant in _VARIANTS if variant in installed), _DECLARED)
    return install_command(_DECLARED).replace(_DECLARED, name)
