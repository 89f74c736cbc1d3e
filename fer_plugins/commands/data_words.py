"""The words of the ``fer data`` verbs: a dataset's name and root, its options, and each verb's own flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError


@dataclass
class DataWords:
    """What the user asked for."""

    name: str  # of the dataset
    root: str | None  # None for a dataset that needs no files
    options: dict[str, Any] = field(default_factory=dict)  # --data.KEY VALUE: the dataset's own, image_size, channels
    protocol: dict[str, Any] | None = None  # --protocol NAME, --protocol.KEY VALUE; the name under "name"
    flags: dict[str, Any] = field(default_factory=dict)  # the verb's own flags that were given


def parse(words: list[str], usage: str, flags: Mapping[str, int] | None = None) -> DataWords:
    """Sort the words ``NAME [ROOT] [--data.KEY VALUE] [--protocol NAME] [--protocol.KEY VALUE] [flags]``.

    Args:
        words: what follows the verb.
        usage: the verb's form, for messages, such as "fer data check NAME ROOT".
        flags: name -> number of values, without the dashes: 0 gives True, 1 a str, 2 or more a list of str.

    Raises:
        InputError: a word that belongs to nothing, a flag without its value, or no NAME.
    """
    takes = dict(flags or {})
    places: list[str] = []
    found = DataWords("", None)
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            places.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        count = takes.get(name, 1)
        values = [value] if equals else [rest.pop(0) for _ in range(min(count, len(rest)))]
        if len(values) != count or (not equals and any(one.startswith("--") for one in values)):
            raise InputError(f"{usage}: --{name} needs {count or 'no'} value{'s' if count > 1 else ''}")
        section, _, key = name.partition(".")
        if name in takes:
            found.flags[name] = True if count == 0 else values[0] if count == 1 else values
        elif section == "data" and key:
            found.options[key] = config.parse_value(values[0])
        elif section == "protocol":
            found.protocol = found.protocol or {}
            found.protocol[key or "name"] = config.parse_value(values[0]) if key else values[0]
        else:
            known = ", ".join(["--data.KEY", "--protocol", "--protocol.KEY", *(f"--{flag}" for flag in takes)])
            raise InputError(f"{usage}: unknown flag --{name}; known: {known}")
    if not places or len(places) > 2:
        given = f"got {' '.join(places)!r}" if places else "NAME is missing"
        raise InputError(f"{usage}: {given}; a dataset's name and its file or folder are needed")
    if found.protocol is not None and "name" not in found.protocol:
        raise InputError(f"{usage}: --protocol.KEY needs --protocol NAME")
    if len(places) == 2 and "root" in found.options:
        raise InputError(f"{usage}: {places[1]} and --data.root are both given; leave one of them out")
    found.name, found.root = places[0], places[1] if len(places) == 2 else found.options.pop("root", None)
    return found


def build_dataset(name: str, root: str | None, options: Mapping[str, Any], *, image_size: int = 48) -> Any:
    """Build the dataset ``name``; options are checked as in a run.

    Args:
        name: the dataset's.
        root: file or folder, or None.
        options: the dataset's own, and ``image_size`` and ``channels``, which drawn images depend on.
        image_size: where the options do not say.

    Raises:
        InputError: no such dataset or option, or the dataset refuses its root.
    """
    given = {"image_size": image_size, "channels": 1, **options}
    if type(given["image_size"]) is not int or given["image_size"] < 1:
        raise InputError(f"data.image_size is {given['image_size']!r}; give a number of pixels, at least 1")
    if given["channels"] not in (1, 3):
        raise InputError(f"data.channels is {given['channels']!r}; give 1 (grey) or 3 (RGB)")
    return registry.build("dataset", name, root=root, **given)


def build_protocol(section: Mapping[str, Any], seed: int = 0) -> Any:
    """Build the protocol of ``section`` ({"name": ..., options}), bound to its seed.

    Raises:
        InputError: no such protocol or option.
    """
    options = {"seed": seed, **section}
    return registry.build("protocol", options.pop("name"), **options)
