"""Finds, loads and builds what plug-ins component through entry points, and words every error about a plug-in.

Discovery reads installed metadata only; a module is imported when its component is built, not before. No torch here.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

from fer_plugins import __version__
from fer_plugins.config.installed import Fault, canonical, read_installed
from fer_plugins.config.signatures import REQUIRED, Option, Signature, coerce, read_signature
from fer_plugins.config.yaml_files import explain, load_yaml
from fer_plugins.contract import KINDS
from fer_plugins.runtime.errors import InputError

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
}
# What the core hands to a factory whose signature names it; a user cannot set these through options.
PROVIDED = {
    "architecture": ("num_classes", "in_channels", "image_size", "pool", "teacher"),
    "pooling": ("kernel_size", "stride"),
    "augmentation": ("image_size",),
    "dataset": ("root", "image_size", "channels"),
    "protocol": ("table", "seed"),
    "search": ("dimensions", "seed"),
    "loss": ("num_classes", "class_counts"),
    "callback": ("epochs",),
    "logger": ("folder", "config", "resume_id"),
    "command": (),
    "metric": (),
}
REQUIRED_NAMES = {
    "architecture": ("num_classes",),
    "pooling": ("kernel_size", "stride"),
    "augmentation": ("image_size",),
    "dataset": (),
    "protocol": ("table", "seed"),
    "search": ("dimensions", "seed"),
    "loss": (),
    "callback": (),
    "logger": ("folder",),
    "command": (),
    "metric": (),
}


class PluginError(InputError):
    """A plug-in cannot be used; the text names its distribution, the cause and the remedy."""


@dataclass(frozen=True)
class Component:
    """One entry point: a kind of thing under a name, and the distribution that offers it."""

    kind: str
    name: str
    distribution: str
    version: str
    module: str
    attribute: str
    core_range: str | None  # the distribution's own dependency on fer-plugins, as written; None without one

    def __str__(self) -> str:
        return f"{self.kind} {self.name} (from {self.distribution} {self.version})"


_faults: list[Fault] = []  # of the last reading


def available(kind: str | None = None) -> list[Component]:
    """List what is installed, of one kind or of all, sorted by kind and name; nothing is imported.

    Damaged metadata is passed over; ``faults`` says what and where.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    entries, _faults[:] = read_installed("fer_plugins.")
    kinds = {GROUPS[one]: one for one in ((kind,) if kind else KINDS)}
    components = [
        Component(
            kinds[entry.group],
            entry.name,
            entry.distribution,
            entry.version,
            entry.module,
            entry.attribute,
            entry.core_range,
        )
        for entry in entries
        if entry.group in kinds
    ]
    return sorted(
        components, key=lambda component: (KINDS.index(component.kind), component.name, component.distribution)
    )


def faults() -> tuple[Fault, ...]:
    """Return the damaged metadata that the last reading of what is installed came upon."""
    return tuple(_faults)


def unknown(what: str, name: str, names: list[str]) -> InputError:
    """Return the error for a name that is not installed: the nearest, all that are, and what could not be read."""
    near = nearest(name.rpartition(":")[2], names)
    unread = "".join(f"; not read: {fault}" for fault in _faults)
    return InputError(f"unknown {what} {name!r}{near}; installed: {', '.join(names) or 'none'}{unread}")


def find(kind: str, name: str) -> Component:
    """Find one component by name, or by ``distribution:name`` where two distributions component the same name.

    Raises:
        InputError: there is none of that name (the nearest are named), or there are several.
    """
    components = available(kind)
    wanted, owner = name, ""
    if ":" in name:
        owner, wanted = name.split(":", 1)
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


