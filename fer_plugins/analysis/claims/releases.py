"""Images per class of the releases that the core knows, and when two spellings mean one dataset."""

from __future__ import annotations

from functools import cache

from fer_plugins.data.published_counts import CKPLUS_SEQUENCES, FER2013, JAFFE, RAFDB

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
SPLIT_NAMES = {"fer2013": {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}}  # the release's own


@cache
def dataset_key(name: str | None) -> str:
    """Name a dataset so that spellings agree.

    >>> dataset_key("CK+"), dataset_key("RAF-DB"), dataset_key("ck_plus")
    ('ckplus', 'rafdb', 'ckplus')
    """
    key = "".join(letter for letter in (name or "").lower().replace("+", "plus") if letter.isalnum())
    return _SPELLINGS.get(key, key)


def known_datasets() -> dict[str, str]:
    """Return the datasets of which a release is known, key -> title."""
    return dict(_TITLES)


def released_counts(dataset: str | None) -> dict[str, dict[str, int]]:
    """Return the images per class of a release, by split as claims files name them; empty where none is known.

    FER2013 and RAF-DB's images with one basic expression: every split. JAFFE: "all" alone.
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
    """Return usual selections of a dataset that is used in several: none of them is the release's own.

    Returns:
        {what is selected: {class: images}}; empty for a dataset without them.
    """
    if dataset_key(dataset) != "ckplus":
        return {}
    return {
        "one image of each labelled sequence": dict(CKPLUS_SEQUENCES),
        "three images of each labelled sequence": {name: 3 * count for name, count in CKPLUS_SEQUENCES.items()},
        "one image of each labelled sequence, neutral ones": {**CKPLUS_SEQUENCES, "neutral": 327},
        "one image of each labelled sequence, 593 neutral ones": {**CKPLUS_SEQUENCES, "neutral": 593},
    }
