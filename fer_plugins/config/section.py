"""A section of the configuration: its keys are documented, deeply frozen, and saved as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from types import MappingProxyType
from typing import Any

from fer_plugins.config.overlay import copy_plain

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Doc:
    """The documentation of a key, used in the ``Annotated`` type of the key."""

    meaning: str
    bounds: str = ""  # "LOW..HIGH" (both included), "> LOW" or ">= LOW"
    unit: str = ""  # of a number
    form: str = ""  # how a value is written, if the type does not show it
    shapes_model: bool = True  # False: the key only affects paths, reporting or speed


@dataclass(frozen=True)
class Section:
    """Frozen keys; ``options``, if present, are those of the component that the section names.

    Use ``dataclasses.replace`` to make a modified configuration.
    """

    def __post_init__(self) -> None:
        """Freeze lists and mappings, too."""
        for key in fields(self):
            object.__setattr__(self, key.name, _freeze(getattr(self, key.name)))

    def __reduce__(self) -> tuple[Any, ...]:  # because a MappingProxyType can be neither copied nor pickled
        return partial(type(self), **{key.name: _thaw(getattr(self, key.name)) for key in fields(self)}), ()

    def as_dict(self) -> dict[str, Any]:
        """Return a copy as plain values, as stored in YAML, JSON and checkpoints: keys first, then options."""
        values = {key.name: _to_plain(getattr(self, key.name)) for key in fields(self)}
        options = values.pop("options", {})
        return {**values, **options}


def _freeze(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _freeze(inner) for key, inner in value.items()})
    return tuple(map(_freeze, value)) if isinstance(value, list | tuple) else value


def _thaw(value: Any) -> Any:
    if isinstance(value, Mapping):
        return copy_plain(value)
    return tuple(map(_thaw, value)) if isinstance(value, tuple) else value


def _to_plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.as_dict()
    return list(map(_to_plain, value)) if isinstance(value, list | tuple) else copy_plain(value)
