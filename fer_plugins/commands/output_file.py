"""The file that ``--out`` names: refused before any work is done where it cannot be made, or would replace another."""

from __future__ import annotations

from pathlib import Path

from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.whole_file import check_replaceable


def check_output_file(path: Path, *, force: bool) -> None:
    """Refuse a file that cannot be written, and with ``force`` False one that is there.

    Raises:
        InputError: it is a folder, a device, or there already; or its folder is not there.
    """
    if path.is_dir():
        raise InputError(f"--out {path}: is a folder; give the name of a file in it")
    if not path.absolute().parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.absolute().parent}; make it, or give another FILE")
    check_replaceable(path)
    if path.exists() and not force:
        raise InputError(f"{path}: is there already; replace it with --force, or give another place with --out FILE")
