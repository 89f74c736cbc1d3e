"""One nested dictionary: defaults < recipe < --config files < flags. Reads, merges, checks and saves it. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fer_plugins.config import registry
from fer_plugins.config.callback_list import check_callbacks, lay_over
from fer_plugins.config.idle_options import check_idle, drop_idle
from fer_plugins.config.key_names import COMMAND_LINE, find_meant, unknown_key
from fer_plugins.config.keys import COMPONENT_SECTIONS as COMPONENT_SECTIONS
from fer_plugins.config.keys import Key as Key
from fer_plugins.config.keys import defaults as defaults
from fer_plugins.config.keys import schema as schema
from fer_plugins.config.keys import section_keys as section_keys
from fer_plugins.config.keys import section_meanings as section_meanings
from fer_plugins.config.logger_names import check_logger
from fer_plugins.config.signatures import REQUIRED, coerce
from fer_plugins.config.wandb_environment import apply_environment
from fer_plugins.config.yaml_files import PlainLoader, explain, load_yaml
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import check_plain

Config = dict[str, Any]

MANDATORY = "???"  # stands in a recipe where only the user knows the value
# On the synthetic faces, unless told otherwise: as little as the networks here learn something from.
DEMO_EPOCHS = 4
DEMO_DATA = {"samples": 840, "difficulty": 0.2}
_DEMO_SIZES = ("samples", "subjects", "frames")  # which must fit each other
FREE = ("optimizer", "scheduler")  # their arguments are those of a torch class


@dataclass
class Layer:
    """A partial configuration and where it came from, in the words of an error message."""

    values: Mapping[str, Any]
    origin: str


@dataclass
class Resolved:
    """A complete configuration, and for each dotted key where its value came from ("default" where nowhere)."""

    config: Config
    origins: dict[str, str] = field(default_factory=dict)
    notice: str | None = None  # for the user, about what was chosen for him
    notes: list[str] = field(default_factory=list)  # further lines of that kind
    series: dict[str, Any] | None = None  # of the seeds that the run is one of: id, number (from 0), count


def parse_value(text: str) -> Any:
    """Read a flag's value as YAML: numbers, true, null, [lists] and {mappings}; anything else is text.

    >>> parse_value("1e-3"), parse_value("[1, 2]"), parse_value("adam"), parse_value("null")
    (0.001, [1, 2], 'adam', None)
    """
    try:
        return load_yaml(text, PlainLoader)
    except yaml.YAMLError:
        return text


def read_file(path: str | Path, flag: str = "--config") -> Config:
    """Read a configuration file; ``flag`` is what the user gave it to, for the words of an error.

    Raises:
        InputError: it is missing, does not parse, has a key twice, or is no mapping.
    """
    try:
        content = load_yaml(Path(path).read_text(encoding="utf-8"), PlainLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{flag} {path}: {getattr(error, 'strerror', None) or 'is not a text file'}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{flag} {path}: {explain(error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{flag} {path}: expected sections with keys, found {type(content).__name__}")
    return content


def merge(base: Config, layer: Layer, origins: dict[str, str]) -> Config:
    """Lay ``layer`` over ``base`` (neither is changed) and note in ``origins`` where each value came from.

    ``section: NAME`` is short for ``section: {name: NAME}``. Where the name of a component changes, the options of the
    old one are dropped; the core's own keys of the section stay.

    Raises:
        InputError: unknown section or key, or a value where a section belongs.
    """
    check_plain(layer.values, layer.origin)
    result = {name: dict(value) if isinstance(value, dict) else value for name, value in base.items()}
    for name, value in layer.values.items():
        known = schema().get(name)
        if known is None:
            raise unknown_key(name, layer.origin, result)
        if isinstance(known, Key):
            result[name] = lay_over(result[name], value) if name == "callbacks" else value
            origins[name] = layer.origin
            continue
        if not isinstance(value, Mapping):
            if "name" not in known:
                raise InputError(f"{name}: is a section (from {layer.origin}); known keys: {', '.join(known)}")
            value = {"name": value}
        result[name] = _merge_section(result[name], dict(value), name, layer.origin, origins)
    return drop_idle(result, layer.values, origins)


def _merge_section(base: Config, values: Config, where: str, origin: str, origins: dict[str, str]) -> Config:
    if where == "protocol" and values.get("file") is not None:
        values = {"name": "file", **values}  # a split file is a protocol of its own
    if "name" in values and values["name"] != base.get("name"):
        kept = section_keys(where) if where in schema() else {}
        if where in FREE:
            kept = {name: key for name, key in kept.items() if name in ("name", "lr", "warmup_epochs")}
        base = {name: value for name, value in base.items() if name in kept}
    result = dict(base)
    for name, value in values.items():
        path = f"{where}.{name}"
        if path == "model.pool" and value is not None:  # a component inside a component
            inner = value if isinstance(value, Mapping) else {"name": value}
            old = result.get("pool")
            old = old if isinstance(old, Mapping) else {"name": old} if old else {}
            value = _merge_section(dict(old), dict(inner), path, origin, origins)
        if path == "data.targets" and isinstance(value, Mapping) and isinstance(result.get(name), Mapping):
            value = {**result[name], **{key: _over(result[name].get(key), one) for key, one in value.items()}}
        result[name] = value
        origins[path] = origin
    return result


def _over(old: Any, new: Any) -> Any:
    return {**old, **new} if isinstance(old, Mapping) and isinstance(new, Mapping) else new


def resolve(
    flags: Mapping[str, Any] | None = None,
    *,
    plugin: str | None = None,
    recipe: str | None = None,
    files: list[str] | None = None,
    origin: str = COMMAND_LINE,
) -> Resolved:
    """Build the complete, checked configuration of a run.

    Args:
        flags: nested values given on the command line or from Python; they win.
        plugin: architecture whose recipe is the base; None: the key ``plugin`` of the files or flags.
        recipe: a variant of that recipe.
        files: configuration files, later ones win.
        origin: what the flags are, in the words of an error.

    Raises:
        InputError: unknown or missing names, keys, options; wrong types; values out of range.
    """
    layers = [Layer(read_file(path), f"--config {path}") for path in files or []]
    layers.append(Layer(flags or {}, origin))
    if plugin is None:  # a saved configuration names the recipe that it was made from
        for layer in layers:
            plugin, recipe = layer.values.get("plugin", plugin), layer.values.get("recipe", recipe)
    return _resolve(layers, plugin, recipe)


def _resolve(layers: list[Layer], plugin: str | None, recipe: str | None) -> Resolved:
    origins: dict[str, str] = {}
    config = defaults()
    if plugin is not None:
        component = registry.find("architecture", str(plugin))
        config = merge(config, Layer({"model": {"name": str(plugin)}}, f"plug-in {plugin}"), origins)
        for part, values in registry.recipe(component, recipe).items():
            config = merge(config, Layer(values, f"{part} of {component.distribution}"), origins)
        config["model"]["name"] = str(plugin)  # as given: it may name the distribution
    elif recipe is not None:
        raise InputError("--recipe: needs --plugin NAME, whose recipes are meant")
    recipe_epochs = config["trainer"]["epochs"]
    for layer in layers:
        config = merge(config, layer, origins)
    config["plugin"], config["recipe"] = plugin, recipe
    resolved = Resolved(config, origins)
    _choose_demo(resolved, recipe_epochs)
    resolved.notes += apply_environment(config["logger"], origins)
    check(resolved)
    return resolved


def _choose_demo(resolved: Resolved, recipe_epochs: Any) -> None:
    """Shorten a run that names no data: it is a demonstration on synthetic faces."""
    config, origins = resolved.config, resolved.origins

    def is_asked(key: str) -> bool:
        return origins.get(key, "").startswith(("--config", "the command"))

    if is_asked("data.name"):
        return
    if not is_asked("trainer.epochs") and isinstance(recipe_epochs, int):
        config["trainer"]["epochs"] = min(recipe_epochs, DEMO_EPOCHS)
        if not is_asked("scheduler.warmup_epochs"):
            warmup = config["scheduler"].get("warmup_epochs", 0)
            config["scheduler"]["warmup_epochs"] = min(warmup, 1) if isinstance(warmup, int) else warmup
    if config["data"]["name"] == "synthetic" and not any(is_asked(f"data.{name}") for name in _DEMO_SIZES):
        config["data"].update({name: value for name, value in DEMO_DATA.items() if not is_asked(f"data.{name}")})
    who = f"--plugin {config['plugin']}" if config["plugin"] else f"--model {config['model'].get('name')}"
    if config["recipe"]:
        who += f" --recipe {config['recipe']}"
    epochs = f"{config['trainer']['epochs']} epochs"
    if recipe_epochs != config["trainer"]["epochs"]:
        epochs += f" (the recipe has {recipe_epochs})"
    resolved.notice = (
        f"No --data given: a demonstration on the {config['data']['name']} faces, {epochs}.\n"
        f"Real data: fer-run {who} --data fer2013 --data.root PATH/fer2013.csv"
    )


def check(resolved: Resolved) -> None:
    """Check names, options, types and ranges, and fill in the defaults of every option; changes ``resolved.config``.

    Raises:
        InputError: the first thing that is wrong, with where it stood.
    """
    config = resolved.config
    for path, key in _core_keys():
        section, _, name = path.rpartition(".")
        home = config[section] if section else config
        home[name] = _check_value(home.get(name), key.type, path, resolved.origins)
    if config["model"]["name"] is None:
        names = ", ".join(component.name for component in registry.available("architecture"))
        raise InputError(f"nothing to run: give --plugin NAME; installed: {names or 'none'}")
    if config["data"]["channels"] not in (1, 3):
        raise InputError(f"data.channels: expected 1 (grey) or 3 (colour), got {config['data']['channels']}")
    for section, kind in COMPONENT_SECTIONS.items():
        _check_offer(config[section], kind, section, resolved.origins)
    pool = config["model"]["pool"]
    if pool is not None:
        if not isinstance(pool, dict) or not isinstance(pool.get("name"), str):
            raise InputError("model.pool: expected a pooling's name or a mapping with its name and options")
        _check_offer(pool, "pooling", "model.pool", resolved.origins)
    config["callbacks"] = check_callbacks(config["callbacks"])
    allowed = {section: list(section_keys(section)) for section in ("selection", "trainer", "run")}
    for section, known in {**allowed, "logger": check_logger(config["logger"])}.items():
        for name in config[section]:
            if name not in known:
                meant = [f"; did you mean {key}?" for key in find_meant(name, config)]
                raise InputError(
                    f"{section}.{name}: unknown key{_from(resolved.origins, f'{section}.{name}')}"
                    f"{meant[0] if meant else registry.nearest(name, known)}; known: {', '.join(known)}"
                )
    check_idle(config)
    for path, value in _leaves(config):
        if value == MANDATORY:
            raise InputError(f"{path}: the recipe leaves it to you; give --{path} VALUE")


def _check_offer(section: Config, kind: str, where: str, origins: dict[str, str]) -> None:
    core = section_keys(where) if where in schema() else {"name": None}
    own = {name: value for name, value in section.items() if name not in core}
    given = {name: value for name, value in own.items() if value != MANDATORY}
    try:
        component, checked = registry.accept(kind, section["name"], given, where)
    except InputError as error:
        raise InputError(f"{error}{_from(origins, error.key or where)}", key=error.key) from None
    if component.name != section["name"].rpartition(":")[2]:
        section["name"] = component.name
    for option in registry.options(component):
        if option.default is not REQUIRED and option.name not in own:
            checked.setdefault(option.name, option.default)
    section.update({name: _plain(value) for name, value in checked.items()})


def _check_value(value: Any, kind: str, path: str, origins: dict[str, str]) -> Any:
    """Check one core key against its type in ``defaults.yaml``: alternatives with ``|``, each with bounds."""
    if kind == "any" or value == MANDATORY:
        return value
    bounds = re.compile(r"(.+?)\s+(?:(>=|>)\s*(\S+)|(\S+)\.\.(\S+))$")
    annotation, limits = [], []
    for part in kind.split(" | "):
        found = bounds.fullmatch(part)
        annotation.append(found[1] if found else part)
        limits.append(found)
    try:
        value = coerce(value, " | ".join("None" if part == "null" else part for part in annotation))
    except TypeError as error:
        raise InputError(f"{path}: {error}, got {value!r}{_from(origins, path)}") from None
    for found in limits:
        if found is None or not isinstance(value, int | float) or isinstance(value, bool):
            continue
        low, high = float(found[3] or found[4]), float(found[5] or "inf")
        if value < low or value > high or (found[2] == ">" and value == low) or value != value:
            raise InputError(f"{path}: expected {kind.replace(' | null', '')}, got {value!r}{_from(origins, path)}")
    return _plain(value)


def _core_keys() -> Iterator[tuple[str, Key]]:
    for name, key in schema().items():
        if isinstance(key, Key):
            yield name, key
        else:
            yield from ((f"{name}.{inner}", one) for inner, one in key.items())


def _from(origins: dict[str, str], path: str) -> str:
    return f" (from {origins[path]})" if path in origins else ""


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def dump(config: Config) -> str:
    """Return the configuration as YAML text, keys in their order."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
