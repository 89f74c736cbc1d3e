"""The core's keys, their types, defaults and meanings, read from ``defaults.yaml``. No torch."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fer_plugins.config.yaml_files import PlainLoader

# Sections that hold a component of the registry, and its kind; other sections with a name are checked where torch is.
COMPONENT_SECTIONS = {
    "model": "architecture",
    "data": "dataset",
    "protocol": "protocol",
    "augmentation": "augmentation",
    "loss": "loss",
}
COMPONENT_LISTS = {"callbacks": "callback"}  # keys that hold several components


@dataclass(frozen=True)
class Key:
    """A key of ``defaults.yaml``: its default, its type with bounds as written, and its meaning."""

    default: Any
    type: str
    help: str


@functools.cache
def schema() -> dict[str, Key | dict[str, Key]]:
    """Return the keys of ``defaults.yaml``; the comments beside them are their types and documentation."""
    text = Path(__file__).with_name("defaults.yaml").read_text(encoding="utf-8")
    keys: dict[str, Key | dict[str, Key]] = {}
    section = ""
    for line in text.splitlines():
        if opened := re.fullmatch(r"(\w+):  # ([^;]+)", line):
            section = opened[1]
            keys[section] = {}
            continue
        found = re.fullmatch(r"(\s*)(\w+): (.*?)\s+# ([^;]+); (.*)", line)
        if not found:
            continue
        indent, name, default, kind, meaning = found.groups()
        key = Key(yaml.load(default, PlainLoader), kind, meaning)
        home = keys[section] if indent else keys
        assert isinstance(home, dict)
        home[name] = key
    return keys


@functools.cache
def section_meanings() -> dict[str, str]:
    """Return section -> what it is for, from the comments beside the sections in ``defaults.yaml``."""
    text = Path(__file__).with_name("defaults.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^(\w+):  # ([^;\n]+)$", text, re.MULTILINE))


def section_keys(section: str) -> dict[str, Key]:
    """Return the core's keys of one section."""
    keys = schema()[section]
    assert isinstance(keys, dict)
    return keys


def defaults() -> dict[str, Any]:
    """Return the default configuration, fresh."""
    return {
        name: key.default if isinstance(key, Key) else {inner: one.default for inner, one in key.items()}
        for name, key in schema().items()
    }
