"""Reads untrusted .npy and .npz files: damage is reported as one kind of error, and no objects are unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fer_plugins.runtime.errors import one_line


def read_arrays(source: Path | BinaryIO) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a .npz file by name, or the array of a .npy file under the name "".

    Other content of a .npz archive is ignored.

    Raises:
        OSError: The file cannot be opened.
        ValueError: The file is damaged, or contains Python objects, which could execute code; one line.
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
    except Exception as error:  # zipfile, zlib, tokenize and numpy raise many exceptions, including MemoryError
        raise ValueError(one_line(error, 150)) from error
