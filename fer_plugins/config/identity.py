"""What identifies a model: the one answer that comparisons, grids and verdicts on a paper's claims share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_plugins.config.keys import Key, defaults, model_sections, schema
from fer_plugins.config.overlay import leaves
from fer_plugins.config.schema import RunConfig


def shapes_model(path: str) -> bool:
    """Return whether a dotted key takes part in what a model is.

    Not where things lie and what is reported (``data.root``, ``data.leaks``, ``logger``, ``run``), nor where and how
    fast it is computed (``trainer.accelerator``, ``trainer.threads``). Numerics do: precision, deterministic kernels
    and memory layout. Options of components do. The data themselves are told apart by their fingerprint.

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
    """Return dotted key -> value of all that makes a model: equal for trainings that differ by their seed alone.

    Args:
        config: a configuration, typed or as a run's config.yaml holds it. Keys that a run of an older version lacks
            have the value that it was trained with, their default.
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
