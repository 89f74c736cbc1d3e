"""Names the command that a message sends to, and which distribution to install first where its verb is not there."""

from __future__ import annotations

from fer_plugins.config import registry
from fer_plugins.config.requirement import describe_installation
from fer_plugins.runtime.errors import InputError


def offers(verb: str) -> bool:
    """Whether an installed distribution has a verb of this name; nothing is imported."""
    return any(component.name == verb for component in registry.available("command"))


def fer_command(words: str) -> str:
    """Return ``fer WORDS``, and what to install before where no installed distribution has the verb.

    >>> fer_command("table --target fer2013")
    'fer table --target fer2013'
    """
    verb = words.partition(" ")[0]
    return f"fer {words}" if offers(verb) else f"fer {words} (first {describe_installation('command', verb)})"


def require_verb(option: str, verb: str) -> None:
    """Refuse an option that calls a verb of a distribution which is not installed.

    Raises:
        InputError: no distribution has the verb.
    """
    if not offers(verb):
        raise InputError(
            f"{option}: no installed plug-in offers the command {verb}; {describe_installation('command', verb)}"
        )
