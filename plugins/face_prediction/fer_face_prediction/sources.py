"""What the words of a command mean: files, folders, globs, and names on standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from fer_plugins.data.formats.image_files import is_image
from fer_plugins.runs.record import check_output
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.whole_file import check_replaceable

VIDEO_SUFFIXES = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv")


def is_video(path: str | Path) -> bool:
    """Tell by a file's ending whether it is a video."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def find_files(words: Sequence[str], stdin: TextIO | None) -> list[Path]:
    """Return the files that are meant: folders with all below them, sorted by name; each file once.

    Args:
        words: files, folders, globs (``**`` is any folders), or ``-`` for a list of names, one a line.
        stdin: where ``-`` is read from; None: it is closed. A name in the list that is no file is kept: reading it
            fails later, and the others are predicted.

    Raises:
        InputError: a word names nothing, or a folder holds no picture.
    """
    files: dict[Path, None] = {}
    for word in words:
        if word == "-":
            listed = [line.strip() for line in stdin or () if line.strip()]
            if not listed:
                raise InputError(
                    "-: standard input lists no file; give one name a line: find FOLDER | fer predict RUN -"
                )
            for name in listed:
                files.update(dict.fromkeys(_below(Path(name)) if os.path.isdir(name) else [Path(name)]))
        else:
            files.update(dict.fromkeys(_named(word)))
    return list(files)


def _named(word: str) -> Iterable[Path]:
    if os.path.isdir(word):
        found = _below(Path(word))
        if not found:
            raise InputError(f"{word}: no picture or video is in this folder or below it; give another")
        return found
    if os.path.exists(word):
        return [Path(word)]
    if glob.has_magic(word):
        matches = sorted(Path(name) for name in glob.glob(word, recursive=True) if os.path.isfile(name))
        if not matches:
            raise InputError(f"{word}: no file matches; give another pattern")
        return matches
    raise InputError(f"{word}: there is no such file or folder")


def _below(folder: Path) -> list[Path]:
    """Return the pictures and videos below a folder, a link that leads nowhere among them: reading it says so."""
    return sorted(path for path in folder.rglob("*") if (is_image(path.name) or is_video(path)) and not path.is_dir())


def check_outputs(file: Path | None, folder: Path | None, files: Sequence[Path]) -> None:
    """Refuse outputs that cannot be written, or would overwrite what is read, before any work.

    Args:
        file: of the rows.
        folder: of annotated pictures.
        files: that are read.

    Raises:
        InputError: one of them.
    """
    if file is not None:
        if file.is_dir():
            raise InputError(f"--out {file}: is a folder; give a file")
        check_replaceable(file)
        check_output(file.absolute().parent, "--out", "another file")
        if file.resolve() in {read.resolve() for read in files}:
            raise InputError(f"--out {file}: is one of the files that are read; give another")
    if folder is not None:
        check_output(folder, "--annotate", "another folder")
        if folder.resolve() in {read.resolve().parent for read in files}:
            raise InputError(
                f"--annotate {folder}: holds pictures that are read, and annotated ones could overwrite "
                "them; give another folder"
            )
