"""Reads YAML written by hand: what plain loaders pass over in silence, or die of, is an error with its line."""

from __future__ import annotations

import re
from typing import Any

import yaml

_REPEATED = 100_000  # values that aliases repeat; more are a trap, not a configuration
_DEEPEST = 100  # mappings and lists within each other; the loader in C dies without a word at some 100,000


class PlainLoader(yaml.SafeLoader):
    """SafeLoader with the words of YAML 1.2: 1e-3 is a number; on, off, yes, no and dates are text."""


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

FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is built: ten times as fast


def load_yaml(text: str, loader: Any = FAST) -> Any:
    """Load one YAML document.

    Refused beside what the loader itself refuses: a key that stands twice in one mapping, of which YAML loaders keep
    the last; a value that contains itself; and values that no Python object can be made of (a 13th month, a number of
    5,000 digits).

    Args:
        text: the document.
        loader: a loader class of PyYAML, a safe one.

    Returns:
        The content; None for an empty document.

    Raises:
        yaml.YAMLError: it is not to be read; ``explain`` puts it into words.

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
    r"""Return "line 3: what is wrong", in one line.

    >>> try: load_yaml("a: 1\nb: 2\na: 3")
    ... except yaml.YAMLError as error: explain(error)
    "line 3: the key 'a' stands twice (first in line 1)"
    """
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error) or "unreadable"
    return (f"line {mark.line + 1}: " if mark else "") + " ".join(str(problem).split())


def _check_depth(text: str, loader: Any) -> None:
    try:
        _count_depth(text, loader)
    except yaml.scanner.ScannerError:
        # libyaml has a limit of its own, met before it yields what lies above: read in Python, ours is named.
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
    """Visit every node once; those that are being visited are above the current one.

    Counted is what the nodes are when each alias is a copy: nine aliases of nine aliases, nine times, are a billion.
    """
    above: set[int] = {id(root)}
    done: dict[int, int] = {}  # node -> values in it, itself counted
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
    """Return where a node begins; of one type for the loader in C and the one in Python."""
    return node.start_mark


def _inside(node: yaml.Node) -> list[yaml.Node]:
    """Return the nodes of a node; of a mapping, the keys are checked first."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if not isinstance(node, yaml.MappingNode):
        return []
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        if (name := (key.tag, key.value)) in lines:
            problem = f"the key {key.value!r} stands twice (first in line {lines[name] + 1})"
            raise yaml.constructor.ConstructorError(None, None, problem, _mark(key))
        lines[name] = key.start_mark.line
    return [child for pair in node.value for child in pair]
