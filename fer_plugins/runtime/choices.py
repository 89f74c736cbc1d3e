"""The check of an option that takes one of a few values, for the core and for plug-ins."""

from __future__ import annotations

from collections.abc import Collection


def check_choice(option: str, value: object, choices: Collection[str], owner: str = "") -> None:
    """Refuse a value that is none of ``choices``.

    Args:
        option: its name.
        value: as given.
        choices: what it may be.
        owner: whose option it is, where the caller does not say it; it stands before the option.

    Raises:
        ValueError: it is none of them, in the contract's way to refuse an option.

    >>> check_choice("fill", "edge", ("zero", "mean"), owner="shift")
    Traceback (most recent call last):
    ValueError: shift: fill is 'edge'; use one of zero, mean
    """
    if value not in choices:
        whose = f"{owner}: " if owner else ""
        raise ValueError(f"{whose}{option} is {value!r}; use one of {', '.join(choices)}")
