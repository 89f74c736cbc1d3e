"""Verdicts on a paper's claims: how each number compares with a run's interval, or why they cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins import config
from fer_plugins.analysis.claims import Claim, dataset_key, read_claims
from fer_plugins.analysis.claims.aliases import Reading
from fer_plugins.analysis.claims.claims_beside import NO_RATES, PROTOCOL, as_printed, for_run
from fer_plugins.analysis.measured_claim import (
    ABOVE,
    BELOW,
    REPRODUCED,
    is_releases_own,
    measure_claim,
    name_protocol,
    split_condition,
)
from fer_plugins.config import registry
from fer_plugins.config.identity import shapes_model
from fer_plugins.config.installed_commands import fer_command
from fer_plugins.contract import SPLITS
from fer_plugins.metrics.table import METRICS
from fer_plugins.runs.elsewhere import LABEL, claims_plugin
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.record import recipe_of
from fer_plugins.runs.remarks import name_fault
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice, code_of

__all__ = ["ABOVE", "BELOW", "NOT_COMPARABLE", "NO_READING", "REPRODUCED", "SOME_READING", "verify_run"]
NOT_COMPARABLE = "not comparable"
# For a claim with several readings that disagree: reproduced in some of them, or in none (some below, some above).
SOME_READING, NO_READING = "reproduced in some readings", "in no reading"
OTHER_DATA, OTHER_EPOCH, NO_SCORE = "other_data", "other_epoch", "no_score"  # codes of notices in ``why``
_RECIPE = ("model", "augmentation", "loss", "optimizer", "scheduler", "selection", "trainer")
# Numerical settings, which papers rarely state: a departure is a condition of the verdict and does not prevent it.
_ARITHMETIC = ("trainer.precision", "trainer.channels_last", "trainer.compile", "trainer.deterministic")
_CONFIG = config.Origin("file", "--config config.yaml")
_OF_A_CLASS = (*(name for name, entry in METRICS.items() if entry.of_class), "sensitivity", "gar", "frr", "far")


def verify_run(run: FinishedRun) -> dict[str, Any]:
    """Judge every claim of the run's plug-in.

    A verdict is given if the claim is about the run's model and dataset, about a split that was scored and a score that
    the run has, and if the run is comparable: a valid result, trained with the recipe on all the data, on the release's
    own split or with a sound protocol that the recipe names. The verdict says whether the claimed number, with its
    rounding, is within the 95 % interval of the measured one (over test samples), or whether the measured number is
    below or above it.

    Two things that papers often do not state do not prevent a verdict. A claim whose averaging or name has several
    readings is judged in each of them. A claim on a split of a flawed kind that a protocol reproduces (``protocols`` in
    the claims file), or on a split that is not stated, is judged for every run whose split it could be, with this as a
    condition of the verdict.

    Returns:
        ``run, plugin, model`` (in the claims), ``dataset, protocol, protocol_label`` (with its fractions),
        ``split_hash, seed, trained_elsewhere`` (the caveat; None for a run that was trained here), ``against`` (reasons
        against any verdict), ``conditions`` (of every verdict), ``vote_majority`` (of the reported split, see
        ``metrics.votes``; None without votes), ``claims`` [{model, dataset, split, class, epoch, metric,
        source, claimed, printed (the number as text), protocol, measured, interval, difference (points), readings
        [{reading, formula, measured, interval, difference, verdict}], without_copies (measured, interval, difference
        for the images without a copy in training; None if no image has one), by_image (the plain interval, if the other
        is by subject or sequence), condition (on the split, or ""), verdict, why}].

    Raises:
        InputError: the plug-in is not installed or has no claims, or the configuration is of another version.
    """
    manifest, settings = run.record.manifest, run.record.config
    for section in (*(() if run.elsewhere else _RECIPE), "data", "protocol"):
        if not isinstance(settings.get(section), Mapping):
            raise InputError(f"{run.record.folder}: config.yaml has no section {section}; not written by this version")
    plugin = claims_plugin(run.record)
    if plugin is None:
        raise InputError(
            f"{run.record.folder}: {LABEL}, and no paper's claims were named; score the predictions again with "
            f"{fer_command('score ... --claims PLUGIN')}"
        )
    component, described = recipe_of(plugin)
    path = registry.package_file(component, "claims.yaml")
    if not path.exists():
        raise InputError(f"{run.record.folder}: {component} has no claims.yaml, so there is nothing to verify")
    file = read_claims(path)
    of_variants = described.get("claims_models") or {}
    own = of_variants.get(settings.get("recipe"), described.get("claims_model"))
    title = manifest["data"]["title"]
    departures = {} if run.elsewhere else _departures(run, component)  # unknown if trained elsewhere
    against = _against(run, component, departures)
    headline = for_run(file, own, title)
    judged = [_judge(claim, run, own, title, claim in headline, against, file.aliases) for claim in file.claims]
    assumed = manifest.get("assumed", described.get("assumed")) or {}
    conditions = [run.elsewhere] if run.elsewhere else []
    conditions += [f"assumed {key}: {reason}" for key, reason in assumed.items()]
    conditions += [f"computed with {text}" for key, text in departures.items() if key in _ARITHMETIC]
    if own is not None and settings.get("recipe") and settings["recipe"] not in of_variants:
        conditions.append(f"the variant {settings['recipe']} has no claims of its own: put beside those of {own}")
    return {
        "run": str(run.record.folder),
        "plugin": str(manifest["plugin"]["name"]),
        "model": own,
        "dataset": title,
        "protocol": manifest["protocol"]["name"],
        "protocol_label": name_protocol(manifest["protocol"]),
        "split_hash": "+".join(run.split_hash),
        "seed": run.known_seed,
        "trained_elsewhere": run.elsewhere or None,
        "against": against,
        "conditions": conditions,
        "vote_majority": run.scores.get("vote_majority"),
        "claims": judged,
    }


def _against(run: FinishedRun, component: registry.Component, departures: Mapping[str, str]) -> list[str]:
    """Return the reasons why no claim can be compared with this run."""
    manifest, settings = run.record.manifest, run.record.config
    protocol = manifest["protocol"]
    reasons = [name_fault(fault) for fault in run.faults[:1]]
    if protocol.get("flaw"):
        reasons.append(Notice(PROTOCOL, f"flawed protocol {protocol['name']}: {protocol['flaw']}"))
    elif not is_releases_own(run):
        layers = registry.recipe(component, settings.get("recipe"), settings["data"]["name"]).values()
        wanted = {key: value for layer in layers for key, value in layer.get("protocol", {}).items()}
        if any(settings["protocol"].get(key) != value for key, value in wanted.items()) or not wanted:
            text = f"another protocol: {protocol['name']} (recipe: {wanted.get('name', 'official')})"
            reasons.append(Notice(PROTOCOL, text))
    if manifest["data"].get("limit") is not None:
        reasons.append(f"only part of the data (data.limit {manifest['data']['limit']})")
    forbidding = [text for key, text in departures.items() if key not in _ARITHMETIC]
    if forbidding:
        reasons.append(f"not the plug-in's recipe: {', '.join(forbidding)}")
    return reasons


def _departures(run: FinishedRun, component: registry.Component) -> dict[str, str]:
    """Return key -> "key value (recipe: value)" for the settings that differ from the recipe."""
    try:
        settings = config.read_config(run.record.config).as_dict()  # adds the defaults of newer keys
        departures = _differences(settings, component)
    except InputError as error:
        raise InputError(f"{run.record.folder}: config.yaml is not one of this version: {error}") from None
    if limit := departures.pop("trainer.max_time", None):
        trained, planned = run.record.manifest["epochs"], settings["trainer"]["epochs"]
        if trained < planned:  # otherwise the limit had no effect
            departures["trainer.max_time"] = f"{limit}, {trained} of {planned} epochs trained"
    return departures


def _differences(settings: Mapping[str, Any], component: registry.Component) -> dict[str, str]:
    variant = settings.get("recipe")
    flags = {"data": settings["data"], "protocol": settings["protocol"]}
    teacher = settings["model"].get("teacher")
    if teacher is not None:  # the recipe leaves the teacher to the user
        flags["model"] = {"teacher": teacher}
    name = f"{component.distribution}:{component.name}"
    usual = config.resolve(flags, plugin=name, recipe=variant, origin=_CONFIG).config.as_dict()
    wanted = {f"{section}.{key}": value for section in _RECIPE for key, value in usual[section].items()}
    layers = list(registry.recipe(component, variant, settings["data"]["name"]).values())
    for layer in layers:
        wanted |= {f"data.{key}": value for key, value in layer.get("data", {}).items()}
    stated = {f"{section}.{key}" for layer in layers for section in _RECIPE for key in layer.get(section) or ()}
    actual = {f"{section}.{key}": value for section in (*_RECIPE, "data") for key, value in settings[section].items()}
    actual["model.name"] = wanted["model.name"]  # may be written with or without its distribution
    compared = [key for key in dict.fromkeys((*wanted, *actual)) if not key.startswith("data.") or key in wanted]
    compared = [key for key in compared if key in actual or key in stated]  # otherwise an option of a later version
    changed = [
        key for key in compared if key != "data.name" and shapes_model(key) and actual.get(key) != wanted.get(key)
    ]
    exchanged = {key.partition(".")[0] for key in changed if key.endswith(".name")}  # then its options differ anyway
    return {
        key: f"{key} {actual.get(key)} (recipe: {wanted.get(key)})"
        for key in changed
        if key.endswith(".name") or key.partition(".")[0] not in exchanged
    }


def _judge(
    claim: Claim,
    run: FinishedRun,
    own: str | None,
    title: str,
    headline: bool,
    against: Sequence[str],
    aliases: Sequence[Reading],
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": claim.model,
        "dataset": claim.dataset,
        "split": claim.split,
        "class": claim.class_name,
        "epoch": claim.epoch,
        "metric": claim.metric,
        "source": claim.source,
        "claimed": claim.value,
        "printed": as_printed(claim),
        "protocol": f"{claim.split} = {claim.split_means}" if claim.split_means else claim.split,
        "measured": None,
        "interval": None,
        "difference": None,
        "readings": [],
        "without_copies": None,
        "by_image": None,
        "condition": "",
    }
    scored = headline or claim.metric in (_OF_A_CLASS if claim.class_name is not None else NO_RATES)
    why: list[str] = []
    if own is None or claim.model != own:
        why = [f"of {claim.model or 'no model'}; the run is of {own or 'a network that the paper does not print'}"]
    elif claim.dataset is None or dataset_key(claim.dataset) != dataset_key(title):
        why = [Notice(OTHER_DATA, f"on {claim.dataset or 'no dataset'}; the run is on {title}")]
    elif claim.epoch is not None:
        rest = "a run reports the selected one only"
        why = [
            Notice(OTHER_EPOCH, f"after epoch {claim.epoch}; {rest}", {"in_general": f"after single epochs; {rest}"})
        ]
    elif not scored:
        why = [Notice(NO_SCORE, f"{claim.metric} is not among the scores of a run")]
    elif claim.split == "train" and "train" not in run.record.metrics:
        why = ["of the training split, which this run did not score; train with --run.score_train true"]
    else:
        splits = {split: run.record.metrics[split] for split in SPLITS if split in run.record.metrics}
        row["condition"], unusual = split_condition(claim, run)
        why = [unusual] if unusual else []
        why += measure_claim(row, claim, splits, run, aliases)
        if row["condition"]:
            against = [reason for reason in against if code_of(reason) != PROTOCOL]
    if row["measured"] is not None or not why:
        why += against
    return row | {"verdict": NOT_COMPARABLE if why else _join(row["readings"]), "why": why}


def _join(readings: Sequence[Mapping[str, Any]]) -> str:
    """Combine the verdicts on the readings of a claim into one."""
    verdicts = {reading["verdict"] for reading in readings}
    if len(verdicts) == 1:
        return str(verdicts.pop())
    return SOME_READING if REPRODUCED in verdicts else NO_READING
