"""Layers of configuration and their merging: defaults < recipe < --config files < flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fer_plugins.config.callback_list import lay_over as lay_callbacks
from fer_plugins.config.idle_options import drop_idle
from fer_plugins.config.key_names import unknown_key
from fer_plugins.config.keys import Key, Origin, schema, section_keys
from fer_plugins.config.overlay import as_named, copy_plain, lay_over
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import check_plain

Draft = dict[str, Any]  # plain values, not yet checked
FREE = ("optimizer", "scheduler")  # take the arguments of any torch class


@dataclass(frozen=True)
class Layer:
    """A partial configuration and where it came from."""

    values: Mapping[str, Any]
    origin: Origin


def merge(base: Mapping[str, Any], layer: Layer, origins: dict[str, Origin]) -> Draft:
    """Merge ``layer`` into a copy of ``base`` and record in ``origins`` where each value came from.

    ``section: NAME`` is short for ``section: {name: NAME}``. If the name of a component changes, the options of the old
    component are dropped; the core's own keys of the section are kept.

    Raises:
        InputError: A section or key is unknown, or a section is given a plain value.
    """
    check_plain(layer.values, layer.origin.text)
    result: Draft = copy_plain(base)
    values: Draft = copy_plain(layer.values)
    for name, value in values.items():
        keys = schema().get(name)
        if keys is None:
            raise unknown_key(name, layer.origin, result)
        if isinstance(keys, Key):
            result[name] = lay_callbacks(result[name], value) if name == "callbacks" else value
            origins[name] = layer.origin
            continue
        if not isinstance(value, Mapping) and "name" not in keys:
            raise InputError(f"{name}: is a section (from {layer.origin}); known keys: {', '.join(keys)}")
        result[name] = _merge_section(result[name], as_named(value), name, layer.origin, origins)
    return drop_idle(result, values, origins)


def _merge_section(base: Draft, values: Draft, where: str, origin: Origin, origins: dict[str, Origin]) -> Draft:
    if where == "protocol" and values.get("file") is not None:
        values = {"name": "file", **values}  # --protocol.file implies the protocol "file"
    if "name" in values and values["name"] != base.get("name"):
        core = section_keys(where) if where in schema() else {}
        if where in FREE:
            core = {name: key for name, key in core.items() if name in ("name", "lr", "warmup_epochs")}
        base = {name: value for name, value in base.items() if name in core}
    result = dict(base)
    for name, value in values.items():
        path = f"{where}.{name}"
        if path in ("model.pool", "data.face_crop") and value is not None:  # a component within a section
            old = as_named(result[name]) if result.get(name) else {}
            value = _merge_section(old, as_named(value), path, origin, origins)
        if path == "data.targets" and isinstance(value, Mapping):
            value = lay_over(result.get(name), value)
        result[name] = value
        origins[path] = origin
    return result
