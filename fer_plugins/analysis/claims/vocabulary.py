"""The spellings of metrics and splits that papers use, in the names of claims files; the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

SPLITS = ("train", "validation", "test", "validation_and_test", "all", "not_stated")
_SPLITS = {
    "training": "train", "val": "validation", "valid": "validation", "dev": "validation", "testing": "test",
    "publictest": "validation", "privatetest": "test", "not stated": "not_stated", "unknown": "not_stated",
}  # fmt: skip
_METRICS = {
    "accuracy": ("acc", "top1", "top_1", "top1_accuracy", "overall_accuracy", "oa", "accuracy_score", "test_accuracy"),
    "f1": ("f1_score", "f1score", "f_score", "fscore", "f_measure", "f1_measure"),
    "precision": ("precision_score", "ppv", "prec"),
    "recall": ("recall_score", "tpr", "rec"),
    "specificity": ("tnr",),
    "n_images": ("support", "images", "n_samples", "samples", "count"),
    "n_correct": ("correct",),
    "confusion_matrix": ("confusion", "matrix"),
    "balanced_accuracy": ("mean_class_accuracy", "average_class_accuracy", "balanced_accuracy_score"),
    "kappa": ("cohen_kappa", "cohens_kappa", "kappa_score"),
}
_BY_SPELLING = {spelling: name for name, spellings in _METRICS.items() for spelling in (name, *spellings)}
_AVERAGES = ("macro", "weighted", "micro", "samples")
_AVERAGED = ("precision", "recall", "f1", "specificity")


def canonical_metric(name: str) -> str:
    """Return a metric as claims files name it; an unknown name stays as it is.

    >>> canonical_metric("F1-score"), canonical_metric("macro_f1_score"), canonical_metric("far")
    ('f1', 'macro_f1', 'far')
    """
    words = [word for word in _folded(name).split("_") if word not in ("avg", "average", "averaged")]
    averages = [word for word in words if word in _AVERAGES]
    folded = "_".join(word for word in words if word not in averages) if len(words) > len(averages) else _folded(name)
    base = _BY_SPELLING.get(folded)
    if base is None or (averages and base not in _AVERAGED):
        return _BY_SPELLING.get(_folded(name), name)
    return f"{averages[0]}_{base}" if averages else base


def canonical_split(name: object) -> object:
    """Return a split as claims files name it; anything unknown stays as it is.

    >>> canonical_split("PrivateTest"), canonical_split("val"), canonical_split("holdout")
    ('test', 'validation', 'holdout')
    """
    if not isinstance(name, str) or name in SPLITS:
        return name
    folded = name.strip().lower()
    return folded if folded in SPLITS else _SPLITS.get(folded, name)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean X?" with the nearest known name, or nothing where none is near.

    >>> suggest("acuracy", ["accuracy", "recall"])
    '; did you mean accuracy?'
    """
    spellings = {spelling.lower(): spelling for spelling in known}
    nearest = get_close_matches(name.lower(), spellings, 1, 0.6)
    return f"; did you mean {spellings[nearest[0]]}?" if nearest else ""


def _folded(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())
