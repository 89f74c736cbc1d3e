"""``fer completion``: prints the script for shell completion of verbs, options and names."""

from __future__ import annotations

import os
import sys

import click
from click.shell_completion import get_completion_class, shell_complete

from fer_plugins.commands.usage import Name, verb

SHELLS = ("bash", "zsh", "fish")
PROGRAMS = ("fer", "fer-run")


@verb()
@click.argument("shell", type=Name(SHELLS), metavar="SHELL")
def completion(shell: str) -> None:
    """Print a shell script that completes verbs, options and installed names.

    SHELL is bash, zsh or fish. In ~/.bashrc: eval "$(fer completion bash)"; in ~/.zshrc the same with zsh; in
    ~/.config/fish/config.fish: fer completion fish | source.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    for program in PROGRAMS:
        print(kind(click.Command(program), {}, program, _variable(program)).source())


def answer_shell(program: str, command: click.Command) -> None:
    """Print the completions and exit, if the program was called by a shell for completion."""
    variable = _variable(program)
    if variable in os.environ:
        sys.exit(shell_complete(command, {}, program, variable, os.environ[variable]))


def _variable(program: str) -> str:
    return f"_{program.replace('-', '_').upper()}_COMPLETE"
