"""The help texts of the commands, made from ``defaults.yaml`` and from the signatures of what is installed."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.registry import Component
from fer_plugins.config.signatures import REQUIRED, Option, readable
from fer_plugins.runtime.errors import InputError

_FER_RUN = """\
fer-run: train a facial expression model; score it once on the sealed test split

  fer-run --plugin NAME [--recipe VARIANT] [--config FILE]... [--SECTION.KEY VALUE]...
  fer-run --plugin NAME --data fer2013 --data.root PATH/fer2013.zip
  fer-run --seeds 5 ...         the same under five seeds, and how far the scores spread
  fer-run --resume RUN          go on from the last whole epoch of that run's folder
  fer-run --print-config ...    print the complete configuration; nothing is run
  fer-run --list                what is installed
  fer-run --help --plugin NAME  options, types, defaults and recipes of a plug-in
  fer-run --help SECTION        keys of a section and the options of its components

Later wins: defaults, recipe, --config files in their order, flags.
--data fer2013 is short for --data.name fer2013. Sections:
"""

_FER = """\
fer: experiments with facial expression recognition plug-ins

  fer run ...                   the same as fer-run (see fer-run --help)
  fer list [--check] [--json]   what is installed: kind, name, distribution, version, ok or
                                broken; --check imports and builds each
  fer show NAME [--json]        a plug-in's paper, recipes, parameters, multiply-adds, claims
  fer new NAME [--kind KIND] [--out DIR]
                                the folder of a new plug-in that installs, passes its tests and
                                runs; KIND: architecture, pooling, augmentation, dataset, protocol,
                                loss, callback, logger
  fer check NAME [--root DATA] [--image-size N]
                                does a plug-in (or a distribution) keep the contract? NAME as in
                                fer list; --root: what a dataset is to read
  fer data check NAME ROOT      what a copy of a dataset holds: layout, counts against the official
                                release, subjects, sequences, bad images, fingerprint
  fer data split NAME ROOT --protocol P --out FILE.json
                                keep a split, for --protocol.file FILE.json
  fer data audit NAME ROOT [--protocol P] [--against NAME2 ROOT2] [--out FOLDER]
                                exact and near copies, two labels, shared subjects, with pictures
  fer claims PLUGIN | FILE.yaml [--json]
                                contradictions between a paper's printed numbers, each with a
                                certificate to check by hand
  fer compare RUN RUN... [--classes] [--evaluated NAME[,NAME]]
              [--target DATASET] [--json]
                                paired tests on the same samples, and over seeds; NAME: figures of
                                fer evaluate, such as shift.zero.consistency
  fer evaluate RUN [--suite shift|corruption|occlusion|calibration]
                [--tta flip|five_crop|ten_crop]
                [--saliency gradient|smoothgrad|occlusion|grad_cam|explain]
                [--part test|val] [--limit N] [--seed N] [--out FOLDER] [--json]
                                beyond accuracy, on the run's checkpoint: shifts, noise, covered
                                faces, calibration, which pixels count
  fer verify RUN... [--all] [--json]
                                each of the paper's claims beside the measured value: a verdict
  fer table RUN... [--format md|csv|tex] [--target DATASET]
                                a row a model, the paper's claims beside; DATASET: of data.targets
  fer figures RUN...            draw a run's curves, confusion matrices, classes, calibration, ROC and
                                class distribution, as PNG and SVG
  fer figures RUN... --bars FILE [--score accuracy|f1]
                                models and datasets side by side, the papers' claims beside
  fer figures RUN|FILE.yaml --augmentation [--out FOLDER]
                                a training image and 15 versions of it
  fer figures RUN --explain [--part val|test]
                                attention, warped images and maps: what explain(x) gives
  fer inflation --plugin NAME --protocol FLAWED --against SOUND [--against.KEY VALUE]
                [--seeds N] [--folds all] [--out FOLDER] [--json] [fer-run flags]
                                what a flawed protocol adds to the test scores, with an interval
  fer grid GRID.yaml [--path DATASETS] [--jobs N] [--dry-run] [--executor ray [--address A]]
                                plug-ins x datasets x protocols x poolings x seeds, a run a cell;
                                the same command goes on where it stopped
  fer search SPACE.yaml --plugin NAME [--out FOLDER] [fer-run flags]
                                choose hyper-parameters on validation, a run a trial; the test
                                part stays sealed; best.yaml is for fer-run --config
