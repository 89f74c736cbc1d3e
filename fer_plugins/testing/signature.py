"""Checks a factory's signature: named arguments, and options that the command line can read and explain."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any

from fer_plugins.config.annotations import coerce
from fer_plugins.config.signatures import annotation_text
from fer_plugins.testing.findings import Failed, Findings

_PLAIN = {"int", "float", "bool", "str"}
_TYPES = "int, float, bool, str, Annotated[float, '0..1'], Literal[...], tuple or list of those, or `... | None`"


def check_signature(
    findings: Findings,
    factory: Callable[..., Any],
    *,
    required: Collection[str],
    offered: Collection[str],
    defaults: bool,
) -> dict[str, inspect.Parameter]:
    """Record what is wrong with the signature of ``factory``, and return its named parameters.

    Args:
        findings: where to record it.
        factory: a function, class or partial of one.
        required: parameters that it must have.
        offered: parameters whose values are passed by the core; all others are options for users.
        defaults: whether every option must have a default.
    """
    signature = findings.attempt(
        lambda: inspect.signature(factory), "signature", "reading it", "offer a function or a class written in Python"
    )
    if isinstance(signature, Failed):
        return {}
    named = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            stars = "**" if parameter.kind is parameter.VAR_KEYWORD else "*"
            findings.add(
                f"no {stars}{name}",
                f"the signature is {signature}",
                "name every option; others are refused by the core",
            )
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            findings.add("no positional-only arguments", f"{name} in {signature}", "let it be passed by name")
        else:
            named[name] = parameter
    for name in required:
        findings.require(
            name in named, f"takes {name}", f"the signature is {signature}", f"add {name}, which the core passes"
        )
    doc = _documentation(factory)
    for name, parameter in named.items():
        if name not in offered:
            _check_option(findings, parameter, doc, needs_default=defaults)
    return named


def _check_option(findings: Findings, parameter: inspect.Parameter, doc: str, *, needs_default: bool) -> None:
    name, default = parameter.name, parameter.default
    has_default = default is not parameter.empty
    if needs_default:
        findings.require(has_default, f"option {name} has a default", "it has none", "give the paper's value")
    if parameter.annotation is parameter.empty:
        findings.add(f"option {name} is typed", "it has no annotation", f"annotate it with {_TYPES}")
    else:
        text = annotation_text(parameter.annotation)
        if not _is_plain(text):
            findings.add(
                f"option {name} is typed",
                f"annotation `{text}` cannot be read from the source alone",
                f"write it out as {_TYPES}",
            )
        elif has_default:
            try:
                coerce(default, text)
            except TypeError as error:
                findings.add(f"default of option {name}", f"{default!r}, {error}", f"make it fit `{text}`")
    findings.require(
        re.search(rf"^\s*`{{0,2}}{name}`{{0,2}}(\s*\([^)]*\))?:\s*\S", doc, flags=re.MULTILINE) is not None,
        f"option {name} is described",
        "the docstring has no line for it under Args:",
        f"add `{name}: meaning, unit, range` there; it is the help on the command line",
    )


def _documentation(factory: Any) -> str:
    """Return the docstring of a function, or of a class and its constructor, from ``Args:`` on."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    docs = [inspect.getdoc(factory) or ""]
    if inspect.isclass(factory):
        docs.append(inspect.getdoc(factory.__init__) or "")
    return "\n".join(doc.partition("Args:")[2] for doc in docs)


def _is_plain(text: str) -> bool:
    try:
        return _is_plain_node(ast.parse(text, mode="eval").body)
    except SyntaxError:
        return False


def _is_plain_node(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None or node.value is ... or (isinstance(node.value, str) and _is_plain(node.value))
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and _is_plain_node(node.left) and _is_plain_node(node.right)
    if isinstance(node, ast.Subscript):
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        origin = ast.unparse(node.value).rpartition(".")[2]
        if origin == "Annotated":
            return len(items) == 2 and ast.unparse(items[0]) in ("int", "float") and _is_bound(items[1])
        if origin == "Literal":
            return all(isinstance(item, ast.Constant | ast.UnaryOp) for item in items)
        return origin in ("tuple", "list", "Optional", "Union") and all(map(_is_plain_node, items))
    return isinstance(node, ast.Name) and node.id in _PLAIN


def _is_bound(node: ast.expr) -> bool:
    text = node.value if isinstance(node, ast.Constant) else None
    number = r"-?\d+(\.\d+)?(e-?\d+)?"
    return isinstance(text, str) and re.fullmatch(rf">=? {number}|{number}\.\.{number}", text) is not None
