"""Images per class of the releases that the core knows, and when two spellings mean one dataset."""

from __future__ import annotations

_FER2013_PARTS = {"train": (0,), "validation": (1,), "test": (2,), "validation_and_test": (1, 2), "all": (0, 1, 2)}


def dataset_key(name: str | None) -> str:
    """Name a dataset so that spellings agree.

    >>> dataset_key("CK+"), dataset_key("RAF-DB"), dataset_key("ck_plus")
    ('ckplus', 'rafdb', 'ckplus')
    """
    return "".join(letter for letter in (name or "").lower().replace("+", "plus") if letter.isalnum())


def released_counts(dataset: str | None) -> dict[str, dict[str, int]]:
    """Return the images per class of a release, by split as claims files name them; empty where none is known.

    FER2013: every split. JAFFE, and RAF-DB's images with one basic expression: "all" alone. CK+ is used in several
    selections: no number is the release's.
    """
    key = dataset_key(dataset)
    if key == "fer2013":
        from fer_plugins.data.datasets.fer2013 import CLASSES, OFFICIAL_COUNTS

        sizes = {split: OFFICIAL_COUNTS[list(rows)].sum(axis=0).tolist() for split, rows in _FER2013_PARTS.items()}
        return {split: dict(zip(CLASSES, counts, strict=True)) for split, counts in sizes.items()}
    if key == "jaffe":
        from fer_plugins.data.datasets.jaffe import OFFICIAL_COUNTS as JAFFE

        return {"all": dict(JAFFE)}
    if key == "rafdb":
        from fer_plugins.data.datasets.rafdb import OFFICIAL_COUNTS as RAFDB

        return {"all": {name: sum(split[name] for split in RAFDB.values()) for name in RAFDB["train"]}}
    return {}
