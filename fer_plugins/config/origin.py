"""Where a value of the configuration came from."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Origin(NamedTuple):
    """Where a value came from: what kind of place, and its name in an error message."""

    kind: Literal["plug-in", "recipe", "dataset", "file", "flags", "environment"]
    text: str

    def __str__(self) -> str:
        return self.text


COMMAND_LINE = Origin("flags", "the command line")
BY_USER = ("file", "flags")  # kinds of what the user says for this run
