"""Verdicts on a paper's claims: how a run's measured interval lies to each number, or why they cannot be compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fer_plugins import config
from fer_plugins.analysis.claims import Claim, dataset_key, read_claims, read_printed
from fer_plugins.analysis.claims.claims_beside import AVERAGING, NO_RATES, RENAMED, as_printed, compare, for_run
from fer_plugins.config import registry
from fer_plugins.config.identity import shapes_model
from fer_plugins.contract import SPLITS
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.metrics.table import METRICS
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.record import recipe_of
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice, code_of

REPRODUCED, BELOW, ABOVE, NOT_COMPARABLE = "reproduced within the interval", "below", "above", "not comparable"
OTHER_DATA, OTHER_EPOCH, NO_SCORE = "other_data", "other_epoch", "no_score"  # codes of why
_RELEASES_OWN_TEST = ("official", "official_val")
_MEASURED = ("measured", "interval", "difference")
_RECIPE = ("model", "augmentation", "loss", "optimizer", "scheduler", "selection", "trainer")
_CONFIG = config.Origin("file", "--config config.yaml")
_OF_A_CLASS = (*(name for name, entry in METRICS.items() if entry.of_class), "sensitivity", "gar")


def verify_run(run: FinishedRun) -> dict[str, Any]:
    """Judge every claim of the run's plug-in.

    A verdict is given where the claim speaks of the run's model and dataset, of a split that was scored, in a metric
    whose reading is known, and the run is a sound one: a result, trained by the recipe on all the data, under the
    release's own split or a sound protocol that the recipe names. It says where the claimed number, with its rounding,
    lies: within the 95 % interval of the measured one (over test samples), or the measured one is below or above it.

    Returns:
        ``run, plugin, model`` (in the claims), ``dataset, protocol, split_hash, seed, conditions`` (what every verdict
        stands under), ``vote_majority`` (of the reported split, see ``metrics.vote_majority``; None without votes),
        ``claims`` [{model, dataset, split, class, epoch, metric, source, claimed, printed (the number as text),
        protocol, measured, interval, difference (points), without_copies (the last three on the images without a copy
        in training; None where no image has one), verdict, why}].

    Raises:
        InputError: the plug-in is not installed, or has no claims; or the configuration is another version's.
    """
    manifest, settings = run.record.manifest, run.record.config
    for section in (*_RECIPE, "data", "protocol"):
        if not isinstance(settings.get(section), Mapping):
            raise InputError(f"{run.record.folder}: config.yaml has no section {section}; not written by this version")
    component, described = recipe_of(str(settings["model"].get("name")))
    path = registry.package_file(component, "claims.yaml")
    if not path.exists():
        raise InputError(f"{run.record.folder}: {component} has no claims.yaml, so there is nothing to verify")
    file = read_claims(path)
    of_variants = described.get("claims_models") or {}
    own = of_variants.get(settings.get("recipe"), described.get("claims_model"))
    title = manifest["data"]["title"]
    against = _against(run, component)
    headline = for_run(file, own, title)
    judged = [_judge(claim, run, own, title, claim in headline, against) for claim in file.claims]
    assumed = manifest.get("assumed", described.get("assumed")) or {}
    conditions = [f"assumed {key}: {reason}" for key, reason in assumed.items()]
    if settings.get("recipe") and settings["recipe"] not in of_variants:
        conditions.append(f"the variant {settings['recipe']} has no claims of its own: put beside those of {own}")
    return {
        "run": str(run.record.folder),
        "plugin": str(manifest["plugin"]["name"]),
        "model": own,
        "dataset": title,
        "protocol": manifest["protocol"]["name"],
        "split_hash": "+".join(run.split_hash),
        "seed": run.seed,
        "against": against,
        "conditions": conditions,
        "vote_majority": run.scores.get("vote_majority"),
        "claims": judged,
    }


def _against(run: FinishedRun, component: registry.Component) -> list[str]:
    """Return what speaks against comparing any claim with this run."""
    manifest, settings = run.record.manifest, run.record.config
    protocol = manifest["protocol"]
    reasons = [f"not a result: {fault}" for fault in run.faults[:1]]
    if protocol.get("flaw"):
        reasons.append(f"flawed protocol {protocol['name']}: {protocol['flaw']}")
    elif not _is_on_releases_own(run):
        layers = registry.recipe(component, settings.get("recipe")).values()
        wanted = {key: value for layer in layers for key, value in layer.get("protocol", {}).items()}
        if any(settings["protocol"].get(key) != value for key, value in wanted.items()) or not wanted:
            reasons.append(f"another protocol: {protocol['name']} (recipe: {wanted.get('name', 'official')})")
    if manifest["data"].get("limit") is not None:
        reasons.append(f"a part of the data only (data.limit {manifest['data']['limit']})")
    try:
        departures = _departures(settings, component)
    except InputError as error:
        raise InputError(f"{run.record.folder}: config.yaml is not one of this version: {error}") from None
    if departures:
        reasons.append(f"not the plug-in's recipe: {', '.join(departures)}")
    return reasons


def _is_on_releases_own(run: FinishedRun) -> bool:
    """Return whether the reported split holds the images of the release's own."""
    splits = run.record.manifest["data"].get("release_parts")
    if splits is None:  # a run of an earlier version, or folds, of which none is the release's
        return run.record.manifest["protocol"]["name"] in _RELEASES_OWN_TEST
    return run.split in splits


