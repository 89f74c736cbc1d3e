"""Names the command that a message recommends, and the distribution to install first if it is not available."""

from __future__ import annotations

from fer_plugins.config import registry
from fer_plugins.config.requirement import describe_installation
from fer_plugins.runtime.errors import InputError


def offers(verb: str) -> bool:
    """Return whether an installed distribution provides the command ``fer VERB``; nothing is imported."""
    return any(component.name == verb for component in registry.available("command"))


def fer_command(words: str) -> str:
    """Return ``fer WORDS``, followed by what to install first if no installed distribution provides the command.

    >>> fer_command("table --target fer2013")
    'fer table --target fer2013'
    """
    verb = words.partition(" ")[0]
    return f"fer {words}" if offers(verb) else f"fer {words} (first {describe_installation('command', verb)})"


def require_verb(option: str, verb: str) -> None:
    """Raise an error if an option needs a command whose distribution is not installed.

    Raises:
        InputError: No installed distribution provides the command.
    """
    if not offers(verb):
        raise InputError(
            f"{option}: no installed plug-in offers the command {verb}; {describe_installation('command', verb)}"
        )
