"""Where the predictions of a run lie: in predictions.csv, or in predictions.csv.gz of a kept record."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path


def predictions_path(folder: Path) -> Path:
    """Return predictions.csv of a run's folder; predictions.csv.gz where it has that one alone."""
    path, packed = folder / "predictions.csv", folder / "predictions.csv.gz"
    return packed if packed.is_file() and not path.is_file() else path


def read_predictions(folder: Path) -> bytes:
    """Return what stands in predictions.csv of a run's folder, unpacked.

    Raises:
        OSError: it cannot be read, or is damaged.
    """
    path = predictions_path(folder)
    content = path.read_bytes()
    try:
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (EOFError, zlib.error) as error:
        raise OSError(str(error)) from error


def figures_folder(run: Path) -> Path:
    """Return the folder for a run's figures: in the working folder for a kept record, which stays as it is."""
    return Path(run.resolve().name, "figures") if predictions_path(run).suffix == ".gz" else run / "figures"
