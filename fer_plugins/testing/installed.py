"""Runs the contract checks on the components of a distribution, and prints one line per check."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins import testing as kit
from fer_plugins.analysis.claims import read_claims
from fer_plugins.analysis.claims.claims_beside import for_run
from fer_plugins.config import registry
from fer_plugins.config.registry import Component
from fer_plugins.runtime.errors import InputError, first_line
from fer_plugins.runtime.plural import count
from fer_plugins.testing.protocol import example_table

Check = tuple[str, Callable[[], object]]


class Skipped(Exception):
    """A check that cannot be run here; its text says why."""


def check_installed(name: str, root: str | None, image_size: int | None) -> int:
    """Check the components that ``name`` refers to and print the results.

    Args:
        name: a component, ``distribution:component``, or a distribution.
        root: path of the data for a dataset.
        image_size: side length of the images in pixels; None: as in each recipe.

    Returns:
        0 if all checks pass, 1 if one fails.

    Raises:
        InputError: nothing with this name is installed.
    """
    broken = looked = 0
    for component in _find(name):
        print(component)
        for title, action in _checks(component, root, image_size):
            looked += 1
            try:
                action()
            except Skipped as reason:
                print(f"  skipped  {title}: {reason}")
                continue
            except Exception as error:  # any exception of a plug-in is a failed check
                broken += 1
                print(f"  BROKEN   {title}")
                lines = str(error).splitlines() if isinstance(error, InputError | kit.ContractError) else []
                for line in lines or [first_line(error)]:
                    print(f"           {line}")
                continue
            print(f"  ok       {title}")
    print(f"{count(looked, 'check')}, {broken} broken")
    return int(broken > 0)


def _find(name: str) -> list[Component]:
    components = registry.available()
    plain = name.lower().replace("_", "-")
    matches = [component for component in components if component.distribution.lower().replace("_", "-") == plain]
    matches = matches or [
        component for component in components if name in (component.name, f"{component.distribution}:{component.name}")
    ]
    if not matches:
        names = sorted(
            {component.name for component in components} | {component.distribution for component in components}
        )
        raise InputError(f"nothing named {name!r} is installed{registry.nearest(name, names)}; see fer list")
    return matches


def _checks(component: Component, root: str | None, image_size: int | None) -> Iterator[Check]:
    yield "loads, for this version of the core", functools.partial(registry.load, component)
    yield "options are typed and explained", lambda: _check_options(component)
    if component.kind == "architecture":
        yield from _architecture_checks(component, image_size)
    elif component.kind == "dataset":
        yield "contract", lambda: _check_dataset(component, root)
    else:
        checks: dict[str, Callable[[Any], None]] = {
            "pooling": kit.check_pooling,
            "augmentation": kit.check_augmentation,
            "protocol": _check_protocol,
            "search": kit.check_search,
            "command": kit.check_command,
            "loss": kit.check_loss,
            "metric": kit.check_metric,
            "callback": kit.check_callback,
            "logger": kit.check_logger,
            "detector": _check_detector,
        }
        yield "contract", lambda: checks[component.kind](registry.load(component))


def _architecture_checks(component: Component, image_size: int | None) -> Iterator[Check]:
    yield "paper.yaml: identity, recipes and what is assumed", lambda: _check_paper(component)
    yield "claims.yaml: rates in 0..1, known models", lambda: _check_claims(component)
    try:
        own = registry.paper(component)["architectures"][component.name]
    except InputError:
        return  # reported by the check of paper.yaml
    variants = own.get("variants") or {}
    for variant in ("default", *variants):
        yield f"recipe {variant}", functools.partial(_check_recipe, component, variant)
    tried: list[dict[str, Any]] = []
    for variant in ("default", *variants):
        try:
            settings = _resolve(component, variant)
        except InputError:
            continue  # reported by the check of the recipe
        model = config.copy_plain(settings.model.options)
        if model in tried:
            continue
        tried.append(model)
        size = image_size or settings.data.image_size
        yield (
            f"contract, recipe {variant}, {size} pixels",
            functools.partial(_check_architecture, component, model, size),
        )


def _check_protocol(function: Callable[..., Any]) -> None:
    """Check a protocol on the first of three tables that it accepts: with all splits, without val, without splits."""
    table = example_table()
    assert table.split is not None
    without_val = dataclasses.replace(table, split=np.where(table.split == "val", "train", table.split))
    for candidate in (table, without_val, dataclasses.replace(table, split=None)):
        try:
            function(table=candidate, seed=0)
        except ValueError:  # how the contract rejects a table
            continue
        except Exception:  # reported by the contract checks
            break
        return kit.check_protocol(function, candidate)
    return kit.check_protocol(function, table)


def _check_detector(factory: Callable[..., Any]) -> None:
    try:
        factory()
    except ValueError as error:
        if isinstance(error.__cause__, ImportError):  # a library that only this detector needs
            raise Skipped(str(error)) from error
    kit.check_detector(factory)


def _check_options(component: Component) -> None:
    for option in registry.options(component):
        if not option.annotation or not option.help:
            lacks = "line in the docstring's Args" if option.annotation else "type"
            raise InputError(f"option {option.name} has no {lacks}; add it")


def _check_paper(component: Component) -> None:
    described = registry.paper(component)
    own = described["architectures"][component.name]
    if not described["paper"].get("title"):
        raise InputError("paper.yaml: paper has no title")
    for key, reason in (own.get("assumed") or {}).items():
        if not isinstance(reason, str) or not reason:
            raise InputError(f"paper.yaml: assumed.{key} needs a reason in words, not {reason!r}")


def _check_claims(component: Component) -> None:
    path = registry.package_file(component, "claims.yaml")
    if not path.exists():
        raise Skipped("there is none; a paper's numbers would stand beside every result")
    claims = read_claims(path)
    own = registry.paper(component)["architectures"][component.name]
    for model in (own.get("claims_model"), *(own.get("claims_models") or {}).values()):
        for_run(claims, model, "")


def _resolve(component: Component, variant: str) -> config.RunConfig:
    name = f"{component.distribution}:{component.name}"
    changes = registry.recipe(component, variant).get("variant", {})
    flags: dict[str, Any] = {"data": {"name": "synthetic"}}
    if (changes.get("model") or {}).get("teacher") == config.MANDATORY:
        flags["model"] = {"teacher": "a run's folder"}  # only a name: the teacher is not used here
    return config.resolve(flags, plugin=name, recipe=variant).config


def _check_recipe(component: Component, variant: str) -> None:
    from fer_plugins.training import optim
    from fer_plugins.training.module import build_network

    settings = _resolve(component, variant)
    optim.check(settings)
    try:
        build_network(settings, num_classes=7)
    except InputError as error:
        _skip_offline(error)
        raise


def _check_architecture(component: Component, options: dict[str, Any], size: int) -> None:
    checked = registry.check_options(component, options, "model")
    factory = registry.load(component)
    try:
        registry.build("architecture", component.name, num_classes=7, image_size=size, **checked)
    except InputError as error:
        _skip_offline(error)  # other errors are reported better by the contract checks
    kit.check_architecture(factory, options=checked, image_size=size)


def _skip_offline(error: InputError) -> None:
    """Skip the check of a recipe that starts from weights which cannot be downloaded here."""
    if isinstance(error.__cause__, ConnectionError):
        raise Skipped(first_line(error)) from error


def _check_dataset(component: Component, root: str | None) -> None:
    needs = registry.signature(component).named("root") is not None
    if needs and root is None:
        raise Skipped("give --root DATA, what it is to read")
    kit.check_dataset(registry.build("dataset", f"{component.distribution}:{component.name}", root=root))
