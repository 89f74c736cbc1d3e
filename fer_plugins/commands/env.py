"""``fer env``: prints what a bug report needs, without secrets."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib import metadata
from typing import Any

import click

from fer_plugins import __version__
from fer_plugins.commands.usage import verb
from fer_plugins.config import registry
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import one_line

LIBRARIES = ("torch", "lightning", "torchmetrics", "torchvision", "numpy", "albumentations", "wandb", "ray", "click")
SETTINGS = ("WANDB_MODE", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")  # and all that start with FER_
SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD")


@verb()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def env(*, as_json: bool) -> None:
    """Print the versions, devices and settings that a bug report needs.

    No secrets are printed; of the settings of W&B only WANDB_MODE.
    """
    environment = describe_environment()
    if as_json:
        print(json.dumps(environment, indent=2))
        return
    for name, value in environment.items():
        lines = [f"{key} {text}" for key, text in value.items()] if isinstance(value, dict) else value
        shown = [lines] if isinstance(lines, str) else lines or ["none"]
        for number, line in enumerate(shown):
            print(f"{'' if number else name:<14}{line}".rstrip())


def describe_environment() -> dict[str, Any]:
    """Return the information that ``fer env`` prints.

    Returns:
        JSON values: ``fer-plugins, python, system`` (str), ``plug-ins, libraries, settings`` {name: text},
        ``not read`` (damaged metadata) and ``devices`` (list of str).
    """
    from fer_plugins.runs.versions import plugin_versions

    return {
        "fer-plugins": __version__,
        "plug-ins": plugin_versions(),
        "not read": [str(fault) for fault in registry.faults()],
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        "system": f"{platform.platform()}, {os.cpu_count()} cores",
        "libraries": {name: _version(name) for name in LIBRARIES},
        "devices": _devices(),
        "settings": {
            name: "set, not shown" if any(word in name for word in SECRET) else value
            for name, value in sorted(os.environ.items())
            if name in SETTINGS or name.startswith("FER_")
        },
    }


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except Exception as error:  # damaged metadata may raise anything
        return "not installed" if isinstance(error, metadata.PackageNotFoundError) else f"unreadable: {error}"


def _devices() -> list[str]:
    with activity.doing("loading PyTorch"):
        try:
            import torch
        except Exception as error:  # the bug report may be about a broken installation
            return [f"PyTorch does not load: {type(error).__name__}: {one_line(error)}"]
    devices = [
        f"cuda:{number} {torch.cuda.get_device_name(number)} (CUDA {torch.version.cuda})"
        for number in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, f"cpu ({torch.get_num_threads()} threads)"]
