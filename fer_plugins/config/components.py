"""Finds and loads the components that plug-ins register as entry points, and words every error about a plug-in.

Discovery reads only the metadata of installed distributions; a module is imported when its component is built, not
before. No torch.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from typing import Any

from fer_plugins import __version__
from fer_plugins.config.installed import Fault, canonical, read_installed
from fer_plugins.config.nearest import nearest
from fer_plugins.config.requirement import describe_installation
from fer_plugins.contract import KINDS
from fer_plugins.runtime.errors import InputError, one_line

GROUPS = {
    "architecture": "fer_plugins.architectures",
    "pooling": "fer_plugins.poolings",
    "augmentation": "fer_plugins.augmentations",
    "dataset": "fer_plugins.datasets",
    "protocol": "fer_plugins.protocols",
    "search": "fer_plugins.searches",
    "loss": "fer_plugins.losses",
    "callback": "fer_plugins.callbacks",
    "logger": "fer_plugins.loggers",
    "command": "fer_plugins.commands",
    "metric": "fer_plugins.metrics",
    "detector": "fer_plugins.detectors",
}
# Arguments that the core passes to a factory if its signature names them; users cannot set them as options.
PROVIDED: dict[str, tuple[str, ...]] = dict.fromkeys(GROUPS, ()) | {
    "architecture": ("num_classes", "in_channels", "image_size", "pool", "teacher"),
    "pooling": ("kernel_size", "stride"),
    "augmentation": ("image_size",),
    "dataset": ("root", "votes", "image_size", "channels"),
    "protocol": ("table", "seed"),
    "search": ("dimensions", "seed"),
    "loss": ("num_classes", "class_counts"),
    "callback": ("epochs",),
    "logger": ("folder", "config", "resume_id"),
}
# Provided arguments that every factory's signature must name.
REQUIRED_NAMES: dict[str, tuple[str, ...]] = dict.fromkeys(GROUPS, ()) | {
    "architecture": ("num_classes",),
    "pooling": ("kernel_size", "stride"),
    "augmentation": ("image_size",),
    "protocol": ("table", "seed"),
    "search": ("dimensions", "seed"),
    "logger": ("folder",),
}


class PluginError(InputError):
    """Raised if a plug-in cannot be used; the message names its distribution, the cause and the remedy."""


@dataclass(frozen=True)
class Component:
    """An entry point: the kind and name of a component, and the distribution that provides it."""

    kind: str
    name: str
    distribution: str
    version: str
    module: str
    attribute: str
    core_range: str | None  # the distribution's dependency on fer-plugins, as written; None if it declares none

    def __str__(self) -> str:
        return f"{self.kind} {self.name} (from {self.distribution} {self.version})"


_SHARED_FIELDS = ("name", "distribution", "version", "module", "attribute", "core_range")
_faults: list[Fault] = []  # found by the most recent call of read_installed


def available(kind: str | None = None) -> list[Component]:
    """Return the installed components of one kind or of all kinds, sorted by kind and name, without importing them.

    Damaged metadata is skipped; ``faults`` returns what was skipped and where it is.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    entries, _faults[:] = read_installed("fer_plugins.")
    kinds = {GROUPS[name]: name for name in ((kind,) if kind else KINDS)}
    components = [
        Component(kinds[entry.group], **{field: getattr(entry, field) for field in _SHARED_FIELDS})
        for entry in entries
        if entry.group in kinds
    ]
    return sorted(components, key=lambda entry: (KINDS.index(entry.kind), entry.name, entry.distribution))


def faults() -> tuple[Fault, ...]:
    """Return the damaged metadata found when the installed distributions were last read."""
    return tuple(_faults)


def unknown(kind: str, name: str, names: list[str]) -> InputError:
    """Return the error for an unknown name, with the nearest names, all installed names and unreadable metadata."""
    installation = describe_installation(kind, name)
    hint = f"; {installation}" if installation else nearest(name.rpartition(":")[2], names)
    unread = "".join(f"; not read: {fault}" for fault in _faults)
    return InputError(f"unknown {kind} {name!r}{hint}; installed: {', '.join(names) or 'none'}{unread}")


def find(kind: str, name: str) -> Component:
    """Return the component with this name, or ``distribution:name`` if several distributions provide the same name.

    Raises:
        InputError: No component has this name (the nearest names are suggested), or several have it.
    """
    components = available(kind)
    owner, wanted = name.split(":", 1) if ":" in name else ("", name)
    matches = [
        component
        for component in components
        if component.name == wanted and (not owner or canonical(component.distribution) == canonical(owner))
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        choices = " or ".join(f"{component.distribution}:{component.name}" for component in matches)
        owners = " and ".join(f"{component.distribution} {component.version}" for component in matches)
        raise PluginError(f"{kind} {wanted!r} is offered by {owners}; say which: {choices}")
    raise unknown(kind, name, sorted({component.name for component in components}))


def check_range(component: Component) -> None:
    """Raise PluginError if the component's distribution requires another version of the core."""
    if component.core_range is None or canonical(component.distribution) == "fer-plugins":
        return
    unmet = _find_unmet(component.core_range)
    if unmet:
        raise PluginError(
            f"{component} needs fer-plugins {unmet}, installed is {__version__}; "
            f"remedy: install a fer-plugins of that range (pip install FOLDER of its sources) or another version of "
            f"{component.distribution}"
        )


@functools.lru_cache
def _find_unmet(core_range: str) -> str:
    """Return the version bounds that the installed core does not meet, or "" if it meets them all."""
    from packaging.requirements import InvalidRequirement, Requirement  # imported here, because it takes 10 ms

    try:
        specifier = Requirement(core_range).specifier
    except InvalidRequirement:  # pip accepted it at installation
        return ""
    return "" if specifier.contains(__version__, prereleases=True) else str(specifier)


def load(component: Component) -> Any:
    """Import and return the factory of a component.

    Raises:
        PluginError: The core's version does not meet the plug-in's requirement, its module cannot be imported, or the
            attribute does not exist or is not callable.
    """
    check_range(component)
    try:
        factory: Any = importlib.import_module(component.module)
        for part in component.attribute.split("."):
            factory = getattr(factory, part)
    except Exception as error:  # importing a plug-in may raise anything, which must not affect other plug-ins
        cause = one_line(error)
        raise PluginError(
            f"{component} does not load: {type(error).__name__}: {cause}; "
            f"remedy: reinstall or remove it (pip uninstall {component.distribution})"
        ) from error
    if not callable(factory):
        raise PluginError(
            f"{component}: {component.module}:{component.attribute} is not callable; "
            f"tell the author of {component.distribution}"
        )
    return factory
