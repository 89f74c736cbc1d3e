"""Refuses options that have no effect in combination with others, both of the core and, by their rules, of plug-ins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins.config import registry
from fer_plugins.config.keys import Origin, section_keys
from fer_plugins.config.logger_names import logger_names, takes
from fer_plugins.config.overlay import as_named
from fer_plugins.config.signatures import read_constant
from fer_plugins.runtime.errors import InputError

# (NAME, VALUE, {option: default}): if option NAME has VALUE, these options have no effect and must keep defaults.
IdleRule = tuple[str, Any, Mapping[str, Any]]


def refuse_idle(options: Mapping[str, Any], rules: Sequence[IdleRule]) -> None:
    """Raise an error if an option that has no effect was changed from its default. For use by plug-ins.

    If a plug-in's module defines its rules as a top-level literal named ``IDLE_OPTIONS``, they are also checked with
    the configuration, so that ``--print-config``, grids and searches refuse what the run would refuse.

    Args:
        options: Name -> value of all options that the rules name.
        rules: Tuples (name, value, {idle option: default}): if option ``name`` has ``value``, the idle options have no
            effect and must keep their defaults.

    Raises:
        ValueError: An idle option is not at its default; the message is one line that names both options.

    >>> refuse_idle({"penalty": "none", "lambda1": 0.5}, [("penalty", "none", {"lambda1": 0.1})])
    Traceback (most recent call last):
    ValueError: lambda1=0.5 has no effect with penalty=none: leave one of them out
    """
    for name, value, idle in rules:
        if options[name] != value:
            continue
        for option, default in idle.items():
            current = tuple(options[option]) if isinstance(options[option], list) else options[option]
            if current != default:
                beside = f"without {name}: add it" if value is None else f"with {name}={value}: leave one of them out"
                raise ValueError(f"{option}={current} has no effect {beside}")


_ANY_DETECTOR = ("*",)  # every value except "none"
# Key -> (key that it depends on, values of that key with which it has an effect, remedy).
_BELONG: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "data.on_no_face": ("data.face_crop", _ANY_DETECTOR, "add --data.face_crop lbp"),
    "data.face_align": ("data.face_crop", _ANY_DETECTOR, "add --data.face_crop centerface"),
    "data.face_margin": ("data.face_crop", _ANY_DETECTOR, "add --data.face_crop lbp"),
    **{
        f"data.{name}": ("data.balance", ("augment",), "add --data.balance augment")
        for name in ("balance_with", "balance_to", "balance_total")
    },
    **{
        f"logger.{name}": ("logger.name", ("wandb",), "add --logger wandb")
        for name in ("mode", "project", "entity", "group", "tags", "run_name", "log_model")
    },
}


def drop_idle(config: dict[str, Any], values: Mapping[str, Any], origins: dict[str, Origin]) -> dict[str, Any]:
    """Reset keys of lower layers that the new layer makes ineffective to their defaults; return ``config``.

    This lets ``--config RUN/config.yaml --logger csv`` follow the flag, just as the options of the old optimizer are
    dropped when the optimizer's name changes. Keys set by the new layer itself are kept, and refused by ``check_idle``.

    Args:
        config: Configuration with the new layer merged in, not yet checked; modified in place.
        values: Values of the new layer; a section is a mapping or only a name.
        origins: Dotted key -> where its value came from; modified in place.
    """
    belong = [(key, owner, acting) for key, (owner, acting, _) in _BELONG.items()]
    patience = config["selection"].get("patience")
    belong.append(("selection.min_delta", "selection.patience", () if patience is None else (patience,)))
    new_data = values.get("data", {})
    if isinstance(new_data, Mapping) and ("balance_to" in new_data) != ("balance_total" in new_data):
        old = "data.balance_total" if "balance_to" in new_data else "data.balance_to"
        config["data"][old.partition(".")[2]] = None
        origins.pop(old, None)
    for key, owner, acting in belong:
        section, _, name = key.partition(".")
        owner_name = owner.partition(".")[2]
        new = as_named(values.get(section, {}))
        if owner_name in new and name not in new and not _acts(key, config[section][owner_name], acting):
            config[section][name] = section_keys(section)[name].default
            origins.pop(key, None)
    return config


def _acts(key: str, owned: Any, acting: tuple[Any, ...]) -> bool:
    """Return whether ``key`` has an effect if the key that it depends on has the value ``owned``."""
    if acting is _ANY_DETECTOR:
        return (owned.get("name") if isinstance(owned, Mapping) else owned) != "none"
    if not key.startswith("logger."):
        return owned in acting
    loggers = logger_names(owned)
    return bool(set(loggers) & set(acting)) or any(takes(logger, key.partition(".")[2]) for logger in loggers)


def check_idle(config: Mapping[str, Any]) -> None:
    """Raise an error if a key of the core was set that has no effect in combination with the others.

    Args:
        config: A complete configuration whose values have the right types.

    Raises:
        InputError: A key that is not at its default has no effect; the message says how to make it effective.
    """
    for key, (owner, values, remedy) in _BELONG.items():
        section, _, name = key.partition(".")
        owned = config[section][owner.partition(".")[2]]
        if config[section][name] != section_keys(section)[name].default and not _acts(key, owned, values):
            shown = ", ".join(owned) if isinstance(owned, list) else owned
            raise InputError(f"{key}: has no effect with {owner} {shown}; {remedy}, or leave it out")
    selection = config["selection"]
    if selection["min_delta"] and selection["patience"] is None:
        raise InputError("selection.min_delta: has no effect without selection.patience; add it, or leave it out")
    data = config["data"]
    if data["balance_total"] is not None and data["balance_to"] is not None:
        raise InputError(
            "data.balance_to: has no effect beside data.balance_total, which says how many images there are in all; "
            "leave one of them out"
        )
    if data["votes"] is not None and not _takes_votes(data["name"]):
        names = [component.name for component in registry.available("dataset") if _takes_votes(component.name)]
        raise InputError(
            f"data.votes: dataset {data['name']} takes no votes beside its labels ({', '.join(names)} does); "
            "leave it out"
        )
    if data["root"] is not None:
        dataset = registry.find("dataset", data["name"])
        if registry.signature(dataset).named("root") is None:
            names = [component.name for component in registry.available("dataset") if component.name != dataset.name]
            raise InputError(
                f"data.root: dataset {data['name']} reads no files, so {data['root']} would be passed over; "
                f"say what lies there with --data NAME, one of {', '.join(names)}"
            )


def refuse_idle_seed(protocol: str, section: Mapping[str, Any]) -> None:
    """Raise an error if the user gave a seed for a protocol that is not random (saved configurations always have one).

    A protocol's module declares this as ``DRAWS_NOTHING = ("official",)`` at its top level, with the function names.

    Args:
        protocol: Name of the protocol.
        section: Keys of section ``protocol`` that are set on the command line.

    Raises:
        InputError: A seed other than 0 is set.
    """
    component = registry.find("protocol", protocol)
    unseeded = read_constant(component.module, "DRAWS_NOTHING") or ()
    if section.get("seed", 0) != 0 and component.attribute in unseeded:
        raise InputError(
            f"protocol.seed: has no effect with protocol {protocol}, which draws nothing; leave it out, or choose one "
            "that draws, such as --protocol random"
        )


def _takes_votes(dataset: str) -> bool:
    return registry.signature(registry.find("dataset", dataset)).named("votes") is not None
