"""The search file: the hyper-parameters of ``fer search``, each with a range or a list of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

# Keys of section data that decide which images are scored, or against what. Options of a dataset do so, too.
_CHANGING_DATA = tuple(
    f"data.{name}" for name in ("name", "root", "votes", "limit", "drop_classes", "targets", "on_no_face")
)
_RANGE = {"low", "high", "log", "integer"}


@dataclass(frozen=True)
class Axis:
    """One hyper-parameter: the dotted key of the configuration, and the range or the list of its values."""

    key: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    integer: bool = False
    choices: tuple[Any, ...] = ()  # instead of a range: names, numbers, or sections as a grid's axes have them

    def value(self, coordinate: float) -> Any:
        """Return the value at ``coordinate`` of the unit interval; integers and choices have shares of equal width.

        >>> Axis("optimizer.lr", 1e-4, 1e-2, log=True).value(0.5)
        0.001
        >>> [Axis("model.hidden", 1, 2, integer=True).value(x) for x in (0, 0.49, 0.51, 1)]
        [1, 1, 2, 2]
        >>> [Axis("optimizer.name", choices=("Adam", "SGD")).value(x) for x in (0, 0.49, 0.5, 1)]
        ['Adam', 'Adam', 'SGD', 'SGD']
        """
        if self.choices:
            return self.choices[min(int(coordinate * len(self.choices)), len(self.choices) - 1)]
        low, high = (self.low, self.high) if not self.integer else (self.low - 0.5, self.high + 0.5)
        if self.log:
            value = math.exp(math.log(low) + coordinate * (math.log(high) - math.log(low)))
            value = float(f"{value:.12g}")  # 0.001, not 0.0009999999999999998
        else:
            value = low + coordinate * (high - low)
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        return min(max(value, self.low), self.high)

    def trial_coordinates(self) -> list[float]:
        """Return coordinates whose values show what the key takes: a fraction, the ends, each of the choices."""
        if self.choices:
            return [(place + 0.5) / len(self.choices) for place in range(len(self.choices))]
        return [0.0, 0.382, 1.0]

    def as_plan(self) -> dict[str, Any]:
        """Return what a search's folder keeps of the axis."""
        return {name: value for name, value in asdict(self).items() if name != "choices" or value}


@dataclass(frozen=True)
class Space:
    """A search file: the search with its options and ``seed``, and the axes in their order."""

    search: Mapping[str, Any]
    axes: tuple[Axis, ...]


def read_space(path: str | Path) -> Space:
    """Read a search file with the sections ``search`` (a name and options) and ``space`` (key: range, or list).

    Raises:
        InputError: it does not parse, a key is not one of the configuration, or a range is none.
    """
    content = config.read_file(path, flag="fer search")
    for key in content:
        if key not in ("search", "space"):
            raise InputError(f"fer search {path}: unknown key {key!r}; known: search, space")
    search, space = content.get("search"), content.get("space")
    if not isinstance(search, Mapping) or not isinstance(search.get("name"), str):
        raise InputError(f"fer search {path}: search needs a name, such as search: {{name: random}}")
    if type(search.get("seed", 0)) is not int or search.get("seed", 0) < 0:
        raise InputError(f"fer search {path}: search.seed must be a whole number from 0, not {search['seed']!r}")
    if not isinstance(space, Mapping) or not space:
        example = "optimizer.lr: {low: 1e-4, high: 1e-2, log: true}"
        raise InputError(f"fer search {path}: space needs at least one key, such as {example}")
    return Space(search, tuple(_read_axis(path, str(key), given) for key, given in space.items()))


def _read_axis(path: str | Path, key: str, given: Any) -> Axis:
    where = f"fer search {path}: space.{key}"
    section = key.partition(".")[0]
    if key in ("seed", "plugin", "recipe"):
        raise InputError(f"{where}: is the same in all trials; leave it out of the space, and give it as --{key}")
    if section not in config.section_meanings() or ("." not in key and not isinstance(given, list)):
        known = [name for name in config.section_meanings() if name not in ("logger", "run")]
        raise InputError(f"{where}: not a key of the configuration{registry.nearest(section, known)}")
    if section in ("run", "logger", "selection", "protocol") or key in ("data", *_CHANGING_DATA):
        raise InputError(f"{where}: changes what is measured, not the model; leave it out of the space")
    if isinstance(given, list):
        if len(given) < 2 or any(value in given[:place] for place, value in enumerate(given)):
            raise InputError(f"{where}: a list needs two values or more, each once")
        return Axis(key, choices=tuple(given))
    if not isinstance(given, Mapping) or set(given) - _RANGE or not {"low", "high"} <= set(given):
        raise InputError(
            f"{where}: expected {{low: NUMBER, high: NUMBER}}, and log: true or integer: true where meant, or a list "
            "of values"
        )
    low, high = given["low"], given["high"]
    if not all(type(end) in (int, float) and math.isfinite(end) for end in (low, high)):
        raise InputError(f"{where}: low and high must be numbers, not {low!r} and {high!r}")
    flags = {name: given.get(name, False) for name in ("log", "integer")}
    if not all(isinstance(value, bool) for value in flags.values()):
        raise InputError(f"{where}: log and integer must be true or false")
    if not low < high:
        raise InputError(f"{where}: low {low} must be below high {high}")
    if flags["log"] and low <= (0.5 if flags["integer"] else 0):
        raise InputError(f"{where}: a logarithmic range must begin above 0, not at {low}")
    if flags["integer"] and not (float(low).is_integer() and float(high).is_integer()):
        raise InputError(f"{where}: an integer range must have whole ends, not {low} and {high}")
    return Axis(key, low, high, **flags)
