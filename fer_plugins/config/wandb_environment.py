"""What the environment says about W&B: it wins over a default; a flag, a --config file or a recipe wins over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from fer_plugins.config.keys import Origin
from fer_plugins.config.logger_names import logger_names
from fer_plugins.config.requirement import install_command
from fer_plugins.runtime.errors import InputError

# W&B's own variables -> the key of section logger that they set.
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
    """Fill in what nobody has set in section ``logger``; changes ``logger`` and ``origins``.

    A null of a saved configuration counts as not set. A run of a W&B sweep is online unless WANDB_MODE says otherwise.
    Where W&B is the default logger and is not installed, the logger becomes ``csv``.

    Args:
        logger: the section, merged and not yet checked.
        origins: dotted key -> where its value came from.
        environment: variables; None: those of the process.

    Returns:
        Lines for the user about what was chosen for him.

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
        settings.setdefault("mode", ("WANDB_SWEEP_ID", "online"))  # the agent of a sweep waits for the run's metrics
    for key, (name, text) in settings.items():
        path = f"logger.{key}"
        if path in origins and not (logger.get(key) is None and origins[path].kind == "file"):
            continue
        logger[key] = _read(name, text)
        origins[path] = Origin("environment", f"{name} in the environment")
    return []


def wandb_installed() -> bool:
    """Return whether the package wandb can be found; it is not imported."""
    try:
        return find_spec("wandb") is not None
    except (ImportError, ValueError):  # a module of that name without a spec
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
