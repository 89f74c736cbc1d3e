"""What papers claim: reads a plug-in's claims.yaml and puts each claim beside the measured number. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fer_plugins.errors import InputError

_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it is built: ten times as fast


class _Written(float):
    """A number of the file that remembers how it was written: 0.80 says more than 0.8."""

    text: str


class _Loader(_Fast):  # type: ignore[misc]  # the fast class is known at run time only
    """Safe YAML whose decimal numbers remember how they were written."""

    def construct_yaml_float(self, node: yaml.ScalarNode) -> _Written:
        number = _Written(super().construct_yaml_float(node))
        number.text = node.value
        return number


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
SPLITS = ("train", "validation", "test", "validation_and_test", "all", "not_stated")
_PAPER = {"id", "title", "authors", "year", "venue", "doi", "licence"}
_MODEL = {"name", "role", "params"}
_CLAIM = {"model", "dataset", "split", "metric", "value", "source", "note", "class", "classes", "epoch", "step", "over"}
_COUNTS = {"dataset", "split", "source", "counts"}
_REQUIRED = ("model", "dataset", "split", "metric", "value", "source")
_RATES = {"accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "gar", "far", "frr", "auroc"}
_OWN_SPLIT = {"train": "train", "validation": "val", "test": "test"}  # a claim's split -> ours

# Claimed metric -> (score it stands beside or None, what to say about it).
_UNSTATED = "averaging not stated, compared with macro"
_READINGS: dict[str, tuple[str | None, str]] = {
    "accuracy": ("accuracy", ""),
    "balanced_accuracy": ("balanced_accuracy", ""),
    **{name: (name, _UNSTATED) for name in ("specificity", "precision", "recall", "f1")},
    "sensitivity": ("recall", f"sensitivity is recall; {_UNSTATED}"),
    "gar": ("recall", f"GAR = TP/(TP+FN) is recall; {_UNSTATED}"),
    "far": (None, "FAR has several readings (1 - specificity, 1 - accuracy, ...): not compared"),
    **{f"macro_{name}": (name, "") for name in ("specificity", "precision", "recall", "f1")},
    "weighted_recall": ("accuracy", "weighted recall is accuracy"),
    **{f"micro_{name}": ("accuracy", f"micro {name} is accuracy") for name in ("precision", "recall", "f1")},
}


@dataclass(frozen=True)
class Claim:
    """One printed number. Rates are fractions in 0..1."""

    model: str | None  # as the paper calls it; None: a statement about data
    dataset: str | None
    split: str  # one of SPLITS
    metric: str
    value: float | list[list[int]]  # a matrix for metric confusion_matrix
    source: str  # "Table 4"
    note: str = ""
    class_name: str | None = None
    epoch: int | None = None
    classes: tuple[str, ...] | None = None  # of a confusion matrix
    split_means: str | None = None  # what the paper's split really was, where that is known
    written: str = ""  # the number as the file has it, trailing zeros kept
    step: float | None = None  # unit of the last printed digit, where ``written`` does not show it
    over: str | None = None  # of a gain: the model that it is measured against


@dataclass(frozen=True)
class KnownCounts:
    """Images per class of a split, known from elsewhere than a printed table: a release, or an assumption."""

    dataset: str
    split: str  # one of SPLITS
    counts: dict[str, int]
    source: str


@dataclass(frozen=True)
class Claims:
    """A checked claims.yaml."""

    path: Path
    paper: dict[str, Any]
    models: tuple[dict[str, Any], ...]  # name, role ("proposed", "baseline"), params (int or None)
    claims: tuple[Claim, ...]
    counts: tuple[KnownCounts, ...] = ()


def read_claims(path: str | Path) -> Claims:
    """Read and check a claims file.

    The file has ``paper`` ({id, title, authors, year, venue, doi, licence}), ``models`` ([{name, role, params}]),
    ``claims`` ([{model, dataset, split, metric, value, source, note, class, classes, epoch, step, over}]) and
    optionally ``splits``, a mapping from a split's name in the claims to what it really was ({validation: "the test
    folder"}), and ``counts`` ([{dataset, split, source, counts: {class: images}}]), class counts from elsewhere than
    the paper's tables.

    Raises:
        InputError: no such file, no YAML, an unknown or missing key, a rate outside 0..1; one line that names
            the file and the entry.
    """
    path = Path(path)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); it holds the paper's claims") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}:{where} is no YAML: {getattr(error, 'problem', None) or 'unreadable'}") from None
    _check_keys(content, {"paper", "models", "claims", "splits", "counts"}, ("paper", "models", "claims"), str(path))
    paper, models, entries = content["paper"], content["models"], content["claims"]
    _check_keys(paper, _PAPER, ("id", "title"), f"{path}: paper")
    for name, entry in (("models", models), ("claims", entries)):
        if not isinstance(entry, list):
            raise InputError(f"{path}: {name} must be a list")
    for number, model in enumerate(models):
        where = f"{path}: models[{number}]"
        _check_keys(model, _MODEL, ("name", "role"), where)
        _check_text(model, ("name",), where)
        if model["role"] not in ("proposed", "baseline"):
            raise InputError(f"{where}: role {model['role']!r} must be proposed or baseline")
    meanings = content.get("splits") or {}
    _check_keys(meanings, set(SPLITS), (), f"{path}: splits")
    _check_text(meanings, tuple(meanings), f"{path}: splits")
    names = {model["name"] for model in models}
    claims = tuple(_read_claim(entry, names, meanings, f"{path}: claims[{n}]") for n, entry in enumerate(entries))
    known = content.get("counts") or []
    if not isinstance(known, list):
        raise InputError(f"{path}: counts must be a list")
    counts = tuple(_read_counts(entry, f"{path}: counts[{n}]") for n, entry in enumerate(known))
    return Claims(path, dict(paper), tuple({"params": None, **model} for model in models), claims, counts)


def for_run(claims: Claims, model: str | None, dataset_title: str) -> list[Claim]:
    """Return the headline claims (no class, no epoch) of one model on one dataset that a run can answer.

    Args:
        claims: of the plug-in's paper.
        model: the architecture's name in the claims; None for an architecture without claims.
        dataset_title: such as "CK+"; case and punctuation do not matter, "+" counts as "plus".

    Raises:
        InputError: the file names no such model.
    """
    if model is None:
        return []
    known = [entry["name"] for entry in claims.models]
    if model not in known:
        raise InputError(f"{claims.path}: models has no {model!r}; known: {', '.join(known)}")
    return [
        claim
        for claim in claims.claims
        if claim.model == model
        and claim.dataset is not None
        and _normalised(claim.dataset) == _normalised(dataset_title)
        and claim.metric in _READINGS
        and claim.class_name is None
        and claim.epoch is None
    ]


def beside(
    claim: Claim, scores: Mapping[str, Any], protocol_name: str, split: str, caveats: Sequence[str] = ()
) -> dict[str, Any]:
    """Put a claim beside what was measured.

    Args:
        claim: from ``for_run``.
        scores: of one split, as ``evaluate.metrics.score`` returns them.
        protocol_name: of the run; any other than "official" is noted.
        split: that ``scores`` belong to ("train", "val", "test").
        caveats: what else differs from the paper's conditions ("trained on 20 % of the data").

    Returns:
        ``metric, source, claimed, measured, interval, difference, notes, note, remark``: rates as fractions, the
        interval of the measured number or None, difference in points (100 x (measured - claimed)); ``measured``
        and ``difference`` are None where nothing can be compared. ``note`` is ``notes`` in one line, ``remark``
        what the claims file says about the number.
    """
    score, reading = _READINGS.get(claim.metric, (None, "not measured"))
    notes = [reading] if reading else []
    comparable = score is not None
    if claim.split == "train" and split != "train":
        notes.append(f"claim: training split, which is no result; measured on {split}: not compared")
        comparable = False
    elif claim.split_means:
        notes.append(f"claim: {claim.split} split = {claim.split_means}; measured on {split}")
    elif claim.split == "not_stated":
        notes.append(f"claim: split not stated; measured on {split}")
    elif _OWN_SPLIT.get(claim.split) != split:
        said = {"all": "all images", "validation_and_test": "validation and test together"}
        notes.append(f"claim: {said.get(claim.split, claim.split + ' split')}; measured on {split}")
    if protocol_name != "official":
        notes.append(f"measured under protocol {protocol_name}, not on the release's own split")
    notes += caveats
    measured = scores[score] if comparable and score else None
    claimed = claim.value
    return {
        "metric": claim.metric,
        "source": claim.source,
        "claimed": claimed,
        "measured": measured,
        "interval": scores.get("intervals", {}).get(score) if measured is not None else None,
        "difference": 100 * (measured - claimed) if measured is not None and isinstance(claimed, float) else None,
        "notes": notes,
        "note": "; ".join(notes),
        "remark": claim.note,
    }


def compare(
    claims: Sequence[Claim],
    scores_by_split: Mapping[str, Mapping[str, Any]],
    protocol_name: str,
    caveats: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Put every claim beside the split that it speaks of, or beside test where that is unknown or not scored.

    Claims of the training split are left out unless "train" is among the scored splits: they are no results.
    Arguments and rows are those of ``beside``.
    """
    rows = []
    for claim in claims:
        if claim.split == "train" and "train" not in scores_by_split:
            continue
        wanted = "test" if claim.split_means else _OWN_SPLIT.get(claim.split, "test")
        split = next((name for name in (wanted, "test", "val", "train") if name in scores_by_split), None)
        if split is not None:
            rows.append(beside(claim, scores_by_split[split], protocol_name, split, caveats))
    return rows


