"""What every section of the configuration is: frozen to its depth, and plain values where it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from fer_plugins.config.overlay import copy_plain


@dataclass(frozen=True)
class Section:
    """Frozen keys; ``options``, where a section has them, are those of the component that it names.

    Another configuration is made by ``dataclasses.replace``.
    """

    def __post_init__(self) -> None:
        """Freeze lists and mappings too."""
        for key in fields(self):
            object.__setattr__(self, key.name, _freeze(getattr(self, key.name)))

    def __reduce__(self) -> tuple[Any, ...]:  # a MappingProxyType can be neither copied nor pickled
        return _restore, (type(self), {key.name: _thaw(getattr(self, key.name)) for key in fields(self)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as YAML, JSON and a checkpoint hold them: keys first, then options; a copy."""
        values = {key.name: _to_plain(getattr(self, key.name)) for key in fields(self)}
        options = values.pop("options", {})
        return {**values, **options}


def _restore(kind: type[Section], values: dict[str, Any]) -> Section:
    return kind(**values)


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
