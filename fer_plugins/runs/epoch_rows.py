"""metrics.csv: one row per epoch, written atomically."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import InputError, one_line


class EpochRows:
    """metrics.csv, rewritten and replaced atomically after each epoch, so that a killed run leaves complete lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] | None = None  # read when this process adds its first row

    def before(self, epoch: float) -> list[dict[str, float]]:
        """Return the rows of earlier epochs, including those of an earlier process."""
        rows = self.rows if self.rows is not None else _read_rows(self.path)
        numbers = [{key: float(value) for key, value in row.items() if value} for row in rows]
        return [{**row, "epoch": int(row["epoch"])} for row in numbers if row["epoch"] < epoch]

    def add(self, row: Mapping[str, float]) -> None:
        """Add a row; the first row of a resumed run removes the rows of the same and later epochs.

        Raises:
            RunError: the file cannot be written.
        """
        if self.rows is None:
            self.rows = [old for old in _read_rows(self.path) if int(old["epoch"]) < row["epoch"]]
        self.rows.append(
            {key: str(value) if isinstance(value, int) else repr(float(value)) for key, value in row.items()}
        )
        header = list(dict.fromkeys(["epoch", *(key for epoch in self.rows for key in epoch)]))
        text = io.StringIO()
        writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue())


def read_epochs(path: Path) -> list[dict[str, float]]:
    """Read the rows of a finished run; empty if the file does not exist (each fold has its own; ``logger`` none).

    Raises:
        InputError: the file is damaged or incomplete.
    """
    if not path.exists():
        return []
    try:
        content = path.read_text(encoding="utf-8")
        if content and not content.endswith("\n"):  # its last number may have lost digits
            raise ValueError("it is cut off in the middle of its last line")
        table = csv.DictReader(io.StringIO(content, newline=""))
        rows = [{key: float(value) for key, value in row.items() if value} for row in table]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {one_line(error)}") from None
    if any("epoch" not in row for row in rows):
        raise InputError(f"{path}: has a row without an epoch; repeat the run, or remove the file")
    return rows


def _read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of an earlier process; damaged rows (edited by hand) are left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if _is_whole(row)]


def _is_whole(row: Mapping[str, Any]) -> bool:
    try:
        for cell in row.values():
            if cell != "":
                float(cell)  # None if cells are missing, a list if there are too many
    except (TypeError, ValueError):
        return False
    return str(row.get("epoch")).isdecimal()
