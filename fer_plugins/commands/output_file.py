"""Checks the file of ``--out`` before any work: it must be writable, and must not replace another by accident."""

from __future__ import annotations

from pathlib import Path

from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.whole_file import check_replaceable


def check_output_file(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written and, unless ``force``, one that exists.

    Raises:
        InputError: it is a folder or a device, it already exists, or its folder does not exist.
    """
    if path.is_dir():
        raise InputError(f"--out {path}: is a folder; give the name of a file in it")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.absolute().parent}; make it, or give another FILE")
    check_replaceable(path)
    if path.exists() and not force:
        raise InputError(f"{path}: already exists; replace it with --force, or give another place with --out FILE")