"""


_COLUMN = 32  # where the descriptions begin


def fer(verb: str | None = None) -> str:
    """Return the help of ``fer``, or the part of it on one verb."""
    if verb is None:
        return _fit(_FER.rstrip())
    shown, taken = [], False
    for line in _FER.splitlines():
        if line.startswith("  fer "):
            taken = line.split()[1] == verb
        if taken:
            shown.append(line)
    return _fit("\n".join(shown))


def fer_run(plugin: str | None, topics: list[str]) -> str:
    """Return the help of ``fer-run``: the overview, or that of a plug-in or of sections."""
    if plugin is not None:
        return plugin_help(plugin)
    if topics:
        return "\n\n".join(section_help(topic) for topic in topics)
    meanings = config.section_meanings() | {"callbacks": "Lightning callbacks: averages of the weights and others"}
    sections = [f"  {name:<13}{meaning}" for name, meaning in meanings.items()]
    return _fit(_FER_RUN + "\n".join(sections))


def plugin_help(name: str) -> str:
    """Return the options of an architecture with types, defaults and meaning, and its recipes."""
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
        names = ", ".join(one.name for one in registry.available("pooling"))
        text += _entry(
            "--model.pool", Option("pool", f"one of {names}", None, "pooling; its options as --model.pool.KEY")
        )
    if registry.signature(component).named("teacher"):
        text += _entry(
            "--model.teacher", Option("teacher", "str | None", None, config.section_keys("model")["teacher"].help)
        )
    return "\n".join(text)


def section_help(section: str) -> str:
    """Return the keys of a section and the options of everything that may be named in it."""
    if section in config.COMPONENT_LISTS:
        key = config.schema()[section]
        assert isinstance(key, config.Key)
        listed = config.COMPONENT_LISTS[section]
        text = _entry(f"--{section}", Option(section, key.type, key.default, key.help))
        return "\n".join([*text, *_components(listed, lambda component: f"--{section}.{component.name}")])
    if section not in config.section_meanings():
        known = [*config.section_meanings(), *config.COMPONENT_LISTS]
        raise InputError(
            f"--help {section}: unknown section{registry.nearest(section, known)}; known: {', '.join(known)}"
        )
    text = [f"{section}: {config.section_meanings()[section]}", ""]
    for name, key in config.section_keys(section).items():
        text += _entry(f"--{section}.{name}", Option(name, key.type, key.default, key.help))
    kind = "logger" if section == "logger" else config.COMPONENT_SECTIONS.get(section)
    return "\n".join([*text, *(_components(kind, lambda component: f"--{section}") if kind else [])])


def _components(kind: str, prefix: Callable[[Component], str]) -> list[str]:
    """Return the options of everything of a kind that is installed."""
    text: list[str] = []
    core = config.section_keys(kind) if kind == "logger" else {}
    for component in registry.available(kind):
        text += ["", f"options of {component.name} (from {component.distribution} {component.version}):"]
        try:
            options = registry.options(component)
        except InputError as error:
            text.append(f"  {error}")
            continue
        own = [option for option in options if option.name not in core]
        for option in own:
            text += _entry(f"{prefix(component)}.{option.name}", option)
        if not own:
            shared = ", ".join(option.name for option in options)
            text.append(f"  {shared} (above)" if shared else "  none")
    return text


def _entry(flag: str, option: Option) -> list[str]:
    kind = readable(option.annotation)
    default = "needed" if option.default is REQUIRED else f"default {_shown(option.default)}"
    return [*_wrap(f"  {flag}  {kind}, {default}", 6), *_wrap("      " + option.help, 6)]


def _fit(text: str) -> str:
    """Return the overview of a command, its descriptions and paragraphs cut anew to the terminal."""
    lines: list[str] = []
    for line in text.splitlines():
        before = lines[-1] if lines else ""
        if line.startswith(" " * _COLUMN) and before[_COLUMN - 2 : _COLUMN] == "  " and before[_COLUMN:]:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(part for line in lines for part in (_wrap(line, _COLUMN if line[:1] == " " else 0) or [""]))


def _wrap(line: str, indent: int) -> list[str]:
    """Cut a line between words, to the terminal's width (80 where there is none, and never more than 100)."""
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 40), 100)
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _shown(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