def _departures(settings: Mapping[str, Any], component: registry.Component) -> list[str]:
    """Return the settings that are not the recipe's, as "key value (recipe: value)"."""
    variant = settings.get("recipe")
    flags = {"data": settings["data"], "protocol": settings["protocol"]}
    teacher = settings["model"].get("teacher")
    if teacher is not None:  # the recipe leaves it to the user
        flags["model"] = {"teacher": teacher}
    name = f"{component.distribution}:{component.name}"
    usual = config.resolve(flags, plugin=name, recipe=variant, origin=_CONFIG).config.as_dict()
    wanted = {f"{section}.{key}": value for section in _RECIPE for key, value in usual[section].items()}
    for layer in registry.recipe(component, variant).values():
        wanted |= {f"data.{key}": value for key, value in layer.get("data", {}).items()}
    actual = {f"{section}.{key}": value for section in (*_RECIPE, "data") for key, value in settings[section].items()}
    actual["model.name"] = wanted["model.name"]  # written with its distribution or without
    compared = [key for key in dict.fromkeys((*wanted, *actual)) if not key.startswith("data.") or key in wanted]
    changed = [
        key for key in compared if key != "data.name" and shapes_model(key) and actual.get(key) != wanted.get(key)
    ]
    exchanged = {key.partition(".")[0] for key in changed if key.endswith(".name")}  # its options are others, then
    return [
        f"{key} {actual.get(key)} (recipe: {wanted.get(key)})"
        for key in changed
        if key.endswith(".name") or key.partition(".")[0] not in exchanged
    ]


def _judge(
    claim: Claim, run: FinishedRun, own: str | None, title: str, headline: bool, against: Sequence[str]
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
        "without_copies": None,
    }
    asked = replace(claim, class_name=None, epoch=None)
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
    elif claim.split == "train":
        why = ["of the training split, which a run does not score"]
    else:
        scored_splits: dict[str, Mapping[str, Any]] = {
            split: run.record.metrics[split] for split in ("test", "val") if split in run.record.metrics
        }
        beside = _beside(asked, claim.class_name, scored_splits, run)
        row |= {key: beside[key] for key in _MEASURED}
        if any(scores.get("copies") for scores in scored_splits.values()):
            row["without_copies"] = _without_copies(asked, claim.class_name, scored_splits, run)
        notes = beside["notes"]
        if claim.class_name is not None:
            notes = [note for note in notes if code_of(note) != AVERAGING]  # one class is not averaged
        why = [note for note in notes if code_of(note) != RENAMED]  # the same number
        if row["measured"] is None and not why:
            why = [f"the run has no {claim.metric} of {claim.class_name or 'this split'}"]
        elif row["interval"] is None and not why:
            why = [f"no interval is computed for {claim.metric}"]
    if row["measured"] is not None or not why:
        why += against
    return row | {"verdict": NOT_COMPARABLE if why else _verdict(claim, row["interval"]), "why": why}


def _beside(
    claim: Claim, class_name: str | None, scored_splits: Mapping[str, Mapping[str, Any]], run: FinishedRun
) -> dict[str, Any]:
    scores = {split: _scores(values, class_name) for split, values in scored_splits.items()}
    # what speaks against it is in ``against``
    (beside,) = compare([claim], scores, run.record.manifest["protocol"]["name"], release_splits=SPLITS)
    return beside


def _without_copies(
    claim: Claim, class_name: str | None, scored_splits: Mapping[str, Mapping[str, Any]], run: FinishedRun
) -> dict[str, Any]:
    """Return ``measured``, ``interval`` and ``difference`` of the images without a copy in training."""
    less = {split: (values.get("copies") or {"without": values})["without"] for split, values in scored_splits.items()}
    if None in less.values():  # every image has a copy
        return dict.fromkeys(_MEASURED)
    return {key: value for key, value in _beside(claim, class_name, less, run).items() if key in _MEASURED}


def _scores(scores: Mapping[str, Any], class_name: str | None) -> Mapping[str, Any]:
    """Return scores, or those of one class in the same form; a score that is not there is None."""
    if class_name is None:
        return defaultdict(lambda: None, scores)
    meant = _expression_key(class_name)
    wanted = next((name for name in scores["per_class"] if _expression_key(name) == meant), None)
    if wanted is None:
        return defaultdict(lambda: None)
    intervals = scores["intervals"]["per_class"].get(wanted) or {}
    return defaultdict(lambda: None, scores["per_class"][wanted], intervals=intervals)


def _expression_key(name: str) -> str:
    """Name an expression so that spellings agree; papers write sadness and angry."""
    return dataset_key(expression_of(name) or name)


def _verdict(claim: Claim, interval: Mapping[str, float]) -> str:
    """Return where the measured interval lies to the claim, which is known to half a unit of its last digit."""
    assert isinstance(claim.value, float)
    step = float(read_printed(claim).step)
    unit = step if claim.step or step < 1 else 0.0  # a whole number is meant as it stands
    if interval["high"] < claim.value - unit / 2:
        return BELOW
    return ABOVE if interval["low"] > claim.value + unit / 2 else REPRODUCED