def _read_claim(entry: Any, models: set[str], meanings: Mapping[str, str], where: str) -> Claim:
    _check_keys(entry, _CLAIM, _REQUIRED, where)
    _check_text(entry, ("metric", "source"), where)
    _check_text({"note": "", **entry}, ("model", "dataset", "note", "class"), where, optional=True)
    model, metric, split, value = entry["model"], entry["metric"], entry["split"], entry["value"]
    where = f"{where} ({metric} of {model} on {entry['dataset']})"
    if model is not None and model not in models:
        raise InputError(f"{where}: model {model!r} is not in models")
    if split not in SPLITS:
        raise InputError(f"{where}: split {split!r} must be one of {', '.join(SPLITS)}")
    value = _read_matrix(value, where) if metric == "confusion_matrix" else _read_number(value, metric, where)
    classes = entry.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise InputError(f"{where}: classes must be a list of names")
    epoch = entry.get("epoch")
    if epoch is not None and (isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0):
        raise InputError(f"{where}: epoch {epoch!r} must be an integer from 0")
    step, over = entry.get("step"), entry.get("over")
    if step is not None and not (isinstance(step, int | float) and not isinstance(step, bool) and 0 < step < math.inf):
        raise InputError(f"{where}: step {step!r} must be a number above 0, the unit of the last printed digit")
    if over is not None and not (isinstance(over, str) and over in models):
        raise InputError(f"{where}: over {over!r} is not in models")
    return Claim(
        model=model,
        dataset=entry["dataset"],
        split=split,
        metric=metric,
        value=value,
        source=entry["source"],
        note=entry.get("note") or "",
        class_name=entry.get("class"),
        epoch=epoch,
        classes=tuple(classes) if classes else None,
        split_means=meanings.get(split),
        written=str(getattr(entry["value"], "text", entry["value"])) if isinstance(value, float) else "",
        step=step,
        over=over,
    )


