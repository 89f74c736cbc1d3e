"""How papers spell metrics, splits and datasets; number of images per class of known releases."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from fer_plugins.data.published_counts import (
    AFFECTNET_TRAIN,
    AFFECTNET_VALIDATION,
    CKPLUS_SEQUENCES,
    FER2013,
    FERG_IMAGES,
    JAFFE,
    RAFDB,
)

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
    """Return the name of a metric as used in claims files; an unknown name is returned unchanged.

    >>> canonical_metric("F1-score"), canonical_metric("macro_f1_score"), canonical_metric("far")
    ('f1', 'macro_f1', 'far')
    """
    parts = [word for word in _folded(name).split("_") if word not in ("avg", "average", "averaged")]
    averages = [word for word in parts if word in _AVERAGES]
    folded = "_".join(word for word in parts if word not in averages) if len(parts) > len(averages) else _folded(name)
    base = _BY_SPELLING.get(folded)
    if base is None or (averages and base not in _AVERAGED):
        return _BY_SPELLING.get(_folded(name), name)
    return f"{averages[0]}_{base}" if averages else base


def canonical_split(name: object) -> object:
    """Return the name of a split as used in claims files; an unknown name is returned unchanged.

    >>> canonical_split("PrivateTest"), canonical_split("val"), canonical_split("holdout")
    ('test', 'validation', 'holdout')
    """
    if not isinstance(name, str) or name in SPLITS:
        return name
    folded = name.strip().lower()
    return folded if folded in SPLITS else _SPLITS.get(folded, name)


def suggest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean X?" with the most similar known name, or "" if none is similar.

    >>> suggest("acuracy", ["accuracy", "recall"])
    '; did you mean accuracy?'
    """
    spellings = {spelling.lower(): spelling for spelling in names}
    nearest = get_close_matches(name.lower(), spellings, 1, 0.6)
    return f"; did you mean {spellings[nearest[0]]}?" if nearest else ""


def _folded(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


_FER2013_SPLITS = {
    "train": ("train",), "validation": ("val",), "test": ("test",), "validation_and_test": ("val", "test"),
    "all": ("train", "val", "test"),
}  # fmt: skip
_SPELLINGS = {
    "rafdbbasic": "rafdb", "raf": "rafdb", "fer13": "fer2013", "extendedcohnkanade": "ckplus",
    "cohnkanadeplus": "ckplus", "ferplus": "ferplus", "fer2013plus": "ferplus",
}  # fmt: skip
_TITLES = {
    "fer2013": "FER2013", "ferplus": "FER+", "jaffe": "JAFFE", "rafdb": "RAF-DB", "ckplus": "CK+", "ferg": "FERG",
    "affectnet": "AffectNet",
}  # fmt: skip
SPLIT_NAMES = {"fer2013": {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}}  # in the release


@cache
def dataset_key(name: str | None) -> str:
    """Return a key for a dataset that is the same for all spellings.

    >>> dataset_key("CK+"), dataset_key("RAF-DB"), dataset_key("ck_plus")
    ('ckplus', 'rafdb', 'ckplus')
    """
    key = "".join(letter for letter in (name or "").lower().replace("+", "plus") if letter.isalnum())
    return _SPELLINGS.get(key, key)


def known_datasets() -> dict[str, str]:
    """Return the datasets with a known release, key -> title."""
    return dict(_TITLES)


def released_counts(dataset: str | None) -> dict[str, dict[str, int]]:
    """Return the number of images per class of a release, by split as named in claims files; {} if unknown.

    For FER2013 and RAF-DB (images with one basic expression) every split is known, for JAFFE only "all".
    """
    key = dataset_key(dataset)
    if key == "fer2013":
        return {
            name: {label: sum(FER2013[split][label] for split in splits) for label in FER2013["train"]}
            for name, splits in _FER2013_SPLITS.items()
        }
    if key == "jaffe":
        return {"all": dict(JAFFE)}
    if key == "rafdb":
        return {**RAFDB, "all": {label: sum(split[label] for split in RAFDB.values()) for label in RAFDB["train"]}}
    return {}


def released_selections(dataset: str | None) -> dict[str, dict[str, int]]:
    """Return common selections of a dataset that is used in several ways; none of them is the release itself.

    Returns:
        {description of the selection: {class: images}}; empty for other datasets.
    """
    if dataset_key(dataset) == "affectnet":
        seven = {name: count for name, count in AFFECTNET_VALIDATION.items() if name != "contempt"}
        return {
            "the training list, seven classes": dict(AFFECTNET_TRAIN),
            "the validation list, seven classes": seven,
            "the validation list, eight classes": dict(AFFECTNET_VALIDATION),
        }
    if dataset_key(dataset) != "ckplus":
        return {}
    return {
        "one image of each labelled sequence": dict(CKPLUS_SEQUENCES),
        "three images of each labelled sequence": {name: 3 * count for name, count in CKPLUS_SEQUENCES.items()},
        "one image of each labelled sequence, neutral ones": {**CKPLUS_SEQUENCES, "neutral": 327},
        "one image of each labelled sequence, 593 neutral ones": {**CKPLUS_SEQUENCES, "neutral": 593},
    }


def release_lacks(dataset: str | None) -> str:
    """Explain why a known dataset's release does not define the images of a split; "" if it does.

    >>> release_lacks("FERG")
    'its release prints 55,767 images in all, no classes and no splits'
    """
    return {
        "ferg": f"its release prints {FERG_IMAGES:,} images in all, no classes and no splits",
        "affectnet": "its release prints no images per class of a split; lists of 3,500 or 4,000 are in use",
        "ckplus": "CK+ is used in several selections; its release has no splits",
        "ferplus": "the number of images depends on how the votes are read",
        "jaffe": "its release has no splits",
    }.get(dataset_key(dataset), "")
