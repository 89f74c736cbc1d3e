"""Type annotations as text: format them for users, list their choices and check values against them. No torch."""

from __future__ import annotations

import ast
import functools
import math
import re
from typing import Any

Numbers = int | float


def readable(annotation: str) -> str:
    """Return an annotation in the notation used by the command line help.

    >>> readable("Literal['same', 'valid'] | None"), readable("tuple[float, float]"), readable("")
    ('same | valid | null', '[float, float]', 'any')
    >>> readable("Annotated[float, '0..1']")
    'float 0..1'
    """
    text = re.sub(
        r"(?:typing\.)?Literal\[([^\]]*)\]", lambda match: " | ".join(re.split(r",\s*", match[1])), annotation
    )
    text = re.sub(r"(?:typing\.)?Annotated\[(\w+), ([^\]]*)\]", r"\1 \2", text)
    text = re.sub(r"(?:tuple|list|Sequence)\[", "[", text)
    return re.sub(r"\bNone\b", "null", text).replace("'", "").replace('"', "") or "any"


def choices(annotation: str) -> list[Any]:
    """Return the values of the ``Literal`` in an annotation, in order; an empty list if it has none.

    >>> choices("Literal['same', 'valid'] | None"), choices("int")
    (['same', 'valid'], [])
    """
    parsed = _parse(annotation)
    nodes = ast.walk(parsed) if parsed is not None else ()
    literals = [node for node in nodes if isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal"]
    return [ast.literal_eval(item) for node in literals for item in _items(node.slice)]


def _items(inner: ast.expr) -> list[ast.expr]:
    return inner.elts if isinstance(inner, ast.Tuple) else [inner]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def coerce(value: Any, annotation: str) -> Any:
    """Convert ``value`` to the annotated type (int to float, list to tuple, ...) and check its bounds.

    Raises:
        TypeError: The value does not fit the annotation; the message says what is expected.

    >>> coerce(1, "float"), coerce([1, 2], "tuple[float, float]"), coerce("a", "Literal['a', 'b'] | None")
    (1.0, (1.0, 2.0), 'a')
    >>> coerce("c", "Literal['a', 'b']")
    Traceback (most recent call last):
    TypeError: expected one of 'a', 'b'
    """
    node = _parse(annotation)
    if node is None:
        return value
    try:
        return _coerce(value, node)
    except _UnexpectedError as error:
        raise TypeError(f"expected {error}") from None


@functools.cache
def _parse(annotation: str) -> ast.expr | None:
    try:
        return ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return None


class _UnexpectedError(Exception):
    """Raised if a value does not fit an annotation; the text says what is expected."""


def _coerce(value: Any, node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return coerce(value, node.value)
        if value is None:
            return value
        raise _UnexpectedError("null")
    if isinstance(node, ast.BinOp):
        return _coerce_any(value, [node.left, node.right])
    if isinstance(node, ast.Subscript):
        return _coerce_generic(value, _last_name(node.value), node.slice)
    return _coerce_plain(value, _last_name(node))


def _coerce_any(value: Any, nodes: list[ast.expr]) -> Any:
    wanted: list[str] = []
    for node in nodes:
        try:
            return _coerce(value, node)
        except _UnexpectedError as error:
            wanted.append(str(error))
    raise _UnexpectedError(" or ".join(wanted))


def _coerce_generic(value: Any, origin: str, inner: ast.expr) -> Any:
    items = _items(inner)
    if origin == "Literal":
        allowed = [ast.literal_eval(item) for item in items]
        if not any(value == choice and type(value) is type(choice) for choice in allowed):
            raise _UnexpectedError("one of " + ", ".join(map(repr, allowed)))
        return value
    if origin == "Annotated":  # a number and its bounds, such as Annotated[float, "0..1"]
        kind, bounds = ast.unparse(items[0]), str(ast.literal_eval(items[1]))
        value = _coerce(value, items[0])
        if not is_within(value, bounds):
            raise TypeError(f"expected {kind} {bounds}")
        return value
    if origin == "Optional":
        return value if value is None else _coerce(value, inner)
    if origin == "Union":
        return _coerce_any(value, items)
    if origin in ("tuple", "Tuple", "list", "List", "Sequence"):
        fixed = origin.lower() == "tuple" and not ast.unparse(inner).endswith("...)")
        text = f"a list of {f'{len(items)} ' if fixed else ''}{ast.unparse(items[0])}"
        if not isinstance(value, list | tuple):
            text += f", written [{','.join('abcdefgh'[: len(items)] if fixed else 'ab')}]"
        if not isinstance(value, list | tuple) or (fixed and len(value) != len(items)):
            raise _UnexpectedError(text)
        try:
            return tuple(_coerce(item, items[place] if fixed else items[0]) for place, item in enumerate(value))
        except _UnexpectedError:
            raise _UnexpectedError(text) from None
    return value


def is_within(value: float, bounds: str) -> bool:
    """Return whether a number is within the bounds ``LOW..HIGH`` (both inclusive), ``> LOW`` or ``>= LOW``.

    >>> is_within(1.0, "0..1"), is_within(0.0, "> 0"), is_within(0, ">= 0")
    (True, False, True)
    """
    low, _, high = bounds.lstrip(">= ").partition("..")
    above = value > float(low) if bounds.startswith("> ") else value >= float(low)
    return above and (not high or value <= float(high))


def _coerce_plain(value: Any, name: str) -> Any:
    number = isinstance(value, Numbers) and not isinstance(value, bool)
    if name == "float":
        try:
            if number and math.isfinite(float(value)):
                return float(value)
        except OverflowError:
            pass
        raise _UnexpectedError("a number")
    if name == "int":
        if number and (isinstance(value, int) or value.is_integer()):
            return int(value)
        raise _UnexpectedError("a whole number")
    if name == "bool":
        if isinstance(value, bool):
            return value
        raise _UnexpectedError("true or false")
    if name in ("str", "Path"):
        if isinstance(value, str):
            return value
        if isinstance(value, int) and number:  # a folder named 2013
            return str(value)
        raise _UnexpectedError("text")
    return value  # a type defined by the plug-in: its factory checks the value
