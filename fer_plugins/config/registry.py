"""Builds components: checks options against the signature of a factory, then calls the factory. No torch."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from fer_plugins.config.annotations import coerce
from fer_plugins.config.components import GROUPS as GROUPS
from fer_plugins.config.components import PROVIDED as PROVIDED
from fer_plugins.config.components import REQUIRED_NAMES as REQUIRED_NAMES
from fer_plugins.config.components import Component as Component
from fer_plugins.config.components import PluginError as PluginError
from fer_plugins.config.components import available as available
from fer_plugins.config.components import check_range as check_range
from fer_plugins.config.components import faults as faults
from fer_plugins.config.components import find as find
from fer_plugins.config.components import load as load
from fer_plugins.config.components import unknown as unknown
from fer_plugins.config.installed import canonical
from fer_plugins.config.nearest import nearest as nearest
from fer_plugins.config.overlay import as_named
from fer_plugins.config.papers import package_file as package_file
from fer_plugins.config.papers import paper as paper
from fer_plugins.config.papers import recipe as recipe
from fer_plugins.config.signatures import REQUIRED, Option, Signature, read_beside, read_signature
from fer_plugins.runtime.errors import InputError, one_line


def signature(component: Component) -> Signature:
    """Return the factory's signature, read from its source without importing it if possible.

    Raises:
        PluginError: The signature cannot be read, takes ``**kwargs``, or lacks a parameter that the contract requires.
    """
    if component.kind == "command":  # commands parse their own options, shown by ``fer NAME --help``
        return Signature(())
    try:
        parameters = read_signature(component.module, component.attribute)
    except Exception:
        load(component)  # raises a PluginError if the import fails
        raise
    missing = [name for name in REQUIRED_NAMES[component.kind] if parameters.named(name) is None]
    if parameters.swallows:
        raise PluginError(f"{component} takes **{{}} in its signature; the contract wants every option named and typed")
    if missing:
        raise PluginError(
            f"{component} does not take {', '.join(missing)}; the contract of {GROUPS[component.kind]} wants a "
            f"signature that names {', '.join(REQUIRED_NAMES[component.kind])}"
        )
    return parameters


def options(component: Component) -> list[Option]:
    """Return the options that users can set: the parameters of the signature that the core does not provide."""
    return [option for option in signature(component).options if option.name not in PROVIDED[component.kind]]


def idle_rules(component: Component) -> Any:
    """Return the top-level ``IDLE_OPTIONS`` of the module that defines the component, or ``()``; nothing is imported.

    Raises:
        PluginError: A rule names an option that the component does not have.
    """
    rules = read_beside(component.module, component.attribute, "IDLE_OPTIONS") or ()
    names = [option.name for option in signature(component).options]
    for name, _, idle in rules:
        for unknown_name in {name, *idle} - set(names):
            raise PluginError(f"{component}: IDLE_OPTIONS names {unknown_name}, which it does not take")
    return rules


def check_options(component: Component, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check the user's options against the signature and convert them to the annotated types; no defaults are added.

    Raises:
        InputError: An option is unknown (the nearest names are suggested), has the wrong type, or is required and
            missing.
    """
    accepted = {option.name: option for option in options(component)}
    result = {}
    for name, value in values.items():
        if name not in accepted:
            raise InputError(
                f"{where}.{name}: unknown option of {component.kind} {component.name}{nearest(name, list(accepted))}; "
                f"known: {', '.join(accepted) or 'none'}",
                key=f"{where}.{name}",
            )
        try:
            result[name] = coerce(value, accepted[name].annotation)
        except TypeError as error:
            raise InputError(f"{where}.{name}: {error}, got {value!r}", key=f"{where}.{name}") from None
    for name, option in accepted.items():
        if option.default is REQUIRED and name not in result:
            raise InputError(
                f"{where}.{name}: {component.kind} {component.name} needs it; {option.help or 'no default'}",
                key=f"{where}.{name}",
            )
    return result


def accept(kind: str, name: str, values: Mapping[str, Any], where: str) -> tuple[Component, dict[str, Any]]:
    """Find a component and check its options.

    If a component of the core refuses the options because they have moved to a plug-in, as declared under ``renamed``
    in the plug-in's ``paper.yaml``, the plug-in's component is returned, so that old configurations and runs keep their
    meaning.

    Raises:
        InputError: As raised by `find` and `check_options`.
    """
    component = find(kind, name)
    try:
        return component, check_options(component, values, where)
    except InputError:
        renamed = _renamed(component, values)
        if renamed is None:
            raise
        return renamed, check_options(renamed, values, where)


