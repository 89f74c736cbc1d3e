"""Builds what plug-ins offer: checks options against the signature of a factory, then calls it. No torch here."""

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
    """Return the factory's signature, read without importing it where its source tells.

    Raises:
        PluginError: it cannot be read, swallows options with ``**``, or lacks what the contract offers.
    """
    if component.kind == "command":  # has its own options, which ``fer NAME --help`` shows
        return Signature(())
    try:
        parameters = read_signature(component.module, component.attribute)
    except Exception:
        load(component)  # says what is wrong in the words of a plug-in's failure
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
    """Return the options that a user may set: the signature less the values that the core offers."""
    return [option for option in signature(component).options if option.name not in PROVIDED[component.kind]]


def idle_rules(component: Component) -> Any:
    """Return the ``IDLE_OPTIONS`` at the top of the module that defines the component; nothing is imported.

    Raises:
        PluginError: a rule names an option that the component does not have.
    """
    rules = read_beside(component.module, component.attribute, "IDLE_OPTIONS") or ()
    names = [option.name for option in signature(component).options]
    for name, _, idle in rules:
        for unknown_name in {name, *idle} - set(names):
            raise PluginError(f"{component}: IDLE_OPTIONS names {unknown_name}, which it does not take")
    return rules


def check_options(component: Component, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Check user options against the signature and return them as the factory wants them, nothing added.

    Raises:
        InputError: an option is unknown (the nearest are named), of the wrong type, or required and missing.
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
    """Find a component and check the options that are meant for it.

    What it refuses may once have been its own and now be that of a plug-in, whose ``paper.yaml`` says so under
    ``renamed``: then the component is that one, and old configurations and runs keep their meaning.

    Raises:
        InputError: as `find` and `check_options`.
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
    """Return the name that a component has now; ``values`` holds its ``name`` and its options."""
    name = values.get("name")
    if not isinstance(name, str):
        return name
    try:
        component, _ = accept(kind, name, {key: value for key, value in values.items() if key != "name"}, kind)
    except (InputError, AttributeError, TypeError):  # not installed here, or the file is damaged: not said here
        return name
    return name if component.name == name.rpartition(":")[2] else component.name


def _renamed(component: Component, values: Mapping[str, Any]) -> Component | None:
    """Return what a plug-in says that these options of a component of the core belong to now, if one does."""
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
        if isinstance(error, ValueError | OSError):  # the contract's way to refuse arguments
            raise InputError(
                f"{kind} {name}: {text.removeprefix(f'{name}: ')}", key=getattr(error, "key", None)
            ) from error
        raise PluginError(f"{component} cannot be built: {type(error).__name__}: {text}") from error
    if kind in ("architecture", "pooling", "loss") and not (callable(built) and hasattr(built, "state_dict")):
        raise PluginError(f"{component} returns a {type(built).__name__}; the contract wants a torch.nn.Module")
    return built


def pooling(pool: str | Mapping[str, Any]) -> Any:
    """Return a pooling factory from a name or a mapping with ``name`` and options."""
    arguments = as_named(pool)
    return build("pooling", str(arguments.pop("name")), **arguments)
