"""What is declared beside the type of a key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Doc:
    """What stands beside the type of a key."""

    meaning: str
    bounds: str = ""  # "LOW..HIGH" (both included), "> LOW" or ">= LOW"
    unit: str = ""  # of a number
    form: str = ""  # how a value is written, where the type does not say it
    shapes_model: bool = True  # False: says where things lie, what is reported or how fast it is computed
