"""Reads .npy and .npz files from strangers: a damaged one is one kind of error, and no objects are opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fer_plugins.runtime.errors import one_line


def read_arrays(source: Path | BinaryIO) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a .npz file by their names, the one of a .npy file under the name "".

    What else lies in the archive of an .npz is left out.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is damaged, or holds Python objects, which could run any code; one line.
    """
    try:
        content = np.load(source, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return {"": content}
        with content:
            arrays = ((name, content[name]) for name in content.files)
            return {name: array for name, array in arrays if isinstance(array, np.ndarray)}
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib, tokenize and numpy raise a dozen kinds, MemoryError among them
        raise ValueError(one_line(error, 150)) from error
