"""W&B settings from environment variables: they override defaults, but not flags, --config files or recipes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from fer_plugins.config.keys import Origin
from fer_plugins.config.logger_names import logger_names
from fer_plugins.config.requirement import install_command
from fer_plugins.runtime.errors import InputError

# Environment variables of W&B -> key of section logger.
VARIABLES = {
    "WANDB_PROJECT": "project",
    "WANDB_ENTITY": "entity",
    "WANDB_RUN_GROUP": "group",
    "WANDB_NAME": "run_name",
    "WANDB_MODE": "mode",
    "WANDB_TAGS": "tags",
    "WANDB_DIR": "dir",
}
_MODES = {mode: mode for mode in ("offline", "online", "disabled")} | {"dryrun": "offline", "run": "online"}
_SWITCHED_ON = ("1", "true", "yes", "on", "y", "t")


def apply_environment(
    logger: dict[str, Any], origins: dict[str, Origin], environment: Mapping[str, str] | None = None
) -> list[str]:
    """Fill in keys of section ``logger`` that are not set; modifies ``logger`` and ``origins``.

    A null in a saved configuration counts as not set. A run of a W&B sweep is online unless WANDB_MODE is set. If W&B
    is only the default logger and is not installed, the logger becomes ``csv``.

    Args:
        logger: The section, merged but not yet checked.
        origins: Dotted key -> where its value came from.
        environment: Environment variables; None for those of the process.

    Returns:
        Lines that tell the user what was chosen automatically.

    Raises:
        InputError: WANDB_MODE has a value that W&B does not know.
    """
    environment = os.environ if environment is None else environment
    if "wandb" not in logger_names(logger.get("name")):
        return []
    if "logger.name" not in origins and not wandb_installed():
        logger["name"] = "csv"
        return [f"W&B is not installed: the run writes metrics.csv only (--logger csv); with W&B: {install_wandb()}"]
    settings = {key: (name, environment[name]) for name, key in VARIABLES.items() if environment.get(name, "").strip()}
    if environment.get("WANDB_DISABLED", "").lower() in _SWITCHED_ON:
        settings["mode"] = ("WANDB_DISABLED", "disabled")
    if environment.get("WANDB_SWEEP_ID", "").strip():
        settings.setdefault("mode", ("WANDB_SWEEP_ID", "online"))  # the sweep agent waits for the run's metrics
    for key, (name, text) in settings.items():
        path = f"logger.{key}"
        if path in origins and not (logger.get(key) is None and origins[path].kind == "file"):
            continue
        logger[key] = _read(name, text)
        origins[path] = Origin("environment", f"{name} in the environment")
    return []


def wandb_installed() -> bool:
    """Return whether the package wandb is installed, without importing it."""
    try:
        return find_spec("wandb") is not None
    except (ImportError, ValueError):  # a module of this name without a spec
        return False


def install_wandb() -> str:
    """Return the command that installs W&B."""
    return install_command("wandb")


def _read(name: str, text: str) -> Any:
    if name == "WANDB_TAGS":
        return [tag.strip() for tag in text.split(",") if tag.strip()]
    if name == "WANDB_MODE":
        if text.strip().lower() not in _MODES:
            raise InputError(
                f"WANDB_MODE={text} in the environment: expected one of {', '.join(_MODES)}; change it, unset it, "
                "or give --logger.mode offline"
            )
        return _MODES[text.strip().lower()]
    return text
