"""Reads hand-written YAML: input that other loaders silently accept or crash on is an error with its line number."""

from __future__ import annotations

import re
from typing import Any

import yaml

_REPEATED = 100_000  # limit on values repeated by aliases; more are an attack, not a configuration
_DEEPEST = 100  # limit on nested mappings and lists; the C loader crashes without a message at about 100,000


class PlainLoader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2: 1e-3 is a number; on, off, yes, no and dates are text."""


_BOOL, _FLOAT, _DATE = (f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "timestamp"))
PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_BOOL, _DATE)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first in "tTfF":
    PlainLoader.yaml_implicit_resolvers.setdefault(_first, []).append(
        (_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"))
    )
for _first in "-+0123456789.":
    PlainLoader.yaml_implicit_resolvers.setdefault(_first, []).insert(
        0, (_FLOAT, re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"))
    )


class FlagLoader(PlainLoader):
    """PlainLoader for the values of flags, in which Python's None is null as well."""


FlagLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^None$"), ["N"])

FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader, if available, is ten times as fast


def load_yaml(text: str, loader: Any = FAST) -> Any:
    """Load one YAML document.

    In addition to the errors of the loader, these are errors: a duplicate key in a mapping (YAML loaders keep the last
    one), a value that contains itself, and a value that cannot be converted to a Python object (a 13th month, a number
    of 5,000 digits).

    Args:
        text: The document.
        loader: A safe loader class of PyYAML.

    Returns:
        The content; None for an empty document.

    Raises:
        yaml.YAMLError: The document cannot be read; ``explain`` formats the error.

    >>> load_yaml("a: {b: 1, c: 2}")
    {'a': {'b': 1, 'c': 2}}
    """
    _check_depth(text, loader)
    reader = loader(text)
    try:
        root = reader.get_single_node()
        if root is None:
            return None
        _check(root)
        return reader.construct_document(root)
    except yaml.YAMLError:
        raise
    except Exception as error:  # PyYAML's constructors raise what Python's int, date, ... raise
        raise yaml.YAMLError(f"a value cannot be read: {error}") from None
    finally:
        reader.dispose()


def explain(error: yaml.YAMLError) -> str:
    r"""Return the error as one line, "line 3: what is wrong".

    >>> try: load_yaml("a: 1\nb: 2\na: 3")
    ... except yaml.YAMLError as error: explain(error)
    "line 3: the key 'a' appears twice (first in line 1)"
    """
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error) or "unreadable"
    return (f"line {mark.line + 1}: " if mark else "") + " ".join(str(problem).split())


def _check_depth(text: str, loader: Any) -> None:
    try:
        _count_depth(text, loader)
    except yaml.scanner.ScannerError:
        # libyaml reaches its own depth limit before it yields any event; the Python loader reaches ours first.
        _count_depth(text, yaml.SafeLoader)
        raise


def _count_depth(text: str, loader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                problem = f"more than {_DEEPEST} lists and mappings within each other"
                raise yaml.constructor.ConstructorError(None, None, problem, _mark(event))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check(root: yaml.Node) -> None:
    """Visit every node once and raise an error for recursive values and for too many values repeated by aliases.

    Values are counted as if every alias were a copy: nine levels of nine aliases each are a billion values.
    """
    above: set[int] = {id(root)}
    done: dict[int, int] = {}  # node -> number of values in it, including itself
    path = [(root, iter(_inside(root)))]
    while path:
        node, rest = path[-1]
        child = next(rest, None)
        if child is None:
            path.pop()
            above.discard(id(node))
            done[id(node)] = 1 + sum(done[id(inner)] for inner in _inside(node))
            if done[id(node)] - len(done) > _REPEATED:
                problem = f"aliases repeat more than {_REPEATED:,} values"
                raise yaml.constructor.ConstructorError(None, None, problem, _mark(node))
        elif id(child) in above:
            raise yaml.constructor.ConstructorError(None, None, "a value contains itself", _mark(child))
        elif id(child) not in done:
            above.add(id(child))
            path.append((child, iter(_inside(child))))


def _mark(node: yaml.Node | yaml.Event) -> Any:
    """Return where a node starts, with the same type for the C and the Python loader."""
    return node.start_mark


def _inside(node: yaml.Node) -> list[yaml.Node]:
    """Return the child nodes of a node; the keys of a mapping are checked for duplicates first."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        if (name := (key.tag, key.value)) in lines:
            problem = f"the key {key.value!r} appears twice (first in line {lines[name] + 1})"
            raise yaml.constructor.ConstructorError(None, None, problem, _mark(key))
        lines[name] = key.start_mark.line
    return [child for pair in node.value for child in pair]
