"""The section ``logger``: the loggers it names and the options they take. No torch."""

from __future__ import annotations

from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.keys import section_keys
from fer_plugins.config.signatures import REQUIRED
from fer_plugins.runtime.errors import InputError


def logger_names(value: Any) -> list[str]:
    """Return the loggers that ``logger.name`` selects: a name, comma-separated names or a list; "none" selects none.

    Raises:
        InputError: The value has another form, names a logger twice, or combines "none" with others.

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
    """Return the logger component with this name.

    Raises:
        InputError: No such logger is installed.
    """
    try:
        return registry.find("logger", name)
    except registry.PluginError:
        raise
    except InputError as error:
        raise InputError(f"logger.name: {error}; or none") from None


def takes(name: str, option: str) -> bool:
    """Return whether a logger has an option with this name."""
    return any(parameter.name == option for parameter in registry.options(find_logger(name)))


def check_logger(section: dict[str, Any]) -> list[str]:
    """Check the names and options of the section and fill in the defaults of the options; modifies ``section``.

    Returns:
        Names of the keys that are allowed in the section.

    Raises:
        InputError: A name is unknown, or a value has the wrong type.
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
