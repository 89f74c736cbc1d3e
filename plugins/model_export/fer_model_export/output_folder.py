"""A folder that is there with all its files or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from fer_plugins.runs.record import check_output
from fer_plugins.runtime.errors import InputError, RunError


def check_folder(folder: Path, files: Collection[str]) -> None:
    """Refuse a folder that cannot be written, or that holds anything but an earlier export; makes nothing.

    Args:
        folder: where to.
        files: names that an export of this format writes.

    Raises:
        InputError: one of them.
    """
    check_output(folder, "--out", "--out FOLDER")
    if foreign := sorted(set(os.listdir(folder)) - set(files)) if folder.is_dir() else []:
        raise InputError(f"--out {folder}: holds other files ({foreign[0]}); give a new or an empty folder")
    above = folder.absolute().parent
    while not above.exists():
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK):  # the files are made beside the folder
        raise InputError(f"--out {folder}: {above} is not writable; give --out FOLDER elsewhere")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write to beside ``folder``; it takes its place at the end, or is removed.

    Raises:
        RunError: it cannot be written (full disk, no permission).
    """
    unfinished: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        unfinished.chmod(0o777 & ~_umask())
        yield unfinished
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(unfinished, folder)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
