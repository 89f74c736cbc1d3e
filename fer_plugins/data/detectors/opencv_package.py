"""How OpenCV is installed, in the version that the extra ``video`` declares: for whatever needs it and has it not."""

from __future__ import annotations

from importlib.metadata import distributions

from fer_plugins.config.requirement import install_command

_DECLARED = "opencv-python-headless"
_VARIANTS = ("opencv-python", _DECLARED, "opencv-contrib-python", "opencv-contrib-python-headless")


def opencv_command() -> str:
    """Return ``pip install ...`` for the OpenCV that is installed, else for the one that the extra names.

    All four distributions hold the same package ``cv2``, so a second one would lie over the first.
    """
    installed = {distribution.name.lower() for distribution in distributions()}
    name = next((variant for variant in _VARIANTS if variant in installed), _DECLARED)
    return install_command(_DECLARED).replace(_DECLARED, name)
