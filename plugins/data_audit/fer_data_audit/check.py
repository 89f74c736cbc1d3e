"""``fer data check``: identify a copy of a dataset, and its differences from the official release."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import click

from fer_data_audit.named_dataset import NamedDataset, dataset_verb
from fer_plugins.contract import SPLITS, Release


@dataset_verb("check", "data")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(named: NamedDataset, *, as_json: bool) -> int:
    """Describe a copy of a dataset, and its differences from the official release.

    Reads every image and prints layout, counts, subjects, sequences, unreadable images and fingerprint. A copy of
    FER-2013 is recognised as the official file by its checksum, or else compared with the official images one by one.
    The exit code is 1 if something differs from the release or an image cannot be read.
    """
    from fer_plugins.data.release import differences

    # The report contains what an error or warning would say; and a bad image must not hide the others.
    dataset = named.build({"check": "off", "on_bad_image": "skip"})
    report = describe(dataset, named.name)
    release = getattr(dataset, "release", None) or Release()
    columns = dataset.table
    report["differences"] = differences(
        release,
        report["classes"],
        columns["label"],
        splits=columns.get("split"),
        subjects=columns.get("subject"),
        sequences=columns.get("sequence"),
    )
    report["differences"] += getattr(dataset, "deviations", [])
    report["identity"] = None
    if hasattr(dataset, "identify"):
        files, deviations = dataset.identify()
        report["identity"] = {"files": files, "deviations": [dataclasses.asdict(entry) for entry in deviations]}
    report["compared_with_release"] = release != Release()
    report["release"] = release._asdict()
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    deviating = report["identity"] is not None and report["identity"]["deviations"]
    return int(bool(report["differences"] or report["bad"] or deviating))


def describe(dataset: Any, name: str) -> dict[str, Any]:
    """Describe a whole dataset, image by image.

    Returns:
        JSON values: title, notes, classes, samples, counts {split: {class: samples}}, subjects, sequences (None if the
        dataset has none), sizes {"48 x 48 x 1": images}, bad (sentences) and the fingerprint.
    """
    import numpy as np

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


def _print(report: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table

    from fer_plugins.data.release import WHOLE
    from fer_plugins.runs.result_table import result_console
    from fer_plugins.runtime.print_table import print_table

    console = result_console()
    console.print(f"{report['title']}: {report['samples']:,} images")
    for note in report["notes"]:
        console.print(f"  {note}")
    counts, official = dict(report["counts"]), report["release"]["counts"] or {}
    if WHOLE in official:  # for a release without official counts per split, such as CK+'s csv
        counts[WHOLE] = sum((Counter(split) for split in report["counts"].values()), Counter())
    splits = [split for split in (*SPLITS, WHOLE) if split in {**counts, **official}]
    table = Table(box=box.SIMPLE_HEAD, title="samples, and (the official release's)" if official else "samples")
    table.add_column("class")
    for split in splits:
        table.add_column(split, justify="right")
    for name in (*report["classes"], None):
        cells = []
        for split in splits:
            counted, released = counts.get(split, {}), official.get(split)
            number = sum(counted.values()) if name is None else counted.get(name, 0)
            wanted = None if released is None else sum(released.values()) if name is None else released.get(name, 0)
            cells.append(f"{number:,}" + ("" if wanted is None else f" ({wanted:,})"))
        table.add_row(name or "total", *cells)
    print_table(console, table)
    for column in ("subjects", "sequences"):
        wanted = report["release"][column]
        number = "not named" if report[column] is None else f"{report[column]:,}"
        console.print(f"{column:<12} {number}" + ("" if wanted is None else f" ({wanted:,})"))
    shown = [f"{size} ({number:,})" for size, number in list(report["sizes"].items())[:4]]
    more = len(report["sizes"]) - 4
    console.print(f"{'pixels':<12} {', '.join(shown)}{f' and {more} other sizes' if more > 0 else ''}")
    console.print(f"{'bad images':<12} {'; '.join(report['bad']) or 'none'}", soft_wrap=True)
    console.print(f"{'fingerprint':<12} {report['fingerprint']}")
    identity = report["identity"]
    if identity is not None:
        lines = [f"{'official file':<12} {file}" for file in identity["files"]]
        lines += [f"{entry['kind']:<12} {entry['text']}" for entry in identity["deviations"]]
        same = f"{'identity':<12} the official images, labels and splits, pixel for pixel, in another file"
        for line in lines or [same]:
            console.print(line, soft_wrap=True, highlight=False)
    if report["differences"] or (identity and identity["deviations"]):
        kinds = [entry["kind"] for entry in identity["deviations"]] if identity else []
        verdict = f"differs from the release: {', '.join([*kinds, *report['differences']])}"
    elif report["compared_with_release"]:
        verdict = "complete: all counts match the official release"
        if identity and identity["files"]:
            verdict += "; this is the official file"
    else:
        verdict = "read; there are no official figures to compare with"
    console.print(f"{'verdict':<12} {verdict}", soft_wrap=True)
