"""Inputs of the command line (files, folders, globs, names on standard input), and checks of its outputs."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from fer_image_files.decoding import is_image

from fer_plugins.runs.record import check_output
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.whole_file import check_replaceable

VIDEO_SUFFIXES = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv")


def is_video(path: str | Path) -> bool:
    """Return whether a file is a video, by its extension."""
    return str(path).lower().endswith(VIDEO_SUFFIXES)


def find_files(arguments: Sequence[str], stdin: TextIO | None) -> list[Path]:
    """Return the pictures and videos named by the arguments, without duplicates; those of a folder sorted by name.

    Args:
        arguments: files, folders, globs (``**`` matches any folders), or ``-`` for a list of names, one per line.
        stdin: read for ``-``; None: it is closed. Names in the list that are not files are returned too: they fail
            later when read, while the other files are predicted.

    Raises:
        InputError: an argument matches no file, or a folder holds no picture.
    """
    files: dict[Path, None] = {}
    for argument in arguments:
        if argument == "-":
            listed = [line.strip() for line in stdin or () if line.strip()]
            if not listed:
                raise InputError(
                    "-: standard input lists no file; give one name per line: find FOLDER | fer predict RUN -"
                )
            for name in listed:
                files.update(dict.fromkeys(_below(Path(name)) if os.path.isdir(name) else [Path(name)]))
        else:
            files.update(dict.fromkeys(_expand(argument)))
    return list(files)


def _expand(argument: str) -> list[Path]:
    if os.path.isdir(argument):
        files = _below(Path(argument))
        if not files:
            raise InputError(f"{argument}: no picture or video is in this folder or below it; give another")
        return files
    if os.path.exists(argument):
        return [Path(argument)]
    if glob.has_magic(argument):
        files = sorted(Path(name) for name in glob.glob(argument, recursive=True) if os.path.isfile(name))
        if not files:
            raise InputError(f"{argument}: no file matches; give another pattern")
        return files
    raise InputError(f"{argument}: there is no such file or folder")


def _below(folder: Path) -> list[Path]:
    """Return the pictures and videos below a folder, and broken links, which fail when read."""
    return sorted(path for path in folder.rglob("*") if (is_image(path.name) or is_video(path)) and not path.is_dir())


def check_outputs(file: Path | None, folder: Path | None, files: Sequence[Path]) -> None:
    """Raise InputError if the file of the rows or the folder of annotated pictures cannot be written.

    The same error is raised if it would overwrite one of ``files``, which are read.
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
