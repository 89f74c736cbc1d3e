"""Finds the real images that some tests need, and skips these tests, with the reason, if they do not exist."""

from __future__ import annotations

import os
from pathlib import Path

FER2013_FILES = ("fer2013.csv", "fer2013.tar.gz")  # of the official release; other copies are derived from it


def find_fer2013() -> Path:
    """Return the path of the official FER-2013 below ``FER_DATA_DIR``; skip the calling test if it does not exist.

    It is searched as ``fer2013/fer2013.csv``, then as ``fer2013/fer2013.tar.gz``.
    """
    import pytest

    folder = os.environ.get("FER_DATA_DIR")
    if not folder:
        pytest.skip("FER_DATA_DIR is not set: no real FER-2013 images here")
    paths = [Path(folder, "fer2013", name) for name in FER2013_FILES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        pytest.skip(f"no {', '.join(FER2013_FILES)} in {paths[0].parent}")
    return path
