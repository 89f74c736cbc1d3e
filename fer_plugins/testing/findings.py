"""Collects the broken rules of one object and makes the error of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from fer_plugins.runtime.errors import first_line

T = TypeVar("T")


class ContractError(AssertionError):
    """An object breaks the contract; the text has a line for every broken rule: what was observed, and the remedy."""


@dataclass
class _BrokenRule:
    observed: str
    remedy: str
    repeats: int = 0


class Failed:
    """What ``Findings.attempt`` returns where the action raised; None may be what the action returned."""


class Findings:
    """The findings about one object; a rule broken in many places is one finding with a count."""

    def __init__(self, kind: str, subject: Any) -> None:
        self._title = f"{kind} {name_of(subject)}"
        self._broken: dict[str, _BrokenRule] = {}

    def __contains__(self, rule: str) -> bool:
        return rule in self._broken

    def add(self, rule: str, observed: str, remedy: str) -> None:
        """Note that ``rule`` is broken, what was observed and how to mend it."""
        if rule in self._broken:
            self._broken[rule].repeats += 1
        else:
            self._broken[rule] = _BrokenRule(observed, remedy)

    def require(self, holds: bool, rule: str, observed: str, remedy: str) -> bool:
        """Note a broken ``rule`` unless it ``holds``; return ``holds``."""
        if not holds:
            self.add(rule, observed, remedy)
        return holds

    def attempt(self, action: Callable[[], T], rule: str, doing: str, remedy: str) -> T | Failed:
        """Return what ``action`` returns; where it raises, note a broken ``rule``."""
        try:
            return action()
        except Exception as error:  # the plug-in's code may raise anything; the error is the finding
            self.add(rule, f"{doing} raises {first_line(error)}", remedy)
            return Failed()

    def report(self) -> None:
        """Raise ``ContractError`` where a rule is broken."""
        if not self._broken:
            return
        lines = [f"{self._title} breaks {count(len(self._broken), 'rule')} of the contract:"]
        for rule, broken in self._broken.items():
            more = f" (and {count(broken.repeats, 'time')} more)" if broken.repeats else ""
            lines.append(f"- {rule}: {broken.observed}{more}. Remedy: {broken.remedy}.")
        raise ContractError("\n".join(lines))


def name_of(subject: Any) -> str:
    """Return ``module.name`` of a factory, of what a partial wraps, or of an object's class."""
    while isinstance(subject, functools.partial):
        subject = subject.func
    named = subject if hasattr(subject, "__qualname__") else type(subject)
    return f"{named.__module__}.{named.__qualname__}"


def count(number: int, word: str) -> str:
    """Return "1 rule" or "2 rules"."""
    return f"{number} {word}" + ("" if number == 1 else "s")


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return the names with commas, the first ``most`` of them and how many there are besides."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
