"""Reads the typed options of a factory from its source without importing it.

``--help``, ``--print-config`` and the check for unknown options must not import torch, so the signature and the
``Args:`` section of the docstring are read with ``ast``. If the source does not contain them (a factory created at run
time), the module is imported and inspected instead.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from typing import Any

from fer_plugins.config.literal_aliases import find_assigned, find_origin, parse_source, write_out

Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Option:
    """A parameter of a factory: name, annotation as text, default (or ``REQUIRED``) and one line of documentation."""

    name: str
    annotation: str
    default: Any
    help: str = ""


@dataclass(frozen=True)
class Signature:
    """The named parameters of a factory, in order, and whether it also takes ``**kwargs``."""

    options: tuple[Option, ...]
    swallows: bool = False

    def named(self, name: str) -> Option | None:
        """Return the parameter ``name``, or None."""
        return next((option for option in self.options if option.name == name), None)


def read_signature(module: str, attribute: str) -> Signature:
    """Read the signature of ``module:attribute``, without importing the module if its source is sufficient.

    Raises:
        ImportError, AttributeError: The module or attribute does not exist (importing it may raise any other
        exception).
    """
    definition = _find_definition(module, attribute, depth=4)
    if definition is not None:
        try:
            return _from_source(*definition)
        except ValueError:
            pass  # a default or annotation that has to be evaluated
    return _from_object(getattr(importlib.import_module(module), attribute))


def read_constant(module: str, name: str, depth: int = 4) -> Any:
    """Return the literal assigned to a top-level name of a module, without importing it; None if there is none.

    Args:
        module: Full name of the module; if it imports the name, the module it is imported from is read.
        name: Name of the constant.
        depth: Maximum number of imports to follow.
    """
    source = parse_source(module, name)
    if source is None:
        return None
    path, tree = source
    value = find_assigned(tree, name)
    if value is not None:
        return _literal(value)
    for node in tree.body if depth else ():
        if origin := find_origin(node, name, module, path):
            return read_constant(*origin, depth - 1)
    return None


def read_beside(module: str, attribute: str, name: str) -> Any:
    """Return the top-level literal ``name`` of the module that defines ``module:attribute``, or None."""
    definition = _find_definition(module, attribute, depth=4)
    return read_constant(definition[1], name) if definition is not None else None


def _find_definition(module: str, attribute: str, depth: int) -> tuple[Function | ast.ClassDef, str] | None:
    """Return the definition of a factory and its module; None if the source does not contain it."""
    source = parse_source(module, attribute) if depth else None
    if source is None:
        return None
    path, tree = source
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and node.name == attribute:
            return (node, module) if not node.decorator_list else None  # a decorator may change the signature
        if origin := find_origin(node, attribute, module, path):
            return _find_definition(*origin, depth - 1)
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
    pairs = [*zip(positional, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
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
            return ast.unparse(node)  # a default such as pool=max_pool is shown by name
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
        text = "" if annotation is parameter.empty else annotation_text(annotation)
        default = REQUIRED if parameter.default is parameter.empty else parameter.default
        options.append(Option(parameter.name, text, default, meanings.get(parameter.name, "")))
    return Signature(tuple(options), any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters))


def annotation_text(annotation: Any) -> str:
    """Return an annotation as written in source code.

    >>> annotation_text(int), annotation_text(tuple[int, ...]), annotation_text("float")
    ('int', 'tuple[int, ...]', 'float')
    """
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


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
