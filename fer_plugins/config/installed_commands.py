"""Names the command that a message sends to, and which distribution to install first where its verb is not there."""

from __future__ import annotations

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

# The verbs of other distributions that the core's messages name, and whose they are.
DISTRIBUTIONS = {
    "compare": "fer-run-comparison",
    "data": "fer-data-audit",
    "evaluate": "fer-robustness-tests",
    "report": "fer-html-report",
    "score": "fer-outside-predictions",
    "search": "fer-parameter-search",
}


def offers(verb: str) -> bool:
    """Whether an installed distribution has a verb of this name; nothing is imported."""
    return any(component.name == verb for component in registry.available("command"))


def fer_command(words: str) -> str:
    """Return ``fer WORDS``, and what to install before where no installed distribution has the verb.

    >>> fer_command("table --target fer2013")
    'fer table --target fer2013'
    """
    verb = words.partition(" ")[0]
    return f"fer {words}" if offers(verb) else f"fer {words} (first {_installation(verb)})"


def require_verb(option: str, verb: str) -> None:
    """Refuse an option that calls a verb of a distribution which is not installed.

    Raises:
        InputError: no distribution has the verb.
    """
    if not offers(verb):
        raise InputError(f"{option}: no installed plug-in offers the verb {verb}; {_installation(verb)}")


def describe_unknown(verb: str) -> str:
    """Return what installs a verb that is not there; "" for one that no distribution known here has."""
    return f"; {_installation(verb)}" if verb in DISTRIBUTIONS else ""


def _installation(verb: str) -> str:
    distribution = DISTRIBUTIONS[verb]
    folder = distribution.removeprefix("fer-").replace("-", "_")
    return f"install {distribution}: pip install plugins/{folder} in the sources of fer-plugins, or its wheel"
