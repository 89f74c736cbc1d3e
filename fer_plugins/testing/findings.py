"""Collects the broken rules of one object and raises them as one error."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from fer_plugins.runtime.errors import first_line
from fer_plugins.runtime.plural import count

T = TypeVar("T")


class ContractError(AssertionError):
    """An object breaks the contract; the text has one line per broken rule with what was observed and the remedy."""


@dataclass
class _BrokenRule:
    observed: str
    remedy: str
    repeats: int = 0


class Failed:
    """Returned by ``Findings.attempt`` if the action raised, since the action itself may return None."""


class Findings:
    """The broken rules of one object; a rule that is broken in several places is listed once with a count."""

    def __init__(self, kind: str, subject: Any) -> None:
        self._title = f"{kind} {name_of(subject)}"
        self._broken: dict[str, _BrokenRule] = {}

    def __contains__(self, rule: str) -> bool:
        return rule in self._broken

    def add(self, rule: str, observed: str, remedy: str) -> None:
        """Record that ``rule`` is broken, what was observed and how to fix it."""
        if rule in self._broken:
            self._broken[rule].repeats += 1
        else:
            self._broken[rule] = _BrokenRule(observed, remedy)

    def require(self, holds: bool, rule: str, observed: str, remedy: str) -> bool:
        """Record ``rule`` as broken unless it ``holds``; return ``holds``."""
        if not holds:
            self.add(rule, observed, remedy)
        return holds

    def attempt(self, action: Callable[[], T], rule: str, doing: str, remedy: str) -> T | Failed:
        """Return the result of ``action``; if it raises, record ``rule`` as broken and return ``Failed``."""
        try:
            return action()
        except Exception as error:  # the plug-in's code may raise anything; the error is the finding
            self.add(rule, f"{doing} raises {first_line(error)}", remedy)
            return Failed()

    def report(self) -> None:
        """Raise ``ContractError`` if a rule is broken."""
        if not self._broken:
            return
        lines = [f"{self._title} breaks {count(len(self._broken), 'rule')} of the contract:"]
        for rule, broken in self._broken.items():
            more = f" (and {count(broken.repeats, 'time')} more)" if broken.repeats else ""
            lines.append(f"- {rule}: {broken.observed}{more}. Remedy: {broken.remedy}.")
        raise ContractError("\n".join(lines))


def name_of(subject: Any) -> str:
    """Return ``module.name`` of a factory, of the function that a partial wraps, or of an object's class."""
    while isinstance(subject, functools.partial):
        subject = subject.func
    named = subject if hasattr(subject, "__qualname__") else type(subject)
    return f"{named.__module__}.{named.__qualname__}"


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return the first ``most`` names, separated by commas, and how many more there are."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