def _read_counts(entry: Any, where: str) -> KnownCounts:
    _check_keys(entry, _COUNTS, tuple(sorted(_COUNTS)), where)
    _check_text(entry, ("dataset", "source"), where)
    counts = entry["counts"]
    if entry["split"] not in SPLITS:
        raise InputError(f"{where}: split {entry['split']!r} must be one of {', '.join(SPLITS)}")
    if not isinstance(counts, dict) or len(counts) < 2:
        raise InputError(f"{where}: counts must be a mapping from at least two classes to their images")
    for name, count in counts.items():
        if not isinstance(name, str) or type(count) is not int or count < 0:
            raise InputError(f"{where}: counts of {name!r} must be a whole number of images, got {count!r}")
    return KnownCounts(entry["dataset"], entry["split"], dict(counts), entry["source"])


def _read_number(value: Any, metric: str, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # PyYAML takes 1e-3 for text: float reads it
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: value {value!r} must be a number")
    low = -1 if metric.endswith("_gain") else 0
    if _RATES & set(metric.split("_")) and not low <= number <= 1:
        hint = f"; a percentage? write {number / 100:g}" if 1 < number <= 100 else ""
        raise InputError(f"{where}: value {number:g} must be a fraction in 0..1{hint}")
    return number


def _read_matrix(value: Any, where: str) -> list[list[int]]:
    rows = value if isinstance(value, list) else []
    counts = [count for row in rows if isinstance(row, list) and len(row) == len(rows) for count in row]
    if not rows or len(counts) != len(rows) ** 2 or not all(type(count) is int and count >= 0 for count in counts):
        raise InputError(f"{where}: value must be a square list of rows of counts")
    return rows


def _check_keys(entry: Any, known: set[str], required: Sequence[str], where: str) -> None:
    if not isinstance(entry, dict):
        raise InputError(f"{where} must be a mapping of {', '.join(sorted(known))}")
    for key in entry:
        if key not in known:
            raise InputError(f"{where} has an unknown key {key!r}; known: {', '.join(sorted(known))}")
    for key in required:
        if key not in entry:
            raise InputError(f"{where} lacks the key {key!r}")


def _check_text(entry: Mapping[str, Any], keys: Sequence[str], where: str, *, optional: bool = False) -> None:
    for key in keys:
        value = entry.get(key)
        if not (isinstance(value, str) and value.strip()) and not (optional and (value is None or value == "")):
            raise InputError(f"{where}: {key} {value!r} must be text")


def _normalised(dataset: str) -> str:
    """Name a dataset so that spellings agree.

    >>> _normalised("CK+"), _normalised("RAF-DB"), _normalised("ck_plus")
    ('ckplus', 'rafdb', 'ckplus')
    """
    return "".join(letter for letter in dataset.lower().replace("+", "plus") if letter.isalnum())
