"""What is to be scored, and what the user says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    """A file of predictions and what they are of.

    Attributes:
        file: of predictions.
        flags: nested settings of the sections data and protocol.
        split: "test" or "val".
        classes: the order of the columns; None: as the file names them.
        values: "probabilities" or "logits"; None: as the file says or shows.
        match: "order", "name" or "digest"; None: by what the file has.
        name: what the network is called; None: as the file.
        claims: the architecture whose paper's claims stand beside; None: none.
        seed: of the training; None: not known.
        fold: of the protocol; None: it has one.
        output: the folder for runs.
    """

    file: Path
    flags: Mapping[str, Any]
    split: str = "test"
    classes: Sequence[str] | None = None
    values: str | None = None
    match: str | None = None
    name: str | None = None
    claims: str | None = None
    seed: int | None = None
    fold: int | None = None
    output: str = "runs"
