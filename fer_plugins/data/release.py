"""Compares the counts of a copy of a dataset with those of the official release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fer_plugins.contract import Release

WHOLE = "all"  # the split of a release without splits


def count_by_split(
    classes: Sequence[str], labels: Sequence[int], splits: Sequence[str] | None
) -> dict[str, Counter[str]]:
    """Return {split: {class: number of samples}}; without splits, under "all"."""
    counted: dict[str, Counter[str]] = {}
    for place, label in enumerate(labels):
        split = splits[place] if splits is not None else WHOLE
        counted.setdefault(split, Counter())[classes[label]] += 1
    return counted


def differences(
    release: Release,
    classes: Sequence[str],
    labels: Sequence[int],
    *,
    splits: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    sequences: Sequence[str] | None = None,
) -> list[str]:
    """Return the numbers in which a copy differs from its release, such as "train happy 9 instead of 4,772".

    Values that are None in ``release`` are not compared; the columns have one entry per sample, or are None.
    """
    sentences = []
    if release.counts is not None:
        joined = set(release.counts) == {WHOLE}
        counted = count_by_split(classes, labels, None if joined else splits)
        for split, counts in release.counts.items():
            for name, number in counts.items():
                count = counted.get(split, Counter())[name]
                if count != number:
                    sentences.append(f"{'' if joined else f'{split} '}{name} {count:,} instead of {number:,}")
    totals = (
        ("images", len(labels), release.samples),
        ("subjects", len(set(subjects or ())), release.subjects),
        ("sequences", len(set(sequences or ())), release.sequences),
    )
    return sentences + [
        f"{count:,} {noun} instead of {official:,}" for noun, count, official in totals if official not in (None, count)
    ]
