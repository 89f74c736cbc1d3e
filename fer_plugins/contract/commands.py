"""The contract of plug-ins that add a command to the command line."""

from __future__ import annotations

from typing import Protocol


class Command(Protocol):
    """``fer_plugins.commands``: the command ``fer NAME``, as a function like this or as a ``click.Command``.

    ``fer --help`` shows the first line of its docstring. Wrong input raises ``ValueError`` (``OSError`` for files) with
    one line that names the input and the remedy; the exit code is then 2. The callback of a click command returns the
    exit code, or None for 0.
    """

    def __call__(self, argv: list[str]) -> int:
        """Run the command with the arguments that follow its name; return 0 on success and 1 on failure."""
        ...
