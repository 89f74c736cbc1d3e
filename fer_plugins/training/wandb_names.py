"""How a run is called in W&B: the group says everything but the seed, the name what tells the run from its group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_plugins import config as configuration
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

LONGEST = 128  # characters that W&B takes
# What does not make another model: where things lie, and what only sets the pace.
_LEFT_OUT = ("seed", "run", "logger", "plugin", "recipe")
_LEFT_OUT_OF = {
    "model": ("name", "pool"),
    "data": ("name", "cache", "memory_gb", "workers", "leaks"),
    "protocol": ("name",),
    "trainer": ("accelerator", "progress", "threads"),
}


def group_of(config: Mapping[str, Any]) -> str:
    """Return ``plugin.recipe/dataset/protocol/pooling/changed options``: equal for runs that differ by seed alone.

    Changed options are those whose values are not the recipe's. At most 128 characters; a longer one ends in a hash.
    """
    return _shorten("/".join([_model(config), _name(config, "data"), _name(config, "protocol"), *_changes(config)]))


def name_of(config: Mapping[str, Any]) -> str:
    """Return ``plugin.recipe/pooling/changed options/seed N``, with ``fold N`` where the run is one of several."""
    fold = (config.get("run") or {}).get("fold")
    ending = f"/seed {config.get('seed')}" + (f" fold {fold}" if fold else "")
    said = [_model(config), *_changes(config, without=("data.root",))]
    return _shorten("/".join(said), LONGEST - len(ending)) + ending


def _model(config: Mapping[str, Any]) -> str:
    name = str(config.get("plugin") or _name(config, "model"))
    return f"{name}.{config['recipe']}" if config.get("recipe") else name


def _name(config: Mapping[str, Any], section: str) -> str:
    return str((config.get(section) or {}).get("name"))


def _changes(config: Mapping[str, Any], without: Sequence[str] = ()) -> list[str]:
    """Return the pooling and the changed options, each only where there is something to say."""
    pool = (config.get("model") or {}).get("pool")
    usual = dict(_leaves(_recipe(config)))
    changed = [
        f"{key}={_write(value)}" for key, value in _leaves(config) if usual.get(key) != value and key not in without
    ]
    return [*([_pooling(pool)] if pool else []), *([",".join(sorted(changed))] if changed else [])]


def _pooling(pool: Any) -> str:
    if not isinstance(pool, Mapping):
        return str(pool)
    options = [f"{key}={_write(value)}" for key, value in sorted(pool.items()) if key != "name" and value is not None]
    return str(pool.get("name")) + (f"({','.join(options)})" if options else "")


def _recipe(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration that this run would have with the same plug-in, recipe, dataset and protocol alone."""
    flags = {section: {"name": _name(config, section)} for section in ("data", "protocol")}
    if config.get("plugin") is None:
        flags["model"] = {"name": _name(config, "model")}
    try:
        resolved = configuration.resolve(flags, plugin=config.get("plugin"), recipe=config.get("recipe"))
    except InputError:  # the recipe leaves a value to the user: all that the defaults do not say counts as changed
        usual = configuration.defaults()
        for option in registry.options(registry.find("loss", usual["loss"]["name"])):
            usual["loss"][option.name] = option.default
        return usual
    return resolved.config


def _leaves(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, values in config.items():
        if section in _LEFT_OUT:
            continue
        if not isinstance(values, Mapping):
            yield section, values
            continue
        for key, value in values.items():
            if key not in _LEFT_OUT_OF.get(section, ()):
                yield f"{section}.{key}", value


def _write(value: Any) -> str:
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return Path(value).name  # of a path: where it lies differs between machines
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _shorten(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 9]}~{_hash(text, 8)}"


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
