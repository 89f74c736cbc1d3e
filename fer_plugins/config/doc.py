"""What is declared beside the type of a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Doc:
    """What stands beside a key: its meaning, bounds of a number, and whether it takes part in what a model is."""

    meaning: str
    bounds: str = ""  # "LOW..HIGH" (both included), "> LOW" or ">= LOW"
    shapes_model: bool = True  # False: says where things lie, what is reported or how fast it is computed
