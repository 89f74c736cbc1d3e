"""Names a run and its group in W&B: runs of one group differ by seed or fold alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fer_plugins import config as configuration
from fer_plugins.config import RunConfig, registry
from fer_plugins.config.schema import ComponentConfig
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


def group_of(config: RunConfig) -> str:
    """Return ``plugin.recipe/dataset/protocol/pooling/changed options``: equal for runs that differ by seed alone.

    Changed options are those whose values are not the recipe's. At most 128 characters; a longer one ends in a hash.
    """
    return _shorten("/".join([_model(config), config.data.name, config.protocol.name, *_changes(config)]))


def name_of(config: RunConfig) -> str:
    """Return ``plugin.recipe/pooling/changed options/seed N``, with ``fold N`` where the run is one of several."""
    fold = config.run.fold
    ending = f"/seed {config.seed}" + (f" fold {fold}" if fold else "")
    splits = [_model(config), *_changes(config, without=("data.root", "data.votes"))]
    return _shorten("/".join(splits), LONGEST - len(ending)) + ending


def _model(config: RunConfig) -> str:
    name = config.plugin or str(config.model.name)
    return f"{name}.{config.recipe}" if config.recipe else name


def _changes(config: RunConfig, without: Sequence[str] = ()) -> list[str]:
    """Return the pooling and the changed options, where there are any."""
    pool, usual = config.model.pool, dict(_leaves(_recipe(config)))
    changed = [
        f"{key}={_write(value)}"
        for key, value in _leaves(config.as_dict())
        if usual.get(key) != value and key not in without
    ]
    return [*([_pooling(pool)] if pool else []), *([",".join(sorted(changed))] if changed else [])]


def _pooling(pool: ComponentConfig) -> str:
    options = {key: value for key, value in pool.as_dict().items() if key != "name" and value is not None}
    listed = [f"{key}={_write(value)}" for key, value in sorted(options.items())]
    return pool.name + (f"({','.join(listed)})" if listed else "")


def _recipe(config: RunConfig) -> dict[str, Any]:
    """Return the configuration that this run would have with the same plug-in, recipe, dataset and protocol alone."""
    flags = {"data": config.data.name, "protocol": config.protocol.name}
    if config.plugin is None:
        flags["model"] = str(config.model.name)
    try:
        return configuration.resolve(flags, plugin=config.plugin, recipe=config.recipe).config.as_dict()
    except InputError:  # the recipe leaves a value to the user: all that the defaults do not say counts as changed
        usual = configuration.defaults()
        for option in registry.options(registry.find("loss", usual["loss"]["name"])):
            usual["loss"][option.name] = option.default
        return usual


def _leaves(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, value in configuration.leaves(config, depth=2):
        section, _, key = path.partition(".")
        if section not in _LEFT_OUT and key not in _LEFT_OUT_OF.get(section, ()):
            yield path, value


def _write(value: Any) -> str:
    if isinstance(value, str) and ("/" in value or "\\" in value):
        return Path(value).name  # of a path: where it lies differs between machines
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _shorten(text: str, longest: int = LONGEST) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return text if len(text) <= longest else f"{text[: longest - 9]}~{digest[:8]}"
