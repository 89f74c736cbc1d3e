"""The keys of the core as data: types, bounds, defaults and meanings, from the classes in ``schema``. No torch."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from fer_plugins.config.annotations import coerce, is_within
from fer_plugins.config.schema import RunConfig
from fer_plugins.config.section import Doc, Section
from fer_plugins.runtime.errors import InputError

# Sections that name a component of the registry -> its kind. Other names are checked later, when torch is loaded.
COMPONENT_SECTIONS = {
    "model": "architecture",
    "data": "dataset",
    "protocol": "protocol",
    "augmentation": "augmentation",
    "loss": "loss",
}
MANDATORY = "???"  # placeholder in a recipe for a value that only the user knows
COMPONENT_LISTS = {"callbacks": "callback"}  # keys that hold a list of components -> kind of the components


class Origin(NamedTuple):
    """Where a value came from: the kind of source, and its name for error messages."""

    kind: Literal["plug-in", "recipe", "dataset", "file", "flags", "environment"]
    text: str

    def __str__(self) -> str:
        return self.text


COMMAND_LINE = Origin("flags", "the command line")


@dataclass(frozen=True)
class Key:
    """A key of the configuration: its default, its type with bounds as text, and its meaning."""

    default: Any
    type: str
    help: str
    annotation: str  # the type without bounds, as read by ``annotations.coerce``
    bounds: str  # of a number; "" if unbounded
    unit: str  # of a number; "" if it has none
    shapes_model: bool  # False: the key only affects paths, reporting or speed


@functools.cache
def schema() -> dict[str, Key | dict[str, Key]]:
    """Return the keys of each section by name; keys without a section are at the top level."""
    keys: dict[str, Key | dict[str, Key]] = {}
    for name, (kind, doc, default) in _fields(RunConfig).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            keys[name] = {inner: _key(*declared) for inner, declared in _fields(kind).items()}
        else:
            keys[name] = _key(kind, doc, default)
    return keys


@functools.cache
def section_meanings() -> dict[str, str]:
    """Return section -> description."""
    return {name: doc.meaning for name, (_, doc, _) in _fields(RunConfig).items() if isinstance(schema()[name], dict)}


@functools.cache
def model_sections() -> tuple[str, ...]:
    """Return the sections whose keys are part of a model's identity."""
    return tuple(
        name for name, (_, doc, _) in _fields(RunConfig).items() if doc.shapes_model and name in section_meanings()
    )


def section_keys(section: str) -> dict[str, Key]:
    """Return the keys that the core defines for a section."""
    keys = schema()[section]
    assert isinstance(keys, dict)
    return keys


def core_keys() -> Iterator[tuple[str, Key]]:
    """Yield the dotted name and the ``Key`` of every key of the core."""
    for name, key in schema().items():
        if isinstance(key, Key):
            yield name, key
        else:
            yield from ((f"{name}.{inner}", value) for inner, value in key.items())


def defaults() -> dict[str, Any]:
    """Return a new copy of the default configuration as plain values."""
    return RunConfig().as_dict()


def check_value(value: Any, key: Key, path: str, origins: Mapping[str, Origin]) -> Any:
    """Convert a value to the type of its key.

    Raises:
        InputError: The value does not fit the type or the bounds.
    """
    if key.annotation == "any" or value == MANDATORY:
        return value
    try:
        value = coerce(value, key.annotation)
    except TypeError as error:
        raise InputError(f"{path}: {error}, got {value!r}{came_from(origins, path)}") from None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and key.bounds and not is_within(value, key.bounds):
        expected = key.type.replace(" | null", "")
        raise InputError(f"{path}: expected {expected}, got {value!r}{came_from(origins, path)}")
    return as_lists(value)


def came_from(origins: Mapping[str, Origin], path: str) -> str:
    """Return " (from ORIGIN)", or "" if no layer sets the key."""
    return f" (from {origins[path]})" if path in origins else ""


def as_lists(value: Any) -> Any:
    """Convert tuples to lists, recursively, so that YAML can represent them."""
    return [as_lists(item) for item in value] if isinstance(value, tuple | list) else value


def _fields(kind: type[Section]) -> dict[str, tuple[Any, Doc, Any]]:
    """Return name -> (type, documentation, default) of the keys of a section class."""
    keys = {}
    for field in dataclasses.fields(kind):
        if get_origin(field.type) is Annotated:
            annotation, doc = get_args(field.type)
            factory = field.default_factory
            keys[field.name] = (annotation, doc, field.default if factory is dataclasses.MISSING else factory())
    return keys


def _key(kind: Any, doc: Doc, default: Any) -> Key:
    text = kind.__name__ if type(kind) is type else str(kind).replace("typing.", "")
    text = text.replace("tuple[str, ...]", "list[str]")
    if kind in (Any, tuple[Any, ...]) or "ComponentConfig" in text:
        text = "any"
    shown = text if not doc.bounds else text.replace("int", f"int {doc.bounds}").replace("float", f"float {doc.bounds}")
    written = doc.form or shown.replace("None", "null")
    return Key(as_lists(default), written, doc.meaning, text, doc.bounds, doc.unit, doc.shapes_model)
