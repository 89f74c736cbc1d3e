"""The identity of a run: the settings that determine its result, as a mapping and as a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.identity import model_settings


def deciding_settings(
    settings: config.RunConfig | Mapping[str, Any], plugin: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return dotted key -> value, equal for complete configurations whose runs give the same result.

    These are everything that affects the model (``config.identity``), the run's seed, the path of the data, the splits
    that are scored, and the version of the plug-in. The fold is left out, since a run of a protocol with one fold
    records 0 if none was given.

    Args:
        settings: a configuration, typed or as in a run's config.yaml.
        plugin: name, distribution and version of the architecture, as in a run's manifest; None: those installed.

    Raises:
        InputError: the plug-in is not installed, or the configuration is invalid.
    """
    checked = config.read_config(settings)
    root = checked.data.root
    deciding = model_settings(checked.as_dict())
    deciding |= {"seed": checked.seed, "run.test": checked.run.test}
    deciding |= {"run.score_train": True} if checked.run.score_train else {}
    deciding["data.root"] = None if root is None else str(Path(root).expanduser().absolute())
    if plugin is None:
        component = registry.find("architecture", str(checked.model.name))
        plugin = {"name": component.name, "distribution": component.distribution, "version": component.version}
    deciding["plugin"] = dict(plugin)
    return deciding


def identify(settings: config.RunConfig | Mapping[str, Any], plugin: Mapping[str, str] | None = None) -> str:
    """Return a hash of ``deciding_settings``; takes the same arguments and raises the same errors."""
    deciding = deciding_settings(settings, plugin)
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode()).hexdigest()[:12]
