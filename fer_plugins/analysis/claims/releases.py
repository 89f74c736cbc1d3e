"""Images per class of the releases that the core knows, and when two spellings mean one dataset."""

from __future__ import annotations

from functools import cache

_FER2013_PARTS = {"train": (0,), "validation": (1,), "test": (2,), "validation_and_test": (1, 2), "all": (0, 1, 2)}
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
        from fer_face_datasets.fer2013 import CLASSES, OFFICIAL_COUNTS

        sizes = {split: OFFICIAL_COUNTS[list(rows)].sum(axis=0).tolist() for split, rows in _FER2013_PARTS.items()}
        return {split: dict(zip(CLASSES, counts, strict=True)) for split, counts in sizes.items()}
    if key == "jaffe":
        from fer_face_datasets.jaffe import OFFICIAL_COUNTS as JAFFE

        return {"all": dict(JAFFE)}
    if key == "rafdb":
        from fer_face_datasets.rafdb import OFFICIAL_COUNTS as RAFDB

        return {**RAFDB, "all": {name: sum(split[name] for split in RAFDB.values()) for name in RAFDB["train"]}}
    return {}


def released_selections(dataset: str | None) -> dict[str, dict[str, int]]:
    """Return usual selections of a dataset that is used in several: none of them is the release's own.

    Returns:
        {what is selected: {class: images}}; empty for a dataset without them.
    """
    if dataset_key(dataset) != "ckplus":
        return {}
    from fer_face_datasets.ckplus_images import SEQUENCES

    return {
        "one image of each labelled sequence": dict(SEQUENCES),
        "three images of each labelled sequence": {name: 3 * count for name, count in SEQUENCES.items()},
        "one image of each labelled sequence, neutral ones": {**SEQUENCES, "neutral": 327},
        "one image of each labelled sequence, 593 neutral ones": {**SEQUENCES, "neutral": 593},
    }
