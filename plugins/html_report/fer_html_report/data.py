"""The data of a run: fingerprints, images per class, and overlaps of the splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fer_html_report.blocks import Block, Facts, Paragraph, Table
from fer_html_report.charts import draw, side_by_side
from fer_html_report.numbers import NONE, count
from fer_plugins.analysis.figures.classes import draw_distribution
from fer_plugins.analysis.figures.recorded import RecordedRun
from fer_plugins.runs.read_runs import FinishedRun

_SHARED = {
    "copies": "groups of identical images in both",
    "images": "images of the second split with an identical copy in the first",
    "near": "images of the second split with a near copy in the first (identical ones included)",
    "subjects": "subjects in both",
    "sequences": "sequences in both",
    "siblings": "original images with augmented versions in both",
}
_SPLITS = {"train": "training", "val": "validation", "test": "test"}


def data(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield the identity of the data, the images per class, and the audit of the splits."""
    facts = run.record.manifest["data"]
    yield Facts(
        [
            ("Dataset", str(facts["title"])),
            ("Data fingerprint", str(facts["fingerprint"])),
            ("Split hash", ", ".join(run.split_hash)),
        ]
    )
    counts = facts.get("counts")
    if counts:
        yield _count_classes(counts)
    else:
        yield Paragraph("The images of each class are not recorded (folds have one count each).", "gap")
    if recorded.counts:
        series = recorded.counts
        text = "; ".join(f"{name}: {_join(classes)}" for name, classes in series.items())
        chart = draw(lambda: draw_distribution(series, ""), "Images of each class", text)
        yield side_by_side(chart)
    yield from _audit(facts)
    for note in facts.get("notes") or []:
        yield Paragraph(str(note), "note")


def _count_classes(counts: Mapping[str, Mapping[str, int]]) -> Table:
    classes = list(dict.fromkeys(name for split in counts.values() for name in split))
    rows = [[name, *(count(split.get(name)) for split in counts.values())] for name in classes]
    rows.append(["all", *(f"{sum(split.values()):,}" for split in counts.values())])
    return Table("Images of each class", ["Class", *(_SPLITS.get(split, split) for split in counts)], rows)


def _audit(facts: Mapping[str, Any]) -> Iterator[Block]:
    leaks = facts.get("leaks")
    if leaks is None:
        yield Paragraph("What the splits share was not searched (data.leaks off, or folds).", "gap")
        return
    pairs = list(dict.fromkeys(pair for kind in _SHARED for pair in leaks.get(kind) or {}))
    rows = [[title, *(count((leaks.get(kind) or {}).get(pair)) for pair in pairs)]
            for kind, title in _SHARED.items() if leaks.get(kind)]  # fmt: skip
    if rows:
        note = (
            f"{leaks['conflicts']:,} groups of identical images have different labels." if "conflicts" in leaks else ""
        )
        head = ["Shared", *(" and ".join(_SPLITS.get(split, split) for split in pair.split("/")) for pair in pairs)]
        yield Table("What two splits share", head, rows, note=note)
    if leaks.get("near") is None:
        yield Paragraph("Near copies were not searched; data.near_copies on does.", "gap")
    copied = facts.get("copies_in_training") or {}
    if copied:
        rows = [
            [_SPLITS.get(split, split), count(kinds["exact"]), count(kinds["near"])] for split, kinds in copied.items()
        ]
        if all(cell in ("0", NONE) for row in rows for cell in row[1:]):
            yield Paragraph("No image of validation or test has a copy in training.")
        else:
            yield Table("Images with a copy in training", ["Split", "identical", "near, not identical"], rows)


def _join(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {images:,}" for name, images in counts.items())
