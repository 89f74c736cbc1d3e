"""Which settings identify a model: the one definition used by comparisons, grids and verdicts on a paper's claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config.keys import Key, defaults, model_sections, schema
from fer_plugins.config.overlay import leaves
from fer_plugins.config.schema import RunConfig


def shapes_model(path: str) -> bool:
    """Return whether the key with this dotted name is part of a model's identity.

    Keys for paths, checks and reporting (``data.root``, ``data.leaks``, ``logger``, ``run``) and for the hardware used
    (``trainer.accelerator``, ``trainer.threads``) are not. Keys that change the numerics are: precision, deterministic
    kernels and memory format. So are the options of components. The data are identified by their fingerprint instead.

    >>> [shapes_model(path) for path in ("trainer.precision", "trainer.accelerator", "data.leaks", "model.hidden")]
    [True, False, False, True]
    """
    section, _, name = path.partition(".")
    keys = schema().get(section)
    if keys is None or isinstance(keys, Key):
        return True
    key = keys.get(name)
    return section in model_sections() and (key is None or key.shapes_model)


def model_settings(config: RunConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted key -> value of all settings that identify a model; equal for runs that differ only in their seed.

    Args:
        config: A configuration, as an object or as the mapping in a run's config.yaml. Keys that did not exist when an
            older run was made have their default, the value it was trained with.
    """
    values = config.as_dict() if isinstance(config, RunConfig) else _with_later_keys(config)
    return {key: value for key, value in leaves(values, depth=2) if key != "seed" and shapes_model(key)}


def _with_later_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    complete = dict(config)
    for section, values in defaults().items():
        section_values = config.get(section)
        if isinstance(values, dict) and isinstance(section_values, Mapping):
            complete[section] = {**values, **section_values}
    return complete
