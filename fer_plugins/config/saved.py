"""Configurations as YAML: reads those of a user's file or a run's folder, and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins.config.keys import COMPONENT_LISTS, Key, check_value, schema, section_keys
from fer_plugins.config.overlay import as_named, copy_plain
from fer_plugins.config.schema import ComponentConfig, RunConfig
from fer_plugins.config.section import Section
from fer_plugins.runtime.errors import InputError


def parse_value(text: str) -> Any:
    """Parse a flag's value as YAML: numbers, true, null, [lists] and {mappings}; anything else is text.

    ``None`` is null: so the agent of W&B, which writes values as Python does, hands it over.

    >>> parse_value("1e-3"), parse_value("[1, None]"), parse_value("adam"), parse_value("null")
    (0.001, [1, None], 'adam', None)
    """
    import yaml

    from fer_plugins.config.yaml_files import FlagLoader, load_yaml

    try:
        return load_yaml(text, FlagLoader)
    except yaml.YAMLError:
        return text


def read_file(path: str | Path, flag: str = "--config") -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: YAML file.
        flag: Option that error messages name.

    Raises:
        InputError: The file is missing, cannot be parsed, has a duplicate key, or is not a mapping.
    """
    import yaml

    from fer_plugins.config.yaml_files import PlainLoader, explain, load_yaml

    try:
        content = load_yaml(Path(path).read_text(encoding="utf-8"), PlainLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{flag} {path}: {getattr(error, 'strerror', None) or 'is not a text file'}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{flag} {path}: {explain(error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{flag} {path}: expected sections with keys, found {type(content).__name__}")
    return content


def dump(values: RunConfig | Mapping[str, Any]) -> str:
    """Return a configuration as YAML text, keeping the order of its keys."""
    import yaml

    plain = values.as_dict() if isinstance(values, RunConfig) else copy_plain(values)
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)


def read_config(values: RunConfig | Mapping[str, Any]) -> RunConfig:
    """Return the configuration given as plain values, such as those of a run's config.yaml.

    Keys that an older version did not write get their defaults; plug-ins need not be installed.

    Raises:
        InputError: A key is unknown, or a value has the wrong type.
    """
    if isinstance(values, RunConfig):
        return values
    plain = dict(values)
    for name in plain:
        if name not in schema():
            raise InputError(f"{name}: unknown key; known: {', '.join(schema())}")
    sections: dict[str, Any] = {}
    for name, key in schema().items():
        if name not in plain:
            continue
        if isinstance(key, Key):
            sections[name] = check_value(plain[name], key, name, {})
            if name in COMPONENT_LISTS:
                sections[name] = _read_components(name, sections[name])
        else:
            sections[name] = _read_section(name, plain[name])
    return RunConfig(**sections)


def _read_section(name: str, plain: Any) -> Section:
    if not isinstance(plain, Mapping):
        raise InputError(f"{name}: expected a section with keys, found {type(plain).__name__}")
    core = section_keys(name)
    values = {key: check_value(plain[key], core[key], f"{name}.{key}", {}) for key in core if key in plain}
    options = {key: value for key, value in plain.items() if key not in core}
    kind = type(getattr(RunConfig(), name))
    if name == "model" and values.get("pool") is not None:
        values["pool"] = _read_component("model.pool", values["pool"])
    if "options" in kind.__dataclass_fields__:
        values["options"] = options
    elif options:
        raise InputError(f"{name}.{next(iter(options))}: unknown key; known: {', '.join(core)}")
    section: Section = kind(**values)
    return section


def _read_components(name: str, plain: Any) -> tuple[ComponentConfig, ...]:
    if not isinstance(plain, list | tuple | None):
        raise InputError(f"{name}: expected a list of components, found {type(plain).__name__}")
    return tuple(_read_component(name, entry) for entry in plain or ())


def _read_component(name: str, plain: Any) -> ComponentConfig:
    options = as_named(plain)
    component = options.pop("name", None)
    if not isinstance(component, str):
        raise InputError(f"{name}: expected the name of a component, or its name and options, found {plain!r}")
    return ComponentConfig(component, options)
