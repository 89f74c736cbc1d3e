"""What a plug-in offers for the command line."""

from __future__ import annotations

from typing import Protocol


class Command(Protocol):
    """``fer_plugins.commands``: the verb ``fer NAME``, as such a function or as a ``click.Command``.

    The first line of the docstring is what ``fer --help`` says of it. Wrong input is a ``ValueError`` (``OSError`` for
    files) with one line that names the thing and the remedy: exit code 2. A click command's callback returns the exit
    code, or None for 0.
    """

    def __call__(self, argv: list[str]) -> int:
        """Run the verb on the words behind its name; return 0 where it is done and 1 where it failed."""
        ...
