"""Reads a grid file into combinations: the values of the axes, and the flags that they stand for. Checks its words."""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config import lay_over, put
from fer_plugins.config.registry import nearest
from fer_plugins.runtime.errors import InputError

Values = dict[str, Any]  # axis -> value, as the file has it

PLACE = "PATH"  # stands in a grid file for the folder that holds the datasets
_KEYS = ("output", "settings", "axes", "exclude", "blocks")
_BLOCK = ("settings", "axes", "exclude")
_WHOLE = ("plugin", "recipe", "seed")  # keys outside the sections
_MOST = 10_000  # combinations; a look through the folders of so many runs takes minutes
_EXAMPLE = "such as axes: {seed: [0, 1, 2]}"


@dataclass(frozen=True)
class Combination:
    """One value of every axis of a block."""

    values: Values
    flags: dict[str, Any]  # what ``config.resolve`` takes, with ``plugin`` and ``recipe``


@dataclass(frozen=True)
class GridFile:
    """A grid file's content."""

    output: str | None
    axes: tuple[str, ...]  # in the order of the file
    combinations: tuple[Combination, ...]
    excluded: int  # combinations that are left out


@dataclass
class _Exclusion:
    wanted: Mapping[str, Any]  # axis -> value or list of values
    where: str
    used: bool = False


@dataclass(frozen=True)
class _Block:
    settings: dict[str, Any]
    axes: dict[str, list[Any]]
    exclude: list[_Exclusion]


def read_grid(path: str | Path, datasets: str | Path | None = None) -> GridFile:
    """Read a grid file: ``axes`` and optionally ``settings``, ``exclude``, ``output`` and ``blocks``.

    ``axes`` maps keys of the configuration to lists of values: ``plugin``, ``recipe``, ``seed``, a section (``data``: a
    name or a mapping) or a key of one (``optimizer.lr``). ``settings`` holds sections for every cell, ``exclude`` a
    list of {axis: value or values}. Each of ``blocks`` is a product of its own, together with what stands at the top.

    Args:
        path: the file.
        datasets: folder that PATH at the start of a value stands for.

    Raises:
        InputError: it does not parse, a word in it is unknown, an axis is empty, a number is not finite, an exclusion
            does nothing, or there are more than 10,000 combinations.
    """
    content = config.read_file(path, flag="fer grid")
    try:
        _check_keys(content, _KEYS, "")
        output = content.get("output")
        if output is not None and (not isinstance(output, str) or not output):
            raise InputError(f"output: expected a folder, got {output!r}")
        _check_finite(content, "")
        blocks, exclusions = _read_blocks(_put_datasets(content, datasets))
        count = sum(math.prod(map(len, block.axes.values())) for block in blocks)
        if count > _MOST:
            raise InputError(f"axes: {count:,} combinations, at most {_MOST:,} in one grid; make several files of it")
        made = [one for block in blocks for one in _combine(block)]
        kept = [one for one in made if one is not None]
        for exclusion in exclusions:
            if not exclusion.used:
                raise InputError(
                    f"{exclusion.where}: {dict(exclusion.wanted)} matches no cell; correct it or leave it out"
                )
        if not kept:
            raise InputError("exclude: leaves no cell")
    except InputError as error:
        raise InputError(f"fer grid {path}: {error}") from None
    axes = tuple(_sort(dict.fromkeys(axis for block in blocks for axis in block.axes)))
    return GridFile(output, axes, tuple(kept), len(made) - len(kept))


