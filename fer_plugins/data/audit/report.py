"""The findings of an audit as a table for a reader and as plain values for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fer_plugins.data.audit.groups import Findings, Overlap
from fer_plugins.data.audit.label_noise import describe_label_noise, estimate_label_noise
from fer_plugins.data.audit.near_copies import LEAST_DEVIATION, MOST_DIFFERENCE
from fer_plugins.runtime.print_table import print_table, titled_table

_FOLDS_SHOWN = 12  # of a protocol with more, the rest is in the JSON


def as_values(findings: Findings, sources: npt.NDArray[np.str_], labels: npt.NDArray[np.str_]) -> dict[str, Any]:
    """Return everything that was found as JSON values; images are named by their source."""
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
    """Print what :func:`as_values` returned, with "dataset", "protocol" and "notes" added by the command."""
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
        for pair, what, count, images in rows if leaking <= _FOLDS_SHOWN else ():
            table.add_row(str(number), pair, what, f"{count:,}", "" if images is None else f"{images:,}")
    if not leaking:
        console.print(f"Nothing in common between the splits ({values['protocol']}, {len(folds)} fold(s)).")
        return
    print_table(console, table, keys=3)
    if leaking > _FOLDS_SHOWN:
        console.print(f"{leaking - _FOLDS_SHOWN} further folds leak: see --json.")


def _overlap_rows(fold: Mapping[str, Any]) -> Iterator[tuple[str, str, int, int | None]]:
    for name, what in (("exact", "groups of identical pixels"), ("near", "groups of near copies")):
        for pair, shared in fold[name].items():
            if shared["groups"]:
                yield pair, what, shared["groups"], shared["images"]
    for name, what in (("subjects", "subjects"), ("sequences", "sequences"), ("siblings", "augmented originals")):
        for pair, number in fold[name].items():
            if number:
                yield pair, what, number, None
