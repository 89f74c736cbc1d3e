"""Takes a flag and its value out of the words of a command that sorts its words itself."""

from __future__ import annotations

from collections.abc import Sequence

from fer_plugins.runtime.errors import InputError


def take_value(words: Sequence[str], flag: str, refusal: str) -> tuple[list[str], str]:
    """Return the words without ``flag VALUE`` or ``flag=VALUE``, and the value; "" where the flag is not there.

    Args:
        words: of the command.
        flag: such as "--target".
        refusal: the line that refuses a flag without its value, or one given twice.

    Raises:
        InputError: the value is missing or empty, or the flag comes twice.

    >>> take_value(["a", "--target", "ck", "b"], "--target", "expected a name")
    (['a', 'b'], 'ck')
    """
    places = [place for place, word in enumerate(words) if word == flag or word.startswith(f"{flag}=")]
    if not places:
        return list(words), ""
    place = places[0]
    inside = words[place].startswith(f"{flag}=")
    value = words[place].partition("=")[2] if inside else "".join(words[place + 1 : place + 2])
    if len(places) > 1 or not value or value.startswith("-"):
        raise InputError(refusal)
    return [*words[:place], *words[place + (1 if inside else 2) :]], value