def _check_keys(content: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in content:
        if key not in known:
            raise InputError(f"{where}{key}: unknown key{nearest(str(key), list(known))}; known: {', '.join(known)}")


def _check_finite(content: Any, where: str) -> None:
    """Refuse nan and inf: no key of the configuration means anything with them."""
    if isinstance(content, float) and not math.isfinite(content):
        raise InputError(f"{where}: {content} is no finite number")
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


def _read_blocks(content: Mapping[str, Any]) -> tuple[list[_Block], list[_Exclusion]]:
    top = _read_block(content, "")
    if "blocks" not in content:
        blocks, exclusions = [top], top.exclude
    else:
        given = content["blocks"]
        if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
            raise InputError("blocks: expected a list of {axes: ..., settings: ..., exclude: ...}")
        blocks, exclusions = [], list(top.exclude)
        for number, one in enumerate(given):
            where = f"blocks[{number}]."
            _check_keys(one, _BLOCK, where)
            own = _read_block(one, where)
            for axis in own.axes:
                if axis in top.axes:
                    raise InputError(f"{where}axes.{axis}: stands at the top already; leave one out")
            exclusions += own.exclude
            axes = {axis: {**own.axes, **top.axes}[axis] for axis in _sort([*own.axes, *top.axes])}
            blocks.append(_Block(lay_over(top.settings, own.settings), axes, [*own.exclude, *top.exclude]))
    for block in blocks:
        if not block.axes:
            raise InputError(f"axes: expected at least one, {_EXAMPLE}")
        _check_settings(block)
    known = list(dict.fromkeys(axis for block in blocks for axis in block.axes))
    for exclusion in exclusions:
        for axis in exclusion.wanted:
            if axis not in known:
                raise InputError(
                    f"{exclusion.where}: {axis!r} is no axis{nearest(str(axis), known)}; axes: {', '.join(known)}"
                )
    return blocks, exclusions


def _read_block(content: Mapping[str, Any], where: str) -> _Block:
    settings, axes, exclude = (content.get(key) for key in _BLOCK)
    if settings is not None and not isinstance(settings, Mapping):
        raise InputError(f"{where}settings: expected sections with keys, such as settings: {{trainer: {{epochs: 30}}}}")
    if axes is not None and not isinstance(axes, Mapping):
        raise InputError(f"{where}axes: expected keys with lists of values, {_EXAMPLE}")
    if exclude is not None and not (
        isinstance(exclude, list) and all(isinstance(one, Mapping) and one for one in exclude)
    ):
        raise InputError(f"{where}exclude: expected a list of {{axis: value}}, such as - {{plugin: NAME, seed: 2}}")
    for axis, values in (axes or {}).items():
        _check_axis(str(axis), f"{where}axes.{axis}")
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}axes.{axis}: expected a list of values that is not empty, got {values!r}")
        if len(values) > _MOST:
            raise InputError(f"{where}axes.{axis}: {len(values):,} values, at most {_MOST:,}")
        for number, value in enumerate(values):
            if value in values[:number] and type(value) is type(values[values.index(value)]):
                raise InputError(f"{where}axes.{axis}: {value!r} stands in it twice")
            if axis == "plugin":
                _check_plugin(value, f"{where}axes.plugin")
    flags: dict[str, Any] = {}
    for key, value in (settings or {}).items():
        _check_axis(str(key), f"{where}settings.{key}")
        put(flags, str(key), value)
    exclusions = [_Exclusion(one, f"{where}exclude[{number}]") for number, one in enumerate(exclude or [])]
    given = dict(axes or {})
    return _Block(flags, {axis: given[axis] for axis in _sort(given)}, exclusions)


def _sort(axes: Iterable[str]) -> list[str]:
    """Return axes with the network first and the seed last, the others as in the file."""
    first, last = ("plugin", "recipe", "model", "data", "protocol"), ("seed",)
    return sorted(axes, key=lambda axis: first.index(axis) if axis in first else len(first) + (axis in last))


def _check_axis(key: str, where: str) -> None:
    sections = list(config.section_meanings())
    section, dot, _ = key.partition(".")
    if key in _WHOLE or (section in sections and (not dot or key[-1] != ".")):
        if key == "run.output":
            raise InputError(f"{where}: every run of a grid lies in its one folder; use output, or --out")
        return
    known = [*_WHOLE, *sections]
    raise InputError(
        f"{where}: no key of the configuration{nearest(key, known)}; known: {', '.join(known)}, or SECTION.KEY"
    )


def _check_plugin(value: Any, where: str) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str) or set(value) - {"name", "recipe"}:
        raise InputError(f"{where}: expected a plug-in's name or {{name: NAME, recipe: VARIANT}}, got {value!r}")


def _check_settings(block: _Block) -> None:
    """Refuse a key that an axis sets in every cell anyway."""
    for axis in block.axes:
        home: Any = block.settings
        for part in axis.split("."):
            home = home.get(part) if isinstance(home, Mapping) else None
        if isinstance(home, Mapping):  # a section, which may hold common keys beside the axis' names
            home = home.get("name")
        if home is not None:
            raise InputError(f"settings.{axis}: {axis} is an axis as well; leave one out")
    if isinstance(block.settings.get("run"), Mapping) and "output" in block.settings["run"]:
        raise InputError("settings.run.output: every run of a grid lies in its one folder; use output, or --out")


def _combine(block: _Block) -> Iterator[Combination | None]:
    """Yield the combinations of a block, None for one that is excluded."""
    for chosen in itertools.product(*block.axes.values()):
        values = dict(zip(block.axes, chosen, strict=True))
        out = False
        for exclusion in block.exclude:
            if all(axis in values and _fits(values[axis], wanted) for axis, wanted in exclusion.wanted.items()):
                exclusion.used = out = True
        yield None if out else Combination(values, _flags(block.settings, values))


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, list):
        return any(_fits(value, one) for one in wanted)
    if isinstance(value, Mapping) and isinstance(wanted, str):
        return bool(value.get("name") == wanted)
    if isinstance(value, Mapping) and isinstance(wanted, Mapping):
        return all(key in value and value[key] == one for key, one in wanted.items())
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
