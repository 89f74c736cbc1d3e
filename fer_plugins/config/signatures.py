"""Reads the typed options of a factory from its source, without importing it, and checks values against them.

Help, ``--print-config`` and the refusal of unknown options must not cost the import of torch, so the signature and
the docstring's ``Args:`` section are read with ``ast``. Where the source does not tell (a factory made at run time),
the module is imported and inspected instead.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import re
from dataclasses import dataclass
from typing import Any

from fer_plugins.config.literal_aliases import find_origin, parse_source, source_path, write_out

Function = ast.FunctionDef | ast.AsyncFunctionDef
Numbers = int | float


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Option:
    """One parameter of a factory: its name, annotation as text, default (or ``REQUIRED``) and one line of meaning."""

    name: str
    annotation: str
    default: Any
    help: str = ""


@dataclass(frozen=True)
class Signature:
    """The named parameters of a factory, in order, and whether it swallows others with ``**``."""

    options: tuple[Option, ...]
    swallows: bool = False

    def named(self, name: str) -> Option | None:
        """Return the parameter ``name`` or None."""
        return next((option for option in self.options if option.name == name), None)


def read_signature(module: str, attribute: str) -> Signature:
    """Read the signature of ``module:attribute``; nothing is imported where the source tells.

    Raises:
        ImportError, AttributeError: there is no such module or attribute (and whatever importing it raises).
    """
    found = _find_definition(module, attribute, depth=4)
    if found is not None:
        try:
            return _from_source(*found)
        except ValueError:
            pass  # a default or annotation that only Python itself can evaluate
    return _from_object(getattr(importlib.import_module(module), attribute))


def _find_definition(module: str, attribute: str, depth: int) -> tuple[Function | ast.ClassDef, str] | None:
    """Return where a factory is defined, and the module; None where the source does not tell."""
    path = source_path(module)
    tree = parse_source(path) if path is not None and depth else None
    if path is None or tree is None:
        return None
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and node.name == attribute:
            return (node, module) if not node.decorator_list else None  # a decorator may change the signature
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    return _find_definition(find_origin(node, module, path), alias.name, depth - 1)
    return None


def _from_source(node: Function | ast.ClassDef, module: str) -> Signature:
    doc = ast.get_docstring(node) or ""
    skip_first = False
    if isinstance(node, ast.ClassDef):
        init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
        if init is None:
            raise ValueError("inherited constructor")
        doc += "\n" + (ast.get_docstring(init) or "")
        node, skip_first = init, True
    meanings = _docstring_args(doc)
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][1 if skip_first else 0 :]
    absent: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*absent, *arguments.defaults[-len(positional) :]] if positional else []
    pairs = [
        *zip(positional, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    options = tuple(
        Option(
            argument.arg,
            write_out(argument.annotation, module) if argument.annotation else "",
            REQUIRED if default is None else _literal(default),
            meanings.get(argument.arg, ""),
        )
        for argument, default in pairs
    )
    return Signature(options, swallows=arguments.kwarg is not None)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        if isinstance(node, ast.Name | ast.Attribute):
            return ast.unparse(node)  # a named default (pool=max_pool) is shown by its name
        raise


def _from_object(factory: Any) -> Signature:
    parameters = inspect.signature(factory).parameters.values()
    doc = inspect.getdoc(factory) or ""
    if inspect.isclass(factory):
        doc += "\n" + (inspect.getdoc(factory.__init__) or "")
    meanings = _docstring_args(doc)
    options = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        annotation = parameter.annotation
        text = "" if annotation is parameter.empty else annotation if isinstance(annotation, str) else None
        if text is None:
            plain = (
                annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else None
            )
            text = plain or str(annotation).replace("typing.", "")
        default = REQUIRED if parameter.default is parameter.empty else parameter.default
        options.append(Option(parameter.name, text, default, meanings.get(parameter.name, "")))
    return Signature(tuple(options), any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters))


def _docstring_args(doc: str) -> dict[str, str]:
    """Return name -> text of the Google-style ``Args:`` sections of a docstring."""
    meanings: dict[str, str] = {}
    inside, indent, entry_depth, current = False, 0, 0, ""
    for line in inspect.cleandoc(doc).splitlines():
        if re.fullmatch(r"\s*Args:\s*", line):
            inside, indent, current = True, len(line) - len(line.lstrip()), ""
        elif inside and line.strip():
            depth = len(line) - len(line.lstrip())
            entry = re.match(r"\s*`{0,2}(\w+)`{0,2}(?:\s*\([^)]*\))?:\s*(.*)", line)
            if depth <= indent:
                inside = False
            elif entry and (not current or depth <= entry_depth):
                current, entry_depth = entry[1], depth
                meanings[current] = entry[2].strip()
            elif current:
                meanings[current] += " " + line.strip()
    return meanings


def readable(annotation: str) -> str:
    """Return an annotation in the words of a command line.

    >>> readable("Literal['same', 'valid'] | None"), readable("tuple[float, float]"), readable("")
    ('same | valid | null', '[float, float]', 'any')
    >>> readable("Annotated[float, '0..1']")
    'float 0..1'
    """
    text = re.sub(
        r"(?:typing\.)?Literal\[([^\]]*)\]", lambda found: " | ".join(re.split(r",\s*", found[1])), annotation
    )
    text = re.sub(r"(?:typing\.)?Annotated\[(\w+), ([^\]]*)\]", r"\1 \2", text)
    text = re.sub(r"(?:tuple|list|Sequence)\[", "[", text)
    return re.sub(r"\bNone\b", "null", text).replace("'", "").replace('"', "") or "any"


def choices(annotation: str) -> list[Any]:
    """Return the values of the ``Literal`` in an annotation, in their order; empty where there is none.

    >>> choices("Literal['same', 'valid'] | None"), choices("int")
    (['same', 'valid'], [])
    """
    try:
        nodes = list(ast.walk(ast.parse(annotation, mode="eval")))
    except SyntaxError:
        return []
    literals = [node for node in nodes if isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal"]
    return [ast.literal_eval(item) for node in literals for item in _items(node.slice)]


def _items(inner: ast.expr) -> list[ast.expr]:
    return inner.elts if isinstance(inner, ast.Tuple) else [inner]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def coerce(value: Any, annotation: str) -> Any:
    """Return ``value`` as the annotation wants it (int to float, list to tuple, names to paths), within its bounds.

    Raises:
        TypeError: it does not fit; the text says what is expected.

    >>> coerce(1, "float"), coerce([1, 2], "tuple[float, float]"), coerce("a", "Literal['a', 'b'] | None")
    (1.0, (1.0, 2.0), 'a')
    >>> coerce("c", "Literal['a', 'b']")
    Traceback (most recent call last):
    TypeError: expected one of 'a', 'b'
    """
    if not annotation:
        return value
    try:
        node = ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return value
    try:
        return _coerce(value, node)
    except _UnexpectedError as error:
        raise TypeError(f"expected {error}") from None


class _UnexpectedError(Exception):
    """A value does not fit an annotation; the text says what would."""


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
        return _coerce_generic(value, ast.unparse(node.value).rpartition(".")[2], node.slice)
    return _coerce_plain(value, ast.unparse(node).rpartition(".")[2])


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
        known = [ast.literal_eval(item) for item in items]
        if not any(value == choice and type(value) is type(choice) for choice in known):
            raise _UnexpectedError("one of " + ", ".join(map(repr, known)))
        return value
    if origin == "Annotated":  # a number and its bounds, such as Annotated[float, "0..1"]
        kind, bounds = ast.unparse(items[0]), str(ast.literal_eval(items[1]))
        value = _coerce(value, items[0])
        if not is_within(value, bounds):
            raise TypeError(f"expected {kind} {bounds}")
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
        text = f"a list of {len(items) if fixed else ''} {ast.unparse(items[0])}".replace("  ", " ")
        if not isinstance(value, list | tuple) or (fixed and len(value) != len(items)):
            raise _UnexpectedError(text)
        try:
            return tuple(_coerce(item, items[place] if fixed else items[0]) for place, item in enumerate(value))
        except _UnexpectedError:
            raise _UnexpectedError(text) from None
    return value


def is_within(value: float, bounds: str) -> bool:
    """Return whether a number keeps ``LOW..HIGH`` (both included), ``> LOW`` or ``>= LOW``.

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
        if isinstance(value, int) and number:  # a folder called 2013
            return str(value)
        raise _UnexpectedError("text")
    return value  # an annotation of the plug-in's own: the factory itself checks
