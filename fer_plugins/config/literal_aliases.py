"""Finds the source file of a module without importing it, and expands names in annotations that alias a ``Literal``."""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import importlib.util
import re
import sys
from pathlib import Path

_DEPTH = 4  # maximum number of imports followed from file to file


def source_path(module: str) -> Path | None:
    """Return the source file of a module, or None if it has none; nothing is imported."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)  # of a top-level name only: a dotted one would import its parents
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for location in spec.submodule_search_locations or []:
        for path in (Path(location, *rest).with_suffix(".py"), Path(location, *rest, "__init__.py")):
            if path.is_file():
                return path
    return None


def parse_source(module: str, name: str) -> tuple[Path, ast.Module] | None:
    """Return the source file of a module and its syntax tree, which must not be modified; nothing is imported.

    Returns:
        None if the source does not exist, cannot be read, or does not contain ``name``.
    """
    path = source_path(module)
    try:
        text = path.read_text(encoding="utf-8") if path is not None else ""
        return (path, _parse(text)) if path is not None and name in text else None  # parsing costs 100 times as much
    except (OSError, SyntaxError, ValueError):
        return None


def read_summary(module: str, function: str) -> str:
    """Return the first line of the docstring of a top-level function, or "" if the source does not contain it.

    Only this function is parsed, because ``fer --help`` needs the summaries of all commands.
    """
    path = source_path(module)
    try:
        _, _, rest = (path.read_text(encoding="utf-8") if path is not None else "").partition(f"\ndef {function}(")
        own_lines = re.split(r"\n(?=[^\s)])", rest, maxsplit=1)[0]  # up to the next top-level statement
        definition = ast.parse(f"def f({own_lines}" if rest else "").body
    except (OSError, SyntaxError, ValueError):
        return ""
    doc = ast.get_docstring(definition[0]) if definition and isinstance(definition[0], ast.FunctionDef) else None
    return (doc or "").partition("\n")[0]


@functools.lru_cache(maxsize=64)
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def find_assigned(tree: ast.Module, name: str) -> ast.expr | None:
    """Return the expression first assigned to a top-level name of a module, or None."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(getattr(to, "id", None) == name for to in targets):
            return node.value
    return None


def find_origin(node: ast.stmt, name: str, module: str, path: Path) -> tuple[str, str] | None:
    """Return the module from which a statement imports ``name``, and the name there; None if it does not import it.

    Args:
        node: A top-level statement of ``module``.
        name: Name as used in ``module``.
        module: Full name of the module.
        path: Source file of the module.
    """
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                return _imported_module(node, module, path), alias.name
    return None


def _imported_module(node: ast.ImportFrom, module: str, path: Path) -> str:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    source = node.module or ""
    return source if node.level == 0 else f"{package}.{source}".rstrip(".")


class _WriteOut(ast.NodeTransformer):
    def __init__(self, module: str) -> None:
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _find_literal(self.module, node.id, _DEPTH) or node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if ast.unparse(node.value).rpartition(".")[2] != "Literal":
            node.slice = self.visit(node.slice)
        return node


def write_out(annotation: ast.expr, module: str) -> str:
    """Return an annotation as text, with each name that aliases a ``Literal`` replaced by that ``Literal[...]``.

    Args:
        annotation: Annotation as in the source.
        module: Module that contains it; names that it imports are followed.
    """
    return ast.unparse(_WriteOut(module).visit(copy.deepcopy(annotation)))


def _find_literal(module: str, name: str, depth: int) -> ast.expr | None:
    if hasattr(builtins, name) or module.partition(".")[0] in sys.stdlib_module_names:
        return None
    source = parse_source(module, name) if depth else None
    if source is None:
        return None
    path, tree = source
    value = find_assigned(tree, name)
    if value is not None:
        is_literal = isinstance(value, ast.Subscript) and ast.unparse(value.value).rpartition(".")[2] == "Literal"
        return value if is_literal else None
    for node in tree.body:
        if origin := find_origin(node, name, module, path):
            return _find_literal(*origin, depth - 1)
    return None
