"""Read and check a grid file: combinations of the axes' values, and the corresponding configuration flags."""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_parameter_search.grid.blocks import MOST, Block, check_keys, read_blocks, sort_axes
from fer_plugins import config
from fer_plugins.config import put
from fer_plugins.runtime.errors import InputError

Values = dict[str, Any]  # axis -> value, as in the file

PLACE = "PATH"  # stands for the folder of the datasets in a grid file
_KEYS = ("output", "settings", "axes", "exclude", "blocks")


@dataclass(frozen=True)
class Combination:
    """One value for each axis of a block."""

    values: Values
    flags: dict[str, Any]  # arguments of ``config.resolve``, with ``plugin`` and ``recipe``


@dataclass(frozen=True)
class GridFile:
    """The content of a grid file."""

    output: str | None
    axes: tuple[str, ...]  # in the order of the file
    combinations: tuple[Combination, ...]
    excluded: int  # number of excluded combinations


def read_grid(path: str | Path, datasets: str | Path | None = None) -> GridFile:
    """Read a grid file: ``axes`` and optionally ``settings``, ``exclude``, ``output`` and ``blocks``.

    ``axes`` maps keys of the configuration to lists of values: ``plugin``, ``recipe``, ``seed``, a section (``data``: a
    name or a mapping) or a key of one (``optimizer.lr``). ``settings`` holds sections for every cell, ``exclude`` a
    list of {axis: value or values}. Each of ``blocks`` is a separate product, combined with the top-level keys.

    Args:
        path: the grid file.
        datasets: folder that replaces PATH at the start of a value.

    Raises:
        InputError: the file cannot be parsed, a word in it is unknown, an axis is empty, a number is not finite, an
            exclusion has no effect, or there are more than 10,000 combinations.
    """
    content = config.read_file(path, flag="fer grid")
    try:
        check_keys(content, _KEYS, "")
        output = content.get("output")
        if output is not None and (not isinstance(output, str) or not output):
            raise InputError(f"output: expected a folder, got {output!r}")
        _check_finite(content, "")
        blocks, exclusions = read_blocks(_put_datasets(content, datasets))
        count = sum(math.prod(map(len, block.axes.values())) for block in blocks)
        if count > MOST:
            raise InputError(f"axes: {count:,} combinations, at most {MOST:,} in one grid; make several files of it")
        combinations = [combination for block in blocks for combination in _combine(block)]
        kept = [combination for combination in combinations if combination is not None]
        for exclusion in exclusions:
            if not exclusion.used:
                raise InputError(
                    f"{exclusion.where}: {dict(exclusion.wanted)} matches no cell; correct it or leave it out"
                )
        if not kept:
            raise InputError("exclude: leaves no cell")
    except InputError as error:
        raise InputError(f"fer grid {path}: {error}") from None
    axes = tuple(sort_axes(dict.fromkeys(axis for block in blocks for axis in block.axes)))
    return GridFile(output, axes, tuple(kept), len(combinations) - len(kept))


def _check_finite(content: Any, where: str) -> None:
    """Raise InputError for nan and inf: no key of the configuration accepts them."""
    if isinstance(content, float) and not math.isfinite(content):
        raise InputError(f"{where}: {content} is not a finite number")
    inside: Iterable[tuple[str, Any]] = ()
    if isinstance(content, Mapping):
        inside = ((f"{where}.{key}" if where else str(key), value) for key, value in content.items())
    elif isinstance(content, list):
        inside = ((f"{where}[{number}]", value) for number, value in enumerate(content))
    for place, value in inside:
        _check_finite(value, place)


def _put_datasets(content: Any, datasets: str | Path | None) -> Any:
    if isinstance(content, Mapping):
        return {key: _put_datasets(value, datasets) for key, value in content.items()}
    if isinstance(content, list):
        return [_put_datasets(value, datasets) for value in content]
    if isinstance(content, str) and re.match(rf"{PLACE}(/|$)", content):
        if datasets is None:
            raise InputError(
                f"{content}: {PLACE} stands for the folder that holds your datasets; give --path FOLDER, or write the "
                "path into the file"
            )
        return str(datasets) + content[len(PLACE) :]
    return content


def _combine(block: Block) -> Iterator[Combination | None]:
    """Yield the combinations of a block, None for an excluded one."""
    for chosen in itertools.product(*block.axes.values()):
        values = dict(zip(block.axes, chosen, strict=True))
        out = False
        for exclusion in block.exclude:
            if all(axis in values and _fits(values[axis], wanted) for axis, wanted in exclusion.wanted.items()):
                exclusion.used = out = True
        yield None if out else Combination(values, _flags(block.settings, values))


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_fits(value, choice) for choice in wanted)
    if isinstance(value, Mapping) and isinstance(wanted, str):
        return bool(value.get("name") == wanted)
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return all(key in value and value[key] == setting for key, setting in wanted.items())
    return bool(value == wanted)


def _flags(settings: Mapping[str, Any], values: Values) -> dict[str, Any]:
    flags = copy.deepcopy(dict(settings))
    for axis in sorted(values, key=lambda axis: axis.count(".")):  # a section before its keys
        value = copy.deepcopy(values[axis])
        if axis == "plugin" and isinstance(value, Mapping):
            flags["plugin"] = value["name"]
            if "recipe" in value:
                flags["recipe"] = value["recipe"]
        else:
            put(flags, axis, value)
    return flags
