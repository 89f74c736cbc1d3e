"""Finds, reads and checks a claims.yaml. Does not import torch."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from fer_plugins.analysis.claims.aliases import FORMS, Reading
from fer_plugins.analysis.claims.claim import Claim, Claims, KnownCounts
from fer_plugins.analysis.claims.read_values import Written, cells_of, read_matrix, read_number, shorten
from fer_plugins.analysis.claims.vocabulary import SPLITS, canonical_metric, canonical_split, suggest
from fer_plugins.config import registry
from fer_plugins.config.yaml_files import FAST, explain, load_yaml
from fer_plugins.runtime.errors import InputError

_ENDINGS = (".yaml", ".yml", ".txt", ".log", ".csv", ".tsv", ".md", ".tex", ".ipynb")


def find_claims(name: str) -> Path:
    """Return the claims file for a name: a file, or an installed architecture or distribution.

    Raises:
        InputError: neither exists, or the plug-in has no claims.yaml.
    """
    path = Path(name)
    if path.suffix.lower() in _ENDINGS or os.path.isfile(path):  # Path.is_file raises for a name that is too long
        return path
    components = registry.available("architecture")
    of_distribution = [one for one in components if _plugin(one.distribution) == _plugin(name)]
    component = of_distribution[0] if of_distribution else registry.find("architecture", name)
    claims_file = registry.package_file(component, "claims.yaml")
    if not claims_file.exists():
        raise InputError(f"{component} has no claims.yaml; give a claims file (FILE.yaml) in its place")
    return Path(str(claims_file))


def _plugin(name: str) -> str:
    """Normalise the name of a plug-in: its distribution, "fer-my-net", and its folder, "my_net", give the same."""
    return name.lower().replace("-", "_").removeprefix("fer_")


class _Loader(FAST):  # type: ignore[misc]  # the fast class is known at run time only
    """Safe YAML loader whose decimal numbers remember how they were written."""

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Written:
        number = Written(super().construct_yaml_float(node))
        number.text = node.value
        return number


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_PAPER = {"id", "title", "authors", "year", "venue", "doi", "licence"}
_MODEL = {"name", "role", "params"}
_REQUIRED = ("model", "dataset", "split", "metric", "value", "source")
_CLAIM = {*_REQUIRED, "note", "class", "classes", "epoch", "step", "over", "averaged", "averaging", "run"}
_COUNTS = {"dataset", "split", "source", "counts"}
_ALIAS = ("name", "formula", "score", "form", "source")
_FILE = {"paper", "models", "claims", "splits", "protocols", "counts", "aliases"}
_AVERAGED = ("folds", "runs")


def read_claims(path: str | Path) -> Claims:
    """Read and check a claims file.

    The file has ``paper`` ({id, title, authors, year, venue, doi, licence}), ``models`` ([{name, role, params}]),
    ``claims`` ([{model, dataset, split, metric, value, source, note, class, classes, epoch, step, over, averaged,
    averaging, run}]) and optionally:

    - ``splits``: maps a split's name in the claims to what it really was ({validation: "the test folder"});
    - ``protocols``: maps a split's name to the protocols that split the data as the paper did (including flawed ones);
    - ``counts`` ([{dataset, split, source, counts: {class: images}}]): class counts that are not from the paper's
    tables;
    - ``aliases`` ([{name, formula, score, form, source}]): the meanings of the paper's names of scores.

    Raises:
        InputError: the file does not exist or is not YAML, a key is unknown, missing or repeated, or a rate is outside
            0..1; one line that names the file and the entry.
    """
    path = Path(path)
    try:
        content = load_yaml(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); it holds the paper's claims") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: cannot be read: {explain(error)}") from None
    _check_keys(content, _FILE, ("paper", "models", "claims"), str(path))
    paper, models, entries = content["paper"], content["models"], content["claims"]
    _check_keys(paper, _PAPER, ("id", "title"), f"{path}: paper")
    _check_text(paper, ("id", "title"), f"{path}: paper")
    for key, value in paper.items():
        if not isinstance(value, str | int | float | None) and not _is_list_of_text(value):
            raise InputError(f"{path}: paper: {key} {shorten(value)} must be text, a number or a list of texts")
    for name, entry in (("models", models), ("claims", entries)):
        if not isinstance(entry, list):
            raise InputError(f"{path}: {name} must be a list")
    for number, model in enumerate(models):
        where = f"{path}: models[{number}]"
        _check_keys(model, _MODEL, ("name", "role"), where)
        _check_text(model, ("name",), where)
        if model["role"] not in ("proposed", "baseline"):
            raise InputError(f"{where}: role {shorten(model['role'])} must be proposed or baseline")
        params = model.get("params")
        if params is not None and (type(params) is not int or params < 0):
            raise InputError(
                f"{where}: params {shorten(params)} must be a whole number, or null where it is not printed"
            )
    meanings = {} if content.get("splits") is None else content["splits"]
    _check_keys(meanings, set(SPLITS), (), f"{path}: splits")
    _check_text(meanings, tuple(meanings), f"{path}: splits")
    protocols = content.get("protocols") or {}
    _check_keys(protocols, set(SPLITS), (), f"{path}: protocols")
    if not all(map(_is_list_of_text, protocols.values())):
        raise InputError(f"{path}: protocols must map a split to a list of names")
    if protocols:  # these protocols also define the training split
        protocols = {"train": [name for names in protocols.values() for name in names], **protocols}
    names = {model["name"] for model in models}
    read = (_read_claim(entry, names, meanings, f"{path}: claims[{n}]") for n, entry in enumerate(entries))
    claims = tuple(replace(claim, protocols=tuple(protocols.get(claim.split, ()))) for claim in read)
    known = [] if content.get("counts") is None else content["counts"]
    if not isinstance(known, list):
        raise InputError(f"{path}: counts must be a list")
    counts = tuple(_read_counts(entry, f"{path}: counts[{n}]") for n, entry in enumerate(known))
    own = [] if content.get("aliases") is None else content["aliases"]
    if not isinstance(own, list):
        raise InputError(f"{path}: aliases must be a list")
    aliases = tuple(_read_alias(entry, f"{path}: aliases[{n}]") for n, entry in enumerate(own))
    return Claims(path, dict(paper), tuple({"params": None, **model} for model in models), claims, counts, aliases)


def _read_claim(entry: Any, models: set[str], meanings: Mapping[str, str], where: str) -> Claim:
    _check_keys(entry, _CLAIM, _REQUIRED, where)
    _check_text(entry, ("metric", "source"), where)
    _check_text({"note": "", **entry}, ("model", "dataset", "note", "class"), where, optional=True)
    model, dataset, split, metric, value = (entry[key] for key in _REQUIRED[:5])
    metric = canonical_metric(metric)
    where += f" ({' '.join(f'{metric} of {model} on {dataset}'.split())})"
    if model is not None and model not in models:
        raise InputError(f"{where}: model {shorten(model)} is not in models{suggest(model, models)}")
    _check_split(split, where)
    value = read_matrix(value, where) if metric == "confusion_matrix" else read_number(value, metric, where)
    classes = entry.get("classes")
    if classes is not None and not _is_list_of_text(classes):
        raise InputError(f"{where}: classes must be a list of names")
    for key in ("epoch", "run"):
        number = entry.get(key)
        if number is not None and (type(number) is not int or number < 0):
            raise InputError(f"{where}: {key} {shorten(number)} must be an integer from 0")
    step, over = entry.get("step"), entry.get("over")
    if step is not None and not (isinstance(step, int | float) and not isinstance(step, bool) and 0 < step < math.inf):
        raise InputError(f"{where}: step {shorten(step)} must be a number above 0, the unit of the last printed digit")
    if over is not None and not (isinstance(over, str) and over in models):
        raise InputError(f"{where}: over {shorten(over)} is not in models")
    averaged = entry.get("averaged")
    if averaged is not None and averaged not in _AVERAGED:
        raise InputError(f"{where}: averaged {shorten(averaged)} must be {' or '.join(_AVERAGED)}")
    averaging = entry.get("averaging")
    if averaging not in (None, "not_stated"):
        raise InputError(f"{where}: averaging {shorten(averaging)} must be not_stated, or left out")
    return Claim(
        model=model,
        dataset=dataset,
        split=split,
        metric=metric,
        value=value,
        source=entry["source"],
        note=entry.get("note") or "",
        class_name=entry.get("class"),
        epoch=entry.get("epoch"),
        classes=tuple(classes) if classes else None,
        split_means=meanings.get(split),
        written=str(getattr(entry["value"], "text", entry["value"])) if isinstance(value, float) else "",
        step=step,
        over=over,
        averaged=averaged,
        averaging=averaging,
        run=entry.get("run"),
        cells=cells_of(value) if isinstance(value, list) else (),
    )


def _read_counts(entry: Any, where: str) -> KnownCounts:
    _check_keys(entry, _COUNTS, tuple(sorted(_COUNTS)), where)
    _check_text(entry, ("dataset", "source"), where)
    counts = entry["counts"]
    _check_split(entry["split"], where)
    if not isinstance(counts, dict) or len(counts) < 2:
        raise InputError(f"{where}: counts must be a mapping from at least two classes to their images")
    for name, count in counts.items():
        if not isinstance(name, str) or type(count) is not int or count < 0:
            raise InputError(
                f"{where}: counts of {shorten(name)} must be a whole number of images, got {shorten(count)}"
            )
    return KnownCounts(entry["dataset"], entry["split"], dict(counts), entry["source"])


def _check_split(split: object, where: str) -> None:
    if split not in SPLITS:
        canonical = canonical_split(split)
        hint = f"; did you mean {canonical}?" if canonical in SPLITS else suggest(str(split), SPLITS)
        raise InputError(f"{where}: split {shorten(split)} must be one of {', '.join(SPLITS)}{hint}")


def _read_alias(entry: Any, where: str) -> Reading:
    _check_keys(entry, set(_ALIAS), _ALIAS, where)
    _check_text(entry, _ALIAS, where)
    if entry["form"] not in FORMS:
        raise InputError(f"{where}: form {shorten(entry['form'])} must be one of {', '.join(FORMS)}")
    return Reading(**entry)


def _check_keys(entry: Any, allowed: set[str], required: Sequence[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a mapping of {', '.join(sorted(allowed))}")
    for key in entry:
        if key not in allowed:
            raise InputError(f"{where} has an unknown key {shorten(key)}; known: {', '.join(sorted(allowed))}")
    for key in required:
        if key not in entry:
            raise InputError(f"{where} lacks the key {key!r}")


def _check_text(entry: Mapping[str, Any], keys: Sequence[str], where: str, *, optional: bool = False) -> None:
    for key in keys:
        value = entry.get(key)
        if not (isinstance(value, str) and value.strip()) and not (optional and (value is None or value == "")):
            raise InputError(f"{where}: {key} {shorten(value)} must be text")


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
