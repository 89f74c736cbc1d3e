"""Reads the predictions of a run: predictions.csv, or predictions.csv.gz in a kept record."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path


def predictions_path(folder: Path) -> Path:
    """Return the path of predictions.csv in a run's folder, or of predictions.csv.gz if only that file exists."""
    path, packed = folder / "predictions.csv", folder / "predictions.csv.gz"
    return packed if packed.is_file() and not path.is_file() else path


def read_predictions(folder: Path) -> bytes:
    """Return the content of predictions.csv in a run's folder, decompressed.

    Raises:
        OSError: the file cannot be read or is damaged.
    """
    path = predictions_path(folder)
    content = path.read_bytes()
    try:
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (EOFError, zlib.error) as error:
        raise OSError(str(error)) from error


def figures_folder(run: Path) -> Path:
    """Return the folder for a run's figures; for a kept record, which is never modified, in the working folder."""
    return Path(run.resolve().name, "figures") if predictions_path(run).suffix == ".gz" else run / "figures"
