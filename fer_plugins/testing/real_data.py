"""Finds the real images that some tests need, and skips those tests, with the reason, where they are not."""

from __future__ import annotations

import os
from pathlib import Path

FER2013_FILES = ("fer2013.csv", "fer2013.tar.gz")  # the official release; other copies are made of it


def find_fer2013() -> Path:
    """Return the official FER-2013 below the folder ``FER_DATA_DIR``; the calling test is skipped where there is none.

    It is looked for as ``fer2013/fer2013.csv``, then as ``fer2013/fer2013.tar.gz``.
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
