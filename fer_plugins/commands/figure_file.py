"""Checks the path of a figure that the user names."""

from __future__ import annotations

import os
from pathlib import Path

from fer_plugins.runtime.errors import InputError


def figure_file(option: str, file: str) -> tuple[Path, str]:
    """Return the folder of a figure's files, and their name without extension.

    Raises:
        InputError: the path is a folder, or its parent folder does not exist.
    """
    path = Path(file)
    if file.endswith(os.sep) or os.path.isdir(path):
        raise InputError(f"{option} {file}: is a folder; give the name of a file in it")
    if not os.path.isdir(path.parent):
        raise InputError(f"{option} {file}: there is no folder {path.parent}")
    return path.parent, path.stem if path.suffix in (".png", ".svg") else path.name