def nearest(word: str, words: list[str]) -> str:
    """Return "; did you mean A or B?" with the words most like ``word``, or "" where none is near."""
    near = difflib.get_close_matches(word, words, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def check_range(component: Component) -> None:
    """Refuse a component whose distribution asks for another version of the core (the contract's version)."""
    if component.core_range is None or canonical(component.distribution) == "fer-plugins":
        return
    requirement = Requirement(component.core_range)
    if not requirement.specifier.contains(__version__, prereleases=True):
        raise PluginError(
            f"{component} needs fer-plugins {requirement.specifier}, installed is {__version__}; "
            f"remedy: install a fer-plugins of that range (pip install FOLDER of its sources) or another version of "
            f"{component.distribution}"
        )


def load(component: Component) -> Any:
    """Import the factory of a component.

    Raises:
        PluginError: the core's version does not suit it, its module does not import, or it lacks the attribute.
    """
    check_range(component)
    try:
        found: Any = importlib.import_module(component.module)
        for part in component.attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # a plug-in's import may raise anything; it must not take others with it
        cause = " ".join(str(error).split()) or type(error).__name__
        raise PluginError(
            f"{component} does not load: {type(error).__name__}: {cause}; "
            f"remedy: reinstall or remove it (pip uninstall {component.distribution})"
        ) from error
    if not callable(found):
        raise PluginError(
            f"{component}: {component.module}:{component.attribute} is not callable; "
            f"tell the author of {component.distribution}"
        )
    return found


def signature(component: Component) -> Signature:
    """Return the factory's signature, read without importing it where its source tells.

    Raises:
        PluginError: it cannot be read, swallows options with ``**``, or lacks what the contract offers.
    """
    if component.kind == "command":  # has its own options, which ``fer NAME --help`` shows
        return Signature(())
    try:
        found = read_signature(component.module, component.attribute)
    except Exception:
        load(component)  # says what is wrong in the words of a plug-in's failure
        raise
    missing = [name for name in REQUIRED_NAMES[component.kind] if found.named(name) is None]
    if found.swallows:
        raise PluginError(f"{component} takes **{{}} in its signature; the contract wants every option named and typed")
    if missing:
        raise PluginError(
            f"{component} does not take {', '.join(missing)}; the contract of {GROUPS[component.kind]} wants a "
            f"signature that names {', '.join(REQUIRED_NAMES[component.kind])}"
        )
    return found


def options(component: Component) -> list[Option]:
    """Return the options that a user may set: the signature less the values that the core offers."""
    return [option for option in signature(component).options if option.name not in PROVIDED[component.kind]]


def check_options(component: Component, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check user options against the signature and return them as the factory wants them, nothing added.

    Raises:
        InputError: an option is unknown (the nearest are named), of the wrong type, or required and missing.
    """
    known = {option.name: option for option in options(component)}
    result = {}
    for name, value in given.items():
        if name not in known:
            raise InputError(
                f"{where}.{name}: unknown option of {component.kind} {component.name}{nearest(name, list(known))}; "
                f"known: {', '.join(known) or 'none'}",
                key=f"{where}.{name}",
            )
        try:
            result[name] = coerce(value, known[name].annotation)
        except TypeError as error:
            raise InputError(f"{where}.{name}: {error}, got {value!r}", key=f"{where}.{name}") from None
    for name, option in known.items():
        if option.default is REQUIRED and name not in result:
            raise InputError(
                f"{where}.{name}: {component.kind} {component.name} needs it; {option.help or 'no default'}",
                key=f"{where}.{name}",
            )
    return result


def accept(kind: str, name: str, given: Mapping[str, Any], where: str) -> tuple[Component, dict[str, Any]]:
    """Find a component and check the options that are meant for it.

    What it refuses may once have been its own and now be that of a plug-in, whose ``paper.yaml`` says so under
    ``renamed``: then the component is that one, and old configurations and runs keep their meaning.

    Raises:
        InputError: as `find` and `check_options`.
    """
    component = find(kind, name)
    try:
        return component, check_options(component, given, where)
    except InputError:
        renamed = _renamed(component, given)
        if renamed is None:
            raise
        return renamed, check_options(renamed, given, where)


def current_name(kind: str, given: Mapping[str, Any]) -> Any:
    """Return the name that a component with these options has now; ``given`` is a mapping with ``name`` and options."""
    name = given.get("name")
    if not isinstance(name, str):
        return name
    try:
        component, _ = accept(kind, name, {key: value for key, value in given.items() if key != "name"}, kind)
    except (InputError, AttributeError, TypeError):  # not installed here, or the file is damaged: not said here
        return name
    return name if component.name == name.rpartition(":")[2] else component.name


def _renamed(component: Component, given: Mapping[str, Any]) -> Component | None:
    """Return what a plug-in says that these options of a component of the core belong to now, if one does."""
    if canonical(component.distribution) != "fer-plugins":
        return None
    for offered in available(component.kind):
        path = package_file(offered, "paper.yaml")
        if offered.distribution == component.distribution or not path.is_file():
            continue
        content = load_yaml(path.read_text(encoding="utf-8"))
        for rule in content.get("renamed") or [] if isinstance(content, dict) else []:
            if rule["kind"] == component.kind and rule["name"] == component.name and rule["now"] == offered.name:
                if any(given.get(key) in values for key, values in rule["options"].items()):
                    return offered
    return None


def build(kind: str, name: str, **options: Any) -> Any:
    """Build what a component promises: a module, a transform, a dataset; of a protocol, a function of the sample table.

    Args:
        kind: one of ``GROUPS``.
        name: the component's name, or ``distribution:name``.
        **options: the component's own options and the values that the core would hand over (``num_classes``, ``pool``,
            ``image_size``, ``root``, ...). Offered values that the signature does not name are dropped, so that one
            call serves every architecture. ``pool`` may be a name, a mapping with ``name`` and options, or a factory.

    Returns:
        The object; for a pooling a factory ``(kernel_size, stride=None) -> nn.Module`` unless ``kernel_size`` is
        given, for a protocol a function ``(table) -> list of Fold`` unless ``table`` is given.

    Raises:
        InputError: unknown name or option, wrong type, or the factory refuses its arguments.

    >>> build("augmentation", "lihgt")
    Traceback (most recent call last):
    InputError: unknown augmentation 'lihgt'; did you mean light?; installed: flip_affine_erase, keras, light, none
    """
    mine = {key: value for key, value in options.items() if key not in PROVIDED[kind]}
    component, own = accept(kind, name, mine, name)
    known = signature(component)
    offered = {key: value for key, value in options.items() if key in PROVIDED[kind]}
    if kind == "architecture":
        offered.setdefault("num_classes", 7)
        if offered.get("pool") is None:
            offered.pop("pool", None)
        elif known.named("pool") is None:
            raise InputError(f"model.pool: {component} does not pool through an exchangeable pooling; leave it out")
        elif not callable(offered["pool"]):
            offered["pool"] = pooling(offered["pool"])
        if offered.get("teacher") is not None and known.named("teacher") is None:
            raise InputError(f"model.teacher: {component} does not learn from a teacher; leave it out")
    taken = {key: value for key, value in offered.items() if known.named(key) is not None}
    factory = load(component)
    if kind == "pooling" and "kernel_size" not in taken:
        return functools.partial(factory, **taken, **own)
    if kind == "protocol" and "table" not in taken:
        return functools.partial(factory, **{"seed": 0, **taken}, **own)
    try:
        built = factory(**taken, **own)
    except InputError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ValueError | OSError):  # the contract's way to refuse arguments
            raise InputError(
                f"{kind} {name}: {text.removeprefix(f'{name}: ')}", key=getattr(error, "key", None)
            ) from error
        raise PluginError(f"{component} cannot be built: {type(error).__name__}: {text}") from error
    if kind in ("architecture", "pooling", "loss") and not (callable(built) and hasattr(built, "state_dict")):
        raise PluginError(f"{component} returns a {type(built).__name__}; the contract wants a torch.nn.Module")
    return built


def pooling(given: str | Mapping[str, Any]) -> Any:
    """Return a pooling factory from a name or a mapping with ``name`` and options."""
    if isinstance(given, str):
        return build("pooling", given)
    arguments = dict(given)
    return build("pooling", str(arguments.pop("name")), **arguments)


def paper(component: Component) -> dict[str, Any]:
    """Return the package's ``paper.yaml`` (identity, architectures with recipes), read without importing the package.

    Raises:
        PluginError: the file is missing, does not parse, or has a key twice.
    """
    path = package_file(component, "paper.yaml")
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
        described = content["architectures"][component.name]
        if not isinstance(content["paper"], dict) or not isinstance(described.get("recipe", {}), dict):
            raise TypeError("paper and recipe must be mappings")
    except OSError as error:
        raise PluginError(
            f"{component} has no paper.yaml beside its package ({error.strerror}); tell its author"
        ) from None
    except yaml.YAMLError as error:
        raise PluginError(f"{component}: {path} cannot be read: {explain(error)}; tell its author") from None
    except (UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        text = " ".join(str(error).split())
        raise PluginError(
            f"{component}: {path} is not as the contract wants it: {type(error).__name__}: {text}"
        ) from None
    return dict(content)


def recipe(component: Component, variant: str | None = None) -> dict[str, Any]:
    """Return an architecture's recipe under "recipe", and under "variant" what a variant of it changes.

    Raises:
        InputError: the plug-in has no such variant.
    """
    described = paper(component)["architectures"][component.name]
    layers = {"recipe": described.get("recipe") or {}}
    variants = described.get("variants") or {}
    if variant not in (None, "default"):
        if variant not in variants:
            names = ["default", *variants]
            raise InputError(
                f"--recipe {variant}: {component.name} has no such recipe{nearest(str(variant), names)}; "
                f"known: {', '.join(names)}"
            )
        layers["variant"] = variants[variant] or {}
    return layers


def package_file(component: Component, name: str) -> Path:
    """Return the path of a file beside the component's package, without importing it; the file may not exist."""
    spec = importlib.util.find_spec(component.module.partition(".")[0])
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            f"{component}: its package {component.module} is not found; remedy: reinstall {component.distribution}"
        )
    return Path(spec.submodule_search_locations[0], name)
