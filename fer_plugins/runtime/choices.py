"""Checks options that take one of a few values; used by the core and by plug-ins."""

from __future__ import annotations

from collections.abc import Collection


def check_choice(option: str, value: object, choices: Collection[str], owner: str = "") -> None:
    """Raise an error if a value is not one of ``choices``.

    Args:
        option: Name of the option.
        value: Value to check.
        choices: Allowed values.
        owner: Owner of the option, put before its name; "" if the caller adds it.

    Raises:
        ValueError: The value is not allowed. The contract uses this exception for refused options.

    >>> check_choice("fill", "edge", ("zero", "mean"), owner="shift")
    Traceback (most recent call last):
    ValueError: shift: fill is 'edge'; use one of zero, mean
    """
    if value not in choices:
        whose = f"{owner}: " if owner else ""
        raise ValueError(f"{whose}{option} is {value!r}; use one of {', '.join(choices)}")
