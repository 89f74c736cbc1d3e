"""The section ``logger``: the names in it, and the options that these take. No torch."""

from __future__ import annotations

from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.keys import section_keys
from fer_plugins.config.signatures import REQUIRED
from fer_plugins.runtime.errors import InputError


def logger_names(value: Any) -> list[str]:
    """Return the loggers that ``logger.name`` means: a name, names with commas between, or a list; none for "none".

    >>> logger_names("wandb,tensorboard"), logger_names(["csv"]), logger_names("none")
    (['wandb', 'tensorboard'], ['csv'], [])
    """
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"logger.name: expected a name, or several with commas between, got {value!r}")
    if len(set(names)) < len(names) or ("none" in names and len(names) > 1):
        fault = "none stands" if "none" in names else "one name is there twice"
        raise InputError(f"logger.name: {fault} in {', '.join(names)}; leave it out")
    return [] if "none" in names else list(names)


def find_logger(name: str) -> registry.Component:
    """Return the logger of a name.

    Raises:
        InputError: none is installed.
    """
    try:
        return registry.find("logger", name)
    except registry.PluginError:
        raise
    except InputError as error:
        raise InputError(f"logger.name: {error}; or none") from None


def takes(name: str, option: str) -> bool:
    """Return whether a logger has an option of this name."""
    return any(parameter.name == option for parameter in registry.options(find_logger(name)))


def check_logger(section: dict[str, Any]) -> list[str]:
    """Check names and options, and fill in the defaults of the options; changes ``section``.

    Returns:
        The keys that may stand in the section.

    Raises:
        InputError: an unknown name, or a value of the wrong type.
    """
    names = logger_names(section["name"])
    section["name"] = "none" if not names else names[0] if len(names) == 1 else names
    core, allowed = section_keys("logger"), dict.fromkeys(section_keys("logger"))
    for name in names:
        component = find_logger(name)
        options = {option.name: option for option in registry.options(component)}
        allowed |= dict.fromkeys(options)
        user_options = {key: value for key, value in section.items() if key in options and key not in core}
        checked = registry.check_options(component, user_options, "logger") if set(options) - set(core) else {}
        for key, option in options.items():
            if key not in core and option.default is not REQUIRED:
                section[key] = checked.get(key, option.default)
    return list(allowed)
