"""Merges all layers into the one configuration of a run: complete, checked and frozen. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.checks import check
from fer_plugins.config.keys import COMMAND_LINE, Origin, defaults
from fer_plugins.config.layers import Draft, Layer, merge
from fer_plugins.config.saved import read_file
from fer_plugins.config.schema import RunConfig
from fer_plugins.config.wandb_environment import apply_environment
from fer_plugins.runtime.errors import InputError

# Defaults on the synthetic faces: the least from which the networks here learn something.
DEMO_EPOCHS = 4
DEMO_DATA = {"samples": 840, "difficulty": 0.2}
_DEMO_SIZES = ("samples", "subjects", "frames")  # numbers that depend on each other


@dataclass(frozen=True)
class Resolved:
    """A complete configuration, and the origin of the value of each dotted key that a layer sets."""

    config: RunConfig
    origins: Mapping[str, Origin] = field(default_factory=dict)
    notice: str | None = None  # tells the user what was chosen automatically
    notes: tuple[str, ...] = ()  # further such lines
    series: Mapping[str, Any] | None = None  # of the seeds that the run belongs to: id, number (from 0), count
    measured: Mapping[str, Any] | None = (
        None  # images/s of each candidate, if trainer.precision or a similar key is auto
    )


def resolve(
    flags: Mapping[str, Any] | None = None,
    *,
    plugin: str | None = None,
    recipe: str | None = None,
    files: list[str] | None = None,
    origin: Origin = COMMAND_LINE,
) -> Resolved:
    """Build the complete, checked configuration of a run.

    Args:
        flags: Nested values given on the command line or from Python; they override all others.
        plugin: Architecture whose recipe is the base; None for the key ``plugin`` of the files or flags.
        recipe: Variant of that recipe.
        files: Configuration files; later files override earlier ones.
        origin: Origin of the flags.

    Raises:
        InputError: A name, key or option is unknown or missing, or a value has the wrong type or is out of range.
    """
    layers = [Layer(read_file(path), Origin("file", f"--config {path}")) for path in files or []]
    layers.append(Layer(flags or {}, origin))
    if plugin is None:  # a saved configuration names the recipe it is based on
        for layer in layers:
            plugin, recipe = layer.values.get("plugin", plugin), layer.values.get("recipe", recipe)
    return _resolve(layers, plugin, recipe)


def resolve_data(flags: Mapping[str, Any], model: str) -> RunConfig:
    """Build the configuration of data and protocol only, for predictions of a network that was trained elsewhere.

    Args:
        flags: Nested values given on the command line or from Python.
        model: Name of the network.

    Raises:
        InputError: As raised by :func:`resolve`.
    """
    origins: dict[str, Origin] = {}
    config = merge(defaults(), Layer(flags, COMMAND_LINE), origins)
    config["model"]["name"] = model
    return check(config, origins, network=False)


def _resolve(layers: list[Layer], plugin: str | None, recipe: str | None) -> Resolved:
    origins: dict[str, Origin] = {}
    config: Draft = defaults()
    if plugin is not None:
        component = registry.find("architecture", str(plugin))
        config = merge(config, Layer({"model": {"name": str(plugin)}}, Origin("plug-in", f"plug-in {plugin}")), origins)
        for part, values in registry.recipe(component, recipe, _dataset_of(layers)).items():
            text = f"{part} of {component.distribution}"
            source = Origin("dataset", text) if part == "dataset" else Origin("recipe", text)
            config = merge(config, Layer(values, source), origins)
        config["model"]["name"] = str(plugin)  # as given: it may name the distribution
    elif recipe is not None:
        raise InputError("--recipe: needs --plugin NAME, whose recipes are meant")
    recipe_epochs = config["trainer"]["epochs"]
    for layer in layers:
        config = merge(config, layer, origins)
    _without_subjects(config, origins)
    config["plugin"], config["recipe"] = plugin, recipe
    notice = _choose_demo(config, origins, recipe_epochs)
    notes = [*_dataset_notes(config, origins), *apply_environment(config["logger"], origins)]
    return Resolved(check(config, origins), origins, notice, tuple(notes))


def _dataset_of(layers: list[Layer]) -> str | None:
    """Return the dataset named by the last layer that names one."""
    name = None
    for layer in layers:
        section = layer.values.get("data")
        name = section.get("name", name) if isinstance(section, Mapping) else section or name
    return name.rpartition(":")[2] if isinstance(name, str) else None


def _without_subjects(config: Draft, origins: Mapping[str, Origin]) -> None:
    """Use the official split if a plug-in's recipe splits by subject: a csv file of pixels has no subjects."""
    origin, root = origins.get("protocol.name"), config["data"]["root"]
    by_subject = config["protocol"].get("name") in ("subject_kfold", "leave_one_subject_out")
    if origin is not None and origin.kind == "dataset" and by_subject and str(root).lower().endswith(".csv"):
        config["protocol"] = {"name": "official", "seed": config["protocol"].get("seed", 0)}


def _dataset_notes(config: Draft, origins: Mapping[str, Origin]) -> list[str]:
    """Return a line about the keys that the paper's recipe sets for this dataset, unless the user overrides them."""
    keys = [key for key, origin in origins.items() if origin.kind == "dataset"]
    if not keys:
        return []
    values = {key: config[key.partition(".")[0]].get(key.partition(".")[2]) for key in keys}
    shown = ", ".join(f"{key.removesuffix('.name')} {value}" for key, value in values.items())
    flags = " ".join(f"--{key.removesuffix('.name')} VALUE" for key in keys)
    return [f"For {config['data']['name']} the plug-in {config['plugin']} sets {shown}; others with {flags}."]


def _choose_demo(config: Draft, origins: Mapping[str, Origin], recipe_epochs: Any) -> str | None:
    """Shorten a run without a dataset to a demonstration on synthetic faces; return the notice for the user."""

    def is_asked(key: str) -> bool:
        return key in origins and origins[key].kind in ("file", "flags")

    if is_asked("data.name"):
        return None
    if not is_asked("trainer.epochs") and isinstance(recipe_epochs, int):
        config["trainer"]["epochs"] = min(recipe_epochs, DEMO_EPOCHS)
        if not is_asked("scheduler.warmup_epochs"):
            warmup = config["scheduler"].get("warmup_epochs", 0)
            config["scheduler"]["warmup_epochs"] = min(warmup, 1) if isinstance(warmup, int) else warmup
    if config["data"]["name"] == "synthetic" and not any(is_asked(f"data.{name}") for name in _DEMO_SIZES):
        config["data"].update({name: value for name, value in DEMO_DATA.items() if not is_asked(f"data.{name}")})
    who = f"--plugin {config['plugin']}" if config["plugin"] else f"--model {config['model'].get('name')}"
    if config["recipe"]:
        who += f" --recipe {config['recipe']}"
    epochs = f"{config['trainer']['epochs']} epochs"
    if recipe_epochs != config["trainer"]["epochs"]:
        epochs += f" (the recipe has {recipe_epochs})"
    return (
        f"No --data given: a demonstration on the {config['data']['name']} faces, {epochs}.\n"
        f"Real data: fer-run {who} --data fer2013 --data.root PATH/fer2013.csv"
    )