def current_name(kind: str, values: Mapping[str, Any]) -> Any:
    """Return the current name of a component; ``values`` holds its ``name`` and its options."""
    name = values.get("name")
    if not isinstance(name, str):
        return name
    try:
        component, _ = accept(kind, name, {key: value for key, value in values.items() if key != "name"}, kind)
    except (InputError, AttributeError, TypeError):  # not installed or damaged file; reported elsewhere
        return name
    return name if component.name == name.rpartition(":")[2] else component.name


def _renamed(component: Component, values: Mapping[str, Any]) -> Component | None:
    """Return the plug-in's component to which these options of a component of the core have moved, or None."""
    if canonical(component.distribution) != "fer-plugins":
        return None
    from fer_plugins.config.yaml_files import load_yaml

    for candidate in available(component.kind):
        path = package_file(candidate, "paper.yaml")
        if candidate.distribution == component.distribution or not path.is_file():
            continue
        content = load_yaml(path.read_text(encoding="utf-8"))
        for rule in content.get("renamed") or [] if isinstance(content, dict) else []:
            if rule["kind"] == component.kind and rule["name"] == component.name and rule["now"] == candidate.name:
                if any(values.get(key) in choices for key, choices in rule["options"].items()):
                    return candidate
    return None


def build(kind: str, name: str, **options: Any) -> Any:
    """Build a component: a module, transform, dataset, ...; for a protocol, a function of the sample table.

    Args:
        kind: One of ``GROUPS``.
        name: Name of the component, or ``distribution:name``.
        **options: Options of the component, and values that the core provides (``num_classes``, ``pool``,
        ``image_size``,
            ``root``, ...). Provided values that the signature does not name are dropped, so that the same call works
            for every architecture. ``pool`` may be a name, a mapping with ``name`` and options, or a factory.

    Returns:
        The object that the factory returns. For a pooling without ``kernel_size``, a factory
        ``(kernel_size, stride=None) -> nn.Module``; for a protocol without ``table``, a function
        ``(table) -> list of Fold``.

    Raises:
        InputError: A name or option is unknown, a value has the wrong type, or the factory refuses its arguments.

    >>> build("augmentation", "lihgt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fer_plugins.runtime.errors.InputError: unknown augmentation 'lihgt'; did you mean light?; installed: ...
    """
    user_options = {key: value for key, value in options.items() if key not in PROVIDED[kind]}
    component, checked = accept(kind, name, user_options, name)
    parameters = signature(component)
    provided = {key: value for key, value in options.items() if key in PROVIDED[kind]}
    if kind == "architecture":
        provided.setdefault("num_classes", 7)
        if provided.get("pool") is None:
            provided.pop("pool", None)
        elif parameters.named("pool") is None:
            raise InputError(f"model.pool: {component} does not pool through an exchangeable pooling; leave it out")
        elif not callable(provided["pool"]):
            provided["pool"] = pooling(provided["pool"])
        if provided.get("teacher") is not None and parameters.named("teacher") is None:
            raise InputError(f"model.teacher: {component} does not learn from a teacher; leave it out")
    arguments = {key: value for key, value in provided.items() if parameters.named(key) is not None}
    factory = load(component)
    if kind == "pooling" and "kernel_size" not in arguments:
        return functools.partial(factory, **arguments, **checked)
    if kind == "protocol" and "table" not in arguments:
        return functools.partial(factory, **{"seed": 0, **arguments}, **checked)
    try:
        built = factory(**arguments, **checked)
    except InputError:
        raise
    except Exception as error:
        text = one_line(error)
        if isinstance(error, ValueError | OSError):  # raised by factories that refuse their arguments, see the contract
            raise InputError(
                f"{kind} {name}: {text.removeprefix(f'{name}: ')}", key=getattr(error, "key", None)
            ) from error
        raise PluginError(f"{component} cannot be built: {type(error).__name__}: {text}") from error
    if kind in ("architecture", "pooling", "loss") and not (callable(built) and hasattr(built, "state_dict")):
        raise PluginError(f"{component} returns a {type(built).__name__}; the contract wants a torch.nn.Module")
    return built


def pooling(pool: str | Mapping[str, Any]) -> Any:
    """Return a pooling factory, given its name or a mapping with ``name`` and options."""
    arguments = as_named(pool)
    return build("pooling", str(arguments.pop("name")), **arguments)
