"""``fer data check``: what a copy of a dataset is, and in what it differs from the official release."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import click

from fer_plugins.commands.dataset import NamedDataset, dataset_verb
from fer_plugins.contract import SPLITS, Release


@dataset_verb("check", "data")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(given: NamedDataset, *, as_json: bool) -> int:
    """Say what a copy of a dataset holds, and in what it differs from the official release.

    Every image is read: layout, counts, subjects, sequences, bad images, fingerprint. The exit code is 1 where
    something differs from the release or an image cannot be read.
    """
    from fer_plugins.data.release import differences

    # The report says what an error or warning would say; and a bad image must not hide the others.
    dataset = given.build({"check": "off", "on_bad_image": "skip"})
    found = describe(dataset, given.name)
    release = getattr(dataset, "release", None) or Release()
    columns = dataset.table
    found["differences"] = differences(
        release,
        found["classes"],
        columns["label"],
        splits=columns.get("split"),
        subjects=columns.get("subject"),
        sequences=columns.get("sequence"),
    )
    found["differences"] += getattr(dataset, "deviations", [])
    found["compared_with_release"] = release != Release()
    found["release"] = release._asdict()
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)
    return int(bool(found["differences"] or found["bad"]))


def describe(dataset: Any, name: str) -> dict[str, Any]:
    """Read a whole dataset, image by image.

    Returns:
        JSON values: title, notes, classes, samples, counts {split: {class: samples}}, subjects, sequences (None where
        the dataset names none), sizes {"48 x 48 x 1": images}, bad (sentences) and the fingerprint.
    """
    from fer_plugins.data.images import digest_of
    from fer_plugins.data.release import count_by_split
    from fer_plugins.data.table import SampleTable

    classes = list(dataset.classes)
    table = SampleTable.from_columns(dataset.table, classes, f"dataset {name}")
    sizes: Counter[str] = Counter()
    digests = []
    for row in range(len(table)):
        image = dataset[row]
        sizes["{1} x {0} x {2}".format(*image.shape)] += 1
        digests.append(digest_of(image))
    import numpy as np

    table = dataclasses.replace(table, digest=np.array(digests))
    notes = list(getattr(dataset, "notes", ()))
    return {
        "dataset": name,
        "title": getattr(dataset, "title", name),
        "notes": notes,
        "classes": classes,
        "samples": len(table),
        "counts": count_by_split(classes, table.label.tolist(), None if table.split is None else table.split.tolist()),
        "subjects": None if table.subject is None else len(set(table.subject.tolist())),
        "sequences": None if table.sequence is None else len(set(table.sequence.tolist())),
        "sizes": dict(sizes.most_common()),
        "bad": list(getattr(dataset, "left_out", ())),
        "fingerprint": table.fingerprint(classes),
    }


def _print(found: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from fer_plugins.data.release import WHOLE
    from fer_plugins.runs.result_table import result_console
    from fer_plugins.runtime.print_table import print_table

    console = result_console()
    console.print(f"{found['title']}: {found['samples']:,} images")
    for note in found["notes"]:
        console.print(f"  {note}")
    counts, official = dict(found["counts"]), found["release"]["counts"] or {}
    if WHOLE in official:  # of a release without official counts per split, such as CK+'s csv
        counts[WHOLE] = sum((Counter(split) for split in found["counts"].values()), Counter())
    splits = [split for split in (*SPLITS, WHOLE) if split in {**counts, **official}]
    drawn = Table(box=box.SIMPLE_HEAD, title="samples, and (the official release's)" if official else "samples")
    drawn.add_column("class")
    for split in splits:
        drawn.add_column(split, justify="right")
    for name in (*found["classes"], None):
        cells = []
        for split in splits:
            ours, theirs = counts.get(split, {}), official.get(split)
            number = sum(ours.values()) if name is None else ours.get(name, 0)
            wanted = None if theirs is None else sum(theirs.values()) if name is None else theirs.get(name, 0)
            cells.append(f"{number:,}" + ("" if wanted is None else f" ({wanted:,})"))
        drawn.add_row(name or "total", *cells)
    print_table(console, drawn)
    for what in ("subjects", "sequences"):
        wanted = found["release"][what]
        number = "not named" if found[what] is None else f"{found[what]:,}"
        console.print(f"{what:<12} {number}" + ("" if wanted is None else f" ({wanted:,})"))
    shown = [f"{size} ({number:,})" for size, number in list(found["sizes"].items())[:4]]
    more = len(found["sizes"]) - 4
    console.print(f"{'pixels':<12} {', '.join(shown)}{f' and {more} other sizes' if more > 0 else ''}")
    console.print(f"{'bad images':<12} {'; '.join(found['bad']) or 'none'}", soft_wrap=True)
    console.print(f"{'fingerprint':<12} {found['fingerprint']}")
    if found["differences"]:
        console.print(f"{'verdict':<12} differs from the release: {', '.join(found['differences'])}")
    elif found["compared_with_release"]:
        console.print(f"{'verdict':<12} complete: every figure is the official release's")
    else:
        console.print(f"{'verdict':<12} read; there are no official figures to compare with")
