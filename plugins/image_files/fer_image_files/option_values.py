"""Reject option values that their Literal type does not list."""

from __future__ import annotations

from typing import Any, get_args

from fer_plugins.runtime.errors import InputError


def check_value(owner: str, option: str, value: object, values: Any) -> None:
    """Raise InputError unless ``value`` is one of the Literal ``values``.

    Raises:
        InputError: unknown value; the message names ``owner``, the ``option`` and the accepted values.
    """
    choices = [str(choice) for choice in get_args(values)]
    if value not in get_args(values):
        raise InputError(
            f"{owner}: {option} is {value!r}; give --data.{option} {', '.join(choices[:-1])} or {choices[-1]}"
        )
