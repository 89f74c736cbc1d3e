"""The tables "Class by class" and "Network by network" of docs/fer2013.md are those of the kept records."""

import csv
import gzip
import json
import re
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "fer2013.md"
ROW = re.compile(r"\| (\w+) \| ([\d,]+) of ([\d,]+) \(([\d.]+) %\) \| ([\d,]+) of ([\d,]+) \(([\d.]+) %\) \|")


def test_the_page_has_the_recalls_of_the_records():
    images, correct = Counter(), Counter()
    for path in sorted(FOLDER.glob("results/fer_compact.cpu-fer2013-official-s*/predictions.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                if row["split"] == "test":
                    group = row["true"], row["copy"] != ""
                    images[group] += 1
                    correct[group] += row["predicted"] == row["true"]
    assert sum(images.values()) == 3 * 3589
    groups = {name: [(correct[name, copied], images[name, copied]) for copied in (True, False)] for name, _ in images}
    expected = {
        (name, *(text for hits, n in pairs for text in (f"{hits:,}", f"{n:,}", f"{100 * hits / n:.1f}")))
        for name, pairs in groups.items()
    }
    assert len(expected) == 7
    assert set(ROW.findall(PAGE.read_text(encoding="utf-8"))) == expected


def test_the_page_has_the_difference_of_every_record():
    expected = []
    for path in FOLDER.parent.glob("*/results/*-fer2013-official-s*/metrics.json"):
        copies = json.loads(path.read_text())["test"]["copies"]
        name, seed = path.parent.name.split("-fer2013-official-s")
        gain = copies["difference"]["accuracy"]
        points = (f"{100 * gain[key]:+.1f}" for key in ("difference", "low", "high"))
        scores = (f"{copies[group]['accuracy']:.4f}" for group in ("with", "without"))
        expected.append((name.partition(".")[0], seed, *scores, *points))
    row = re.compile(r"\| `(\w+)`, (\d) \| ([\d.]+) \| ([\d.]+) \| ([+-][\d.]+) \(([+-][\d.]+) to ([+-][\d.]+)\) \|")
    written = row.findall(PAGE.read_text(encoding="utf-8"))
    assert len(written) >= 6
    assert sorted(written) == sorted(expected)


def test_the_page_has_the_ranking_that_the_copies_turn_round():
    """Macro F1 and accuracy of both records on all images and without copies, against the table's differences."""
    records = [
        json.loads((FOLDER.parent / name / "metrics.json").read_text())["test"]
        for name in (
            "bilstm_baselines/results/icnn_bilstm-fer2013-official-s0",
            "vgg_1x1_cnn/results/vgg_1x1_cnn-fer2013-official-s0",
        )
    ]
    page = PAGE.read_text(encoding="utf-8")
    for name, title in (("accuracy", "accuracy"), ("f1", "macro F1")):
        groups = [[scores[name] for scores in records], [scores["copies"]["without"][name] for scores in records]]
        differences = [f"{100 * (vgg - icnn):+.2f}" for icnn, vgg in groups]
        row = re.search(rf"\| {title} \| ([+-][\d.]+) \(.*\| ([+-][\d.]+) \(", page)
        assert list(row.groups()) == differences
