"""Frozen objects that read like the flat mapping of a saved configuration: keys first, then a component's options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from fer_plugins.config.overlay import copy_plain


@dataclass(frozen=True, eq=False)
class FlatView(Mapping[str, Any]):
    """A frozen dataclass and its flat mapping: ``section.lr`` and ``section["lr"]``, options of a component among them.

    Values are frozen to their depth. What the mapping returns is plain (lists and dictionaries), and a copy: changing
    it changes nothing here. Another configuration is made by ``dataclasses.replace``.
    """

    def __post_init__(self) -> None:
        """Freeze the values."""
        for one in fields(self):
            object.__setattr__(self, one.name, _freeze(getattr(self, one.name)))

    def __getitem__(self, key: str) -> Any:
        if key != "options" and key in self._keys():
            return _thaw(getattr(self, key))
        return _thaw(self._options()[key])

    def __iter__(self) -> Iterator[str]:
        yield from self._keys()
        yield from self._options()

    def __len__(self) -> int:
        return len(self._keys()) + len(self._options())

    def __reduce__(self) -> tuple[Any, ...]:  # the proxies inside cannot be copied or pickled
        return _restore, (type(self), {one.name: _thaw(getattr(self, one.name)) for one in fields(self)})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as YAML, JSON and a checkpoint hold them; a copy."""
        values: dict[str, Any] = copy_plain(self)
        return values

    def _keys(self) -> list[str]:
        return [one.name for one in fields(self) if one.name != "options"]

    def _options(self) -> Mapping[str, Any]:
        options: Mapping[str, Any] = getattr(self, "options", {})
        return options


def _restore(kind: type[FlatView], values: dict[str, Any]) -> FlatView:
    return kind(**values)


def _freeze(value: Any) -> Any:
    if isinstance(value, FlatView):
        return value
    if isinstance(value, Mapping):
        return MappingProxyType({key: _freeze(one) for key, one in value.items()})
    return tuple(_freeze(one) for one in value) if isinstance(value, list | tuple) else value


def _thaw(value: Any) -> Any:
    if isinstance(value, FlatView):
        return value
    if isinstance(value, Mapping):
        return {key: _thaw(one) for key, one in value.items()}
    return [_thaw(one) for one in value] if isinstance(value, tuple) else value
