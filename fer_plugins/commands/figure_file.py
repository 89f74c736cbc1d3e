"""Where a figure goes that the user names."""

from __future__ import annotations

import os
from pathlib import Path

from fer_plugins.runtime.errors import InputError


def figure_file(option: str, file: str) -> tuple[Path, str]:
    """Return the folder of a figure's files and their name without an ending.

    Raises:
        InputError: it is a folder, or its folder is not there.
    """
    path = Path(file)
    if file.endswith(os.sep) or os.path.isdir(path):
        raise InputError(f"{option} {file}: is a folder; give the name of a file in it")
    if not os.path.isdir(path.parent):
        raise InputError(f"{option} {file}: there is no folder {path.parent}")
    return path.parent, path.stem if path.suffix in (".png", ".svg") else path.name
