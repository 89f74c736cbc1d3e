"""The key ``callbacks``: its accepted forms, how its layers are merged, and the check of its options. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.overlay import as_named
from fer_plugins.config.signatures import REQUIRED
from fer_plugins.runtime.errors import InputError

_SPELLINGS = "names with commas between, a list of names or of {name: NAME, option: value}, or NAME: {option: value}"


def lay_over(old: Any, new: Any) -> list[dict[str, Any]]:
    """Merge the callbacks of a new layer into those of the layers below it.

    Args:
        old: Callbacks of the layers below.
        new: "none", comma-separated names, or a list of names and mappings, any of which replaces ``old``; or a mapping
            NAME: {option: value} (the flags ``--callbacks.NAME.option value``), which changes or extends ``old``.

    Raises:
        InputError: ``new`` has another form, or names a callback twice.

    >>> lay_over([], "ema"), lay_over([{"name": "ema", "decay": 0.9}], {"ema": {"every_n_steps": 2}})
    ([{'name': 'ema'}], [{'name': 'ema', 'decay': 0.9, 'every_n_steps': 2}])
    """
    if not isinstance(new, Mapping):
        return _read(new)
    changes = dict(new)
    below = _read(changes.pop("name")) if "name" in changes else _read(old)  # --callbacks A --callbacks.A.option value
    result = {callback["name"]: callback for callback in below}
    for name, options in changes.items():
        if not isinstance(options, Mapping):
            raise InputError(f"callbacks.{name}: expected {_SPELLINGS}")
        result[name] = {**result.get(name, {"name": name}), **options}
    return list(result.values())


def _read(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        value = [] if value == "none" else [name.strip() for name in value.split(",")]
    if value is None:
        value = []
    if not isinstance(value, list | tuple):
        raise InputError(f"callbacks: expected {_SPELLINGS}, got {value!r}")
    callbacks = list(map(as_named, value))
    names = [callback.get("name") for callback in callbacks]
    for name in names:
        if not isinstance(name, str) or not name:
            raise InputError(f"callbacks: expected {_SPELLINGS}, got {value!r}")
        if names.count(name) > 1:
            raise InputError(f"callbacks: {name} is there twice; leave one out")
    return callbacks


def check_callbacks(callbacks: Any) -> list[dict[str, Any]]:
    """Check the options of all callbacks and fill in the defaults of those that are not set.

    Raises:
        InputError: A name or option is unknown, or a value has the wrong type.
    """
    checked = []
    for callback in _read(callbacks):
        name = callback["name"]
        component = registry.find("callback", name)
        user_options = {key: value for key, value in callback.items() if key != "name"}
        options = registry.check_options(component, user_options, f"callbacks.{name}")
        defaults = {
            option.name: option.default for option in registry.options(component) if option.default is not REQUIRED
        }
        values = {"name": name, **defaults, **options}
        checked.append({key: list(value) if isinstance(value, tuple) else value for key, value in values.items()})
    return checked
