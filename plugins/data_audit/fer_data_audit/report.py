"""Findings of an audit as tables and JSON values, with an estimate of the label noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fer_data_audit.groups import Findings, Overlap
from fer_plugins.data.copies.candidates import Rows
from fer_plugins.data.copies.near_copies import LEAST_DEVIATION, MOST_DIFFERENCE
from fer_plugins.runtime.print_table import print_table, titled_table

_DRAWS, _TAIL = 2000, 0.025


def estimate_label_noise(groups: Sequence[Rows], labels: npt.NDArray[np.str_], seed: int = 0) -> dict[str, Any] | None:
    """Estimate label noise from ``groups`` of identical images (rows, at least two each).

    A pair is two identical images. Pairs of one group are not independent, so the interval resamples whole groups with
    replacement (cluster bootstrap, percentiles). A group of g images has g (g - 1) / 2 pairs, so large groups dominate
    the fraction of pairs; in ``share_of_groups`` all groups have equal weight.

    ``error`` is the fraction e of wrong labels that corresponds to the fraction d of disagreeing pairs if labels are
    wrong independently and two wrong ones never agree: d = 1 - (1 - e)^2. It is a lower bound, since copies are often
    labelled together, and wrong labels of the same kind agree.

    Returns:
        ``groups``, ``pairs``, ``disagreeing`` (pairs), and ``share_of_pairs``, ``share_of_groups`` and ``error``, each
        {"value", "low", "high"} with a 95 % interval; None without groups.
    """
    if not groups:
        return None
    pairs = np.array([len(rows) * (len(rows) - 1) // 2 for rows in groups], np.int64)
    disagreeing = pairs.copy()
    for place, rows in enumerate(groups):
        counts = np.unique(labels[rows], return_counts=True)[1]
        disagreeing[place] -= (counts * (counts - 1) // 2).sum()
    resampled = np.random.default_rng(seed).integers(len(groups), size=(_DRAWS, len(groups)))
    shares = disagreeing / pairs
    of_pairs, of_groups = disagreeing[resampled].sum(1) / pairs[resampled].sum(1), shares[resampled].mean(1)
    value = float(disagreeing.sum() / pairs.sum())
    return {
        "groups": len(groups),
        "pairs": int(pairs.sum()),
        "disagreeing": int(disagreeing.sum()),
        "share_of_pairs": _with_interval(value, of_pairs),
        "share_of_groups": _with_interval(float(shares.mean()), of_groups),
        "error": _with_interval(1 - (1 - value) ** 0.5, 1 - np.sqrt(1 - of_pairs)),
    }


def _with_interval(value: float, resampled: npt.NDArray[np.float64]) -> dict[str, float]:
    low, high = np.quantile(resampled, (_TAIL, 1 - _TAIL))
    return {"value": value, "low": float(low), "high": float(high)}


def describe_label_noise(noise: dict[str, Any]) -> str:
    """Describe label noise in two sentences; ``noise`` is the result of :func:`estimate_label_noise`."""
    pairs, groups, error = (
        f"{noise[name]['value']:.2%} [{noise[name]['low']:.2%}, {noise[name]['high']:.2%}]"
        for name in ("share_of_pairs", "share_of_groups", "error")
    )
    return (
        f"Labels of identical images: {noise['disagreeing']:,} of {noise['pairs']:,} pairs disagree, {pairs}; every "
        f"one of the {noise['groups']:,} groups weighed alike, {groups}. At least {error} of the labels are wrong, if "
        "errors are independent."
    )


_FOLDS_SHOWN = 12  # of a protocol with more, the others are in the JSON


def as_values(findings: Findings, sources: npt.NDArray[np.str_], labels: npt.NDArray[np.str_]) -> dict[str, Any]:
    """Return all findings as JSON values; images are named by their source."""
    pairs = findings.pairs
    kinds = pairs.kinds()
    return {
        "images": len(sources),
        "thresholds": {"near_copy_difference_px": MOST_DIFFERENCE, "near_constant_deviation": LEAST_DEVIATION},
        "exact": {
            "groups": len(findings.exact),
            "images": sum(map(len, findings.exact)),
            "groups_with_conflicting_labels": len(findings.conflicting_exact),
            "label_noise": estimate_label_noise(findings.exact, labels),
            "members": [[[str(sources[row]), str(labels[row])] for row in rows] for rows in findings.exact],
        },
        "near": {
            "pairs": len(pairs),
            "groups": len(findings.near),
            "images": sum(map(len, findings.near)),
            "groups_with_conflicting_labels": len(findings.conflicting_near),
            "pairs_in_one_sequence": findings.in_one_sequence,
            "kinds": dict(Counter(kinds).most_common()),
            "found": [
                {
                    "images": [str(sources[first]), str(sources[second])],
                    "labels": [str(labels[first]), str(labels[second])],
                    "kind": kind,
                    "difference_px": round(float(difference), 3),
                }
                for first, second, kind, difference in zip(
                    pairs.first, pairs.second, kinds, pairs.difference, strict=True
                )
            ],
        },
        "near_constant": [str(source) for source in sources[pairs.blank]],
        "flat_centre": [str(source) for source in sources[pairs.flat_centre]],
        "folds": [_overlap_values(overlap) for overlap in findings.overlaps],
    }


def _overlap_values(overlap: Overlap) -> dict[str, Any]:
    values: dict[str, Any] = {"parts": overlap.sizes}
    for name in ("exact", "near"):
        shared = getattr(overlap, name)
        values[name] = {
            "/".join(pair): {"groups": groups, "images": images} for pair, (groups, images) in shared.items()
        }
    for name in ("subjects", "sequences", "siblings"):
        values[name] = {"/".join(pair): number for pair, number in getattr(overlap, name).items()}
    return values


def print_findings(console: Console, values: Mapping[str, Any]) -> None:
    """Print the result of :func:`as_values`, with "dataset", "protocol" and "notes" added by the command."""
    exact, near = values["exact"], values["near"]
    console.print(f"{values['dataset']}, {values['images']:,} images", markup=False)
    for note in values["notes"]:
        console.print(note, markup=False)
    table = titled_table("what was found")
    for title in ("", "groups", "images", "groups with different labels"):
        table.add_column(title, justify="right" if title else "left")
    for name, copies in (("identical pixels", exact), ("near copies", near)):
        cells = (copies["groups"], copies["images"], copies["groups_with_conflicting_labels"])
        table.add_row(name, *(f"{number:,}" for number in cells))
    table.add_row("near-constant (deviation under 2), not compared", "", f"{len(values['near_constant']):,}", "")
    if values["flat_centre"]:
        table.add_row("nothing in the centre, not compared", "", f"{len(values['flat_centre']):,}", "")
    print_table(console, table)
    if exact["label_noise"]:
        console.print(f"{describe_label_noise(exact['label_noise'])}\n")
    if near["kinds"]:
        kinds = titled_table(
            f"near copies by kind ({near['pairs']:,} pairs, {near['pairs_in_one_sequence']:,} in one sequence)"
        )
        kinds.add_column("the one image is the other with")
        kinds.add_column("pairs", justify="right")
        for kind, count in near["kinds"].items():
            kinds.add_row(kind, f"{count:,}")
        print_table(console, kinds)
    _print_overlaps(console, values)


def _print_overlaps(console: Console, values: Mapping[str, Any]) -> None:
    folds = values["folds"]
    if not folds:
        console.print("No split: give --protocol to see what its splits have in common.")
        return
    table = titled_table(f"what the splits have in common ({values['protocol']})")
    for title in ("fold", "parts", "what", "number", "images of the second"):
        table.add_column(title, justify="right" if title in ("fold", "number", "images of the second") else "left")
    leaking = 0
    for number, fold in enumerate(folds):
        rows = list(_overlap_rows(fold))
        leaking += bool(rows)
        for pair, kind, count, images in rows if leaking <= _FOLDS_SHOWN else ():
            table.add_row(str(number), pair, kind, f"{count:,}", "" if images is None else f"{images:,}")
    if not leaking:
        console.print(f"Nothing in common between the splits ({values['protocol']}, {len(folds)} fold(s)).")
        return
    print_table(console, table, keys=3)
    if leaking > _FOLDS_SHOWN:
        console.print(f"{leaking - _FOLDS_SHOWN} further folds leak: see --json.")


def _overlap_rows(fold: Mapping[str, Any]) -> Iterator[tuple[str, str, int, int | None]]:
    for name, kind in (("exact", "groups of identical pixels"), ("near", "groups of near copies")):
        for pair, shared in fold[name].items():
            if shared["groups"]:
                yield pair, kind, shared["groups"], shared["images"]
    for name, kind in (("subjects", "subjects"), ("sequences", "sequences"), ("siblings", "augmented originals")):
        for pair, number in fold[name].items():
            if number:
                yield pair, kind, number, None
