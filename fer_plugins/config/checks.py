"""Checks a merged configuration, fills in the defaults of its components, and freezes it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.callback_list import check_callbacks
from fer_plugins.config.idle_options import check_idle, refuse_idle
from fer_plugins.config.key_names import find_alike
from fer_plugins.config.keys import (
    COMPONENT_SECTIONS,
    MANDATORY,
    Origin,
    as_lists,
    came_from,
    check_value,
    core_keys,
    schema,
    section_keys,
)
from fer_plugins.config.layers import Draft
from fer_plugins.config.logger_names import check_logger
from fer_plugins.config.overlay import as_named, leaves
from fer_plugins.config.saved import read_config
from fer_plugins.config.schema import RunConfig
from fer_plugins.config.signatures import REQUIRED
from fer_plugins.runtime.errors import InputError


def check(config: Draft, origins: Mapping[str, Origin], *, network: bool = True) -> RunConfig:
    """Check names, options, types and ranges; return the configuration with all defaults filled in.

    Args:
        config: Merged layers; modified in place.
        origins: Dotted key -> where its value came from.
        network: Whether a network is trained. If False, ``model`` is only a name, which need not be installed.

    Raises:
        InputError: The first error found, with the origin of the value.
    """
    for path, key in core_keys():
        section, _, name = path.rpartition(".")
        values = config[section] if section else config
        values[name] = check_value(values.get(name), key, path, origins)
    if config["model"]["name"] is None:
        installed = ", ".join(component.name for component in registry.available("architecture"))
        raise InputError(
            f"nothing to run: give --plugin NAME; installed: {installed or 'none; fer new NAME makes one'}"
        )
    for section, kind in COMPONENT_SECTIONS.items():
        if section == "model" and not network:
            continue
        _check_component(config[section], kind, section, origins)
    pool = config["model"]["pool"]
    if pool is not None:
        if not isinstance(pool, dict) or not isinstance(pool.get("name"), str):
            raise InputError("model.pool: expected a pooling's name or a mapping with its name and options")
        _check_component(pool, "pooling", "model.pool", origins)
    config["data"]["face_crop"] = _check_detector(config["data"]["face_crop"], origins)
    config["callbacks"] = check_callbacks(config["callbacks"])
    allowed = {section: list(section_keys(section)) for section in ("selection", "trainer", "run")}
    for section, names in {**allowed, "logger": check_logger(config["logger"])}.items():
        for name in config[section]:
            if name not in names:
                hints = [f"; did you mean {key}?" for key in find_alike(name, config)]
                raise InputError(
                    f"{section}.{name}: unknown key{came_from(origins, f'{section}.{name}')}"
                    f"{hints[0] if hints else registry.nearest(name, names)}; known: {', '.join(names)}"
                )
    check_idle(config)
    for path, value in leaves(config):
        if value == MANDATORY:
            raise InputError(f"{path}: the recipe leaves it to you; give --{path} VALUE")
    return read_config(config)


def _check_detector(face_crop: Any, origins: Mapping[str, Origin]) -> str | Draft:
    """Return the detector of ``data.face_crop``: only its name if no option is set, else a mapping with all options."""
    detector = as_named(face_crop)
    if not isinstance(detector.get("name"), str):
        raise InputError("data.face_crop: expected a detector's name or a mapping with its name and options")
    if len(detector) > 1:
        _check_component(detector, "detector", "data.face_crop", origins)
        return detector
    try:
        registry.find("detector", detector["name"])
    except InputError as error:
        raise InputError(f"data.face_crop: {error}{came_from(origins, 'data.face_crop')}") from None
    return str(detector["name"])


def _check_component(section: Draft, kind: str, where: str, origins: Mapping[str, Origin]) -> None:
    core = section_keys(where) if where in schema() else {"name": None}
    options = {name: value for name, value in section.items() if name not in core}
    user_options = {name: value for name, value in options.items() if value != MANDATORY}
    try:
        component, checked = registry.accept(kind, section["name"], user_options, where)
    except InputError as error:
        raise InputError(f"{error}{came_from(origins, error.key or where)}", key=error.key) from None
    if component.name != section["name"].rpartition(":")[2]:
        section["name"] = component.name
    for option in registry.options(component):
        if option.default is not REQUIRED and option.name not in options:
            checked.setdefault(option.name, option.default)
    section.update({name: as_lists(value) for name, value in checked.items()})
    try:
        refuse_idle(section, registry.idle_rules(component))
    except ValueError as error:
        raise InputError(f"{where}.{error}") from None
