"""The help of ``fer-run``, generated from the configuration's types and the signatures of installed components."""

from __future__ import annotations

import shutil
import textwrap

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.annotations import readable
from fer_plugins.config.signatures import REQUIRED, Option
from fer_plugins.runtime.errors import InputError

_FER_RUN = """\
fer-run: train a facial expression model; score it once on the sealed test split

  fer-run --plugin NAME [--recipe NAME] [--config FILE] [--SECTION.KEY VALUE]...
  fer-run --plugin NAME --data fer2013 --data.root PATH/fer2013.tar.gz
  fer-run --seeds 5 ...         train with five seeds
  fer-run --fast-dev-run ...    a quick check on a few images
  fer-run --profile ...         show where the time goes
  fer-run --max-time MINUTES    stop after the epoch that exceeds this time
  fer-run --report ...          also write a report on the finished run
  fer-run --resume RUN          continue from the last complete epoch
  fer-run --print-config ...    print the complete configuration and exit
  fer-run --list                list installed components
  fer-run --help --plugin NAME  options, defaults and recipes of a plug-in
  fer-run --help SECTION        keys of a section, options of its components
Precedence, lowest first: defaults, recipe, --config files, flags.
--data fer2013 is short for --data.name fer2013. Sections and top-level keys:
"""

_COLUMN = 32  # where the descriptions start


def fer_run(plugin: str | None, topics: list[str]) -> str:
    """Return the help of ``fer-run``: the overview, or the help of a plug-in or of sections."""
    if plugin is not None:
        return plugin_help(plugin)
    if topics:
        return "\n\n".join(section_help(topic) for topic in topics)
    return _fit(_FER_RUN + "\n".join(f"  {name:<13}{meaning}" for name, meaning in _topics().items()))


def _topics() -> dict[str, str]:
    """Return the topics of ``fer-run --help``: the sections, and top-level keys that are not options of the command."""
    single = {name: key.help for name, key in config.schema().items() if isinstance(key, config.Key)}
    return {
        name: single.get(name) or config.section_meanings()[name]
        for name in config.schema()
        if name not in ("plugin", "recipe")
    }


def plugin_help(name: str) -> str:
    """Return the options of an architecture with types, defaults and descriptions, and its recipes."""
    component = registry.find("architecture", name)
    described = registry.paper(component)
    layers = described["architectures"][component.name]
    text = [
        *_wrap(f"{component.name}: {described['paper'].get('title') or ''}", 2),
        f"from {component.distribution} {component.version}",
        "",
    ]
    text += _wrap(f"recipes (--recipe): {', '.join(['default', *(layers.get('variants') or {})])}", 2)
    text += ["", "options:"]
    for option in registry.options(component):
        text += _entry(f"--model.{option.name}", option)
    if registry.signature(component).named("pool"):
        names = ", ".join(pooling.name for pooling in registry.available("pooling"))
        text += _entry(
            "--model.pool",
            Option("pool", f"one of {names}", None, "pooling layer; set its options with --model.pool.KEY"),
        )
    if registry.signature(component).named("teacher"):
        text += _entry(
            "--model.teacher", Option("teacher", "str | None", None, config.section_keys("model")["teacher"].help)
        )
    return "\n".join(text)


def section_help(section: str) -> str:
    """Return the help of a section's keys, or of a top-level key, and the options of components named in it."""
    topics = _topics()
    if section not in topics:
        raise InputError(
            f"--help {section}: unknown section{registry.nearest(section, topics)}; known: {', '.join(topics)}"
        )
    text = [f"{section}: {topics[section]}", ""]
    own = config.schema()[section]
    keys = {section: own} if isinstance(own, config.Key) else own
    for name, key in keys.items():
        flag = f"--{name}" if name == section else f"--{section}.{name}"
        kind = f"{key.type} ({key.unit})" if key.unit else key.type
        text += _entry(flag, Option(name, kind, key.default, key.help))
    kinds = {**config.COMPONENT_SECTIONS, **config.COMPONENT_LISTS, "logger": "logger"}
    for component in registry.available(kinds[section]) if section in kinds else []:
        heading = f"options of {component.name} (from {component.distribution} {component.version}):"
        try:
            options = [option for option in registry.options(component) if option.name not in keys]
        except InputError as error:
            text += ["", heading, f"  {error}"]
            continue
        if section == "logger" and not options:  # the options of W&B are keys of the section
            continue
        text += ["", heading]
        prefix = f"{section}.{component.name}" if section in config.COMPONENT_LISTS else section
        for option in options:
            text += _entry(f"--{prefix}.{option.name}", option)
        if not options:
            text.append("  none")
    return "\n".join(text)


def _entry(flag: str, option: Option) -> list[str]:
    kind = readable(option.annotation)
    default = "required" if option.default is REQUIRED else f"default {_shown(option.default)}"
    return [*_wrap(f"  {flag}  {kind}, {default}", 6), *_wrap("      " + option.help, 6)]


def _fit(text: str) -> str:
    """Return the overview, wrapped to the terminal's width."""
    lines = (_wrap(line, _COLUMN if line[:1] == " " else 0) or [""] for line in text.splitlines())
    return "\n".join(part for line in lines for part in line)


def _wrap(line: str, indent: int) -> list[str]:
    """Wrap a line at spaces to the terminal's width (80 if there is no terminal, between 40 and 100)."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 40), 100)
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
