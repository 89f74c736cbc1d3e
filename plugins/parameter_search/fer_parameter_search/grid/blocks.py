"""The blocks of a grid file: settings, axes and exclusions, with keys and values checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer_plugins import config
from fer_plugins.config import lay_over, put
from fer_plugins.config.registry import nearest
from fer_plugins.runtime.errors import InputError

_BLOCK = ("settings", "axes", "exclude")
_WHOLE = ("plugin", "recipe", "seed")  # keys outside the sections
MOST = 10_000  # combinations; scanning the folders of so many runs takes minutes
_EXAMPLE = "such as axes: {seed: [0, 1, 2]}"


@dataclass
class Exclusion:
    """Cells to leave out."""

    wanted: Mapping[str, Any]  # axis -> value or list of values
    where: str
    used: bool = False


@dataclass(frozen=True)
class Block:
    """A product of axes."""

    settings: dict[str, Any]
    axes: dict[str, list[Any]]
    exclude: list[Exclusion]


def read_blocks(content: Mapping[str, Any]) -> tuple[list[Block], list[Exclusion]]:
    """Read the blocks of a grid file, each with the top-level keys as defaults, and all exclusions.

    Raises:
        InputError: a key or a value is wrong.
    """
    top = _read_block(content, "")
    if "blocks" not in content:
        blocks, exclusions = [top], top.exclude
    else:
        given = content["blocks"]
        if not isinstance(given, list) or not given or not all(isinstance(block, Mapping) for block in given):
            raise InputError("blocks: expected a list of {axes: ..., settings: ..., exclude: ...}")
        blocks, exclusions = [], list(top.exclude)
        for number, block in enumerate(given):
            where = f"blocks[{number}]."
            check_keys(block, _BLOCK, where)
            own = _read_block(block, where)
            for axis in own.axes:
                if axis in top.axes:
                    raise InputError(f"{where}axes.{axis}: stands at the top already; leave one out")
            exclusions += own.exclude
            axes = {axis: {**own.axes, **top.axes}[axis] for axis in sort_axes([*own.axes, *top.axes])}
            blocks.append(Block(lay_over(top.settings, own.settings), axes, [*own.exclude, *top.exclude]))
    for block in blocks:
        if not block.axes:
            raise InputError(f"axes: expected at least one, {_EXAMPLE}")
        _check_settings(block)
    known = list(dict.fromkeys(axis for block in blocks for axis in block.axes))
    for exclusion in exclusions:
        for axis in exclusion.wanted:
            if axis not in known:
                raise InputError(
                    f"{exclusion.where}: {axis!r} is not an axis{nearest(str(axis), known)}; axes: {', '.join(known)}"
                )
    return blocks, exclusions


def _read_block(content: Mapping[str, Any], where: str) -> Block:
    settings, axes, exclude = (content.get(key) for key in _BLOCK)
    if settings is not None and not isinstance(settings, Mapping):
        raise InputError(f"{where}settings: expected sections with keys, such as settings: {{trainer: {{epochs: 30}}}}")
    if axes is not None and not isinstance(axes, Mapping):
        raise InputError(f"{where}axes: expected keys with lists of values, {_EXAMPLE}")
    if exclude is not None and not (
        isinstance(exclude, list) and all(isinstance(cells, Mapping) and cells for cells in exclude)
    ):
        raise InputError(f"{where}exclude: expected a list of {{axis: value}}, such as - {{plugin: NAME, seed: 2}}")
    for axis, values in (axes or {}).items():
        _check_axis(str(axis), f"{where}axes.{axis}")
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}axes.{axis}: expected a list of values that is not empty, got {values!r}")
        if len(values) > MOST:
            raise InputError(f"{where}axes.{axis}: {len(values):,} values, at most {MOST:,}")
        for number, value in enumerate(values):
            if value in values[:number] and type(value) is type(values[values.index(value)]):
                raise InputError(f"{where}axes.{axis}: {value!r} appears in it twice")
            if axis == "plugin":
                _check_plugin(value, f"{where}axes.plugin")
    flags: dict[str, Any] = {}
    for key, value in (settings or {}).items():
        _check_axis(str(key), f"{where}settings.{key}")
        put(flags, str(key), value)
    exclusions = [Exclusion(cells, f"{where}exclude[{number}]") for number, cells in enumerate(exclude or [])]
    given = dict(axes or {})
    return Block(flags, {axis: given[axis] for axis in sort_axes(given)}, exclusions)


def sort_axes(axes: Iterable[str]) -> list[str]:
    """Return axes with the network first and the seed last, all others in file order."""
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


def _check_settings(block: Block) -> None:
    """Raise InputError for a key that an axis overrides in every cell."""
    for axis in block.axes:
        home: Any = block.settings
        for part in axis.split("."):
            home = home.get(part) if isinstance(home, Mapping) else None
        if isinstance(home, Mapping):  # a section, which may hold common keys in addition to the axis' names
            home = home.get("name")
        if home is not None:
            raise InputError(f"settings.{axis}: {axis} is an axis as well; leave one out")
    if isinstance(block.settings.get("run"), Mapping) and "output" in block.settings["run"]:
        raise InputError("settings.run.output: every run of a grid lies in its one folder; use output, or --out")


def check_keys(content: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise InputError for keys that are not ``known``; the message begins with ``where``."""
    for key in content:
        if key not in known:
            raise InputError(f"{where}{key}: unknown key{nearest(str(key), list(known))}; known: {', '.join(known)}")
