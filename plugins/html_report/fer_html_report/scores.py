"""Scores of a run: overall, with and without copies, per class, confusion, curves, calibration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fer_html_report.blocks import Block, Charts, Fold, Paragraph, Table
from fer_html_report.charts import draw, side_by_side
from fer_html_report.numbers import NONE, count, rate, score
from fer_plugins.analysis.figures.classes import draw_confusion, draw_per_class, draw_targets
from fer_plugins.analysis.figures.copies import draw_copies
from fer_plugins.analysis.figures.curves import draw_curves
from fer_plugins.analysis.figures.probabilities import draw_reliability, draw_roc
from fer_plugins.analysis.figures.recorded import RecordedRun
from fer_plugins.metrics.cluster_keys import describe_unit, of_clusters
from fer_plugins.metrics.copies import copy_groups, find_too_few
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import CLASS_TABLE, SUMMARY
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.score_tables import describe_kinds, describe_majority

_METHODS = "Intervals: 95 %, over images, by the method of each score (docs/metrics.md); not over trainings."


def overall(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield every score of every split, with and without copies, on other datasets, and the generalisation gap."""
    metrics = run.record.metrics
    splits = {split: metrics[split] for split in dict.fromkeys((run.split, "test", "val", "train")) if split in metrics}
    rows = []
    for name, entry in all_metrics().items():
        if entry.shown == "table" and any(name in scores for scores in splits.values()):
            better = "" if entry.better == "higher" else " (lower is better)"
            cells = (score(scores, name) for scores in splits.values())
            rows.append([f"{entry.title}{better}", *cells])
    head = ["Score", *(f"{split}, {count(scores.get('n'))} images" for split, scores in splits.items())]
    units = {split: describe_unit(scores) for split, scores in splits.items()}
    note = _METHODS if {*units.values()} == {"over images"} else _of_units(units)
    yield Table("Scores of each split", head, rows, note=note)
    if any(of_clusters(scores) for scores in splits.values()):
        yield _over_images(head, splits)
    yield from _copies(run.split, run.scores)
    if gap := metrics.get("generalisation_gap"):
        rows = [
            [entry_title, f"{100 * gap[name]['difference']:+.2f}",
             f"{100 * gap[name]['low']:+.2f} to {100 * gap[name]['high']:+.2f}"]
            for name, entry_title in SUMMARY.items() if name in gap
        ]  # fmt: skip
        yield Table(f"Generalisation gap: train less {run.split}, in points", ["Score", "points", "95 %"], rows)
    if majority := run.scores.get("vote_majority"):
        yield Paragraph(describe_majority(majority))
    yield from _targets(run)
    yield from _folds(metrics)


def _of_units(units: Mapping[str, str]) -> str:
    listed = "; ".join(f"{split}: {unit}" for split, unit in units.items())
    return f"Intervals: 95 %, by the method of each score (docs/metrics.md); not over trainings. {listed}."


def _over_images(head: list[str], splits: Mapping[str, Mapping[str, Any]]) -> Fold:
    """Return the intervals that treat images of one subject as independent, collapsed."""
    rows = [
        [entry.title, *(rate(scores.get(name), scores["intervals"].get(name)) for scores in splits.values())]
        for name, entry in all_metrics().items()
        if any(scores["intervals"].get(name) for scores in splits.values())
    ]
    note = "Images of one subject are alike: these intervals are too narrow for other subjects."
    return Fold("The intervals over images", [Table("Intervals over images", head, rows, note=note)])


def _copies(split: str, scores: Mapping[str, Any]) -> Iterator[Block]:
    copies = scores.get("copies")
    if not copies:
        yield Paragraph(
            f"No image of {split} is known to have a copy in training, so there is one score of all.", "note"
        )
        return
    groups: dict[str, Mapping[str, Any] | None] = {
        "all images": scores,
        "with a copy in training": None,
        "without a copy in training": None,
    }
    for name, scored in copy_groups(scores).items():
        groups[f"{name.replace('_copies', '')} a copy in training"] = scored
    reasons: dict[str, None] = {}
    rows = []
    for title, group in groups.items():
        few = find_too_few(scores, f"{title.partition(' ')[0]}_copies")
        reasons |= dict.fromkeys(few.values())
        cells = (NONE if group is None or metric in few else score(group, metric) for metric in SUMMARY)
        rows.append([title, count(group["n"]) if group else "0", *cells])
    note = f"{describe_kinds(copies)}."
    if copies.get("difference"):
        note += " Difference: with a copy less without."
        changes = (copies["difference"].get(metric) for metric in SUMMARY)
        rows.append(
            ["difference", "", *(rate(change and change["difference"], change, sign="+") for change in changes)]
        )
    if reasons:
        note += f" {NONE}: too few images to score them: {'; '.join(reasons)}."
    yield Table("With and without copies of training images", ["Images", "n", *SUMMARY.values()], rows, note=note)
    accuracies = [f"{title} {rate(group['accuracy'])}" for title, group in groups.items() if group]
    chart = draw(lambda: draw_copies(scores, ""), "With and without copies", f"Accuracy: {', '.join(accuracies)}.")
    if chart:
        yield Charts([chart])


def _targets(run: FinishedRun) -> Iterator[Block]:
    targets = run.record.metrics.get("targets") or {}
    if not targets:
        return
    rows = [[name, count(scores["n"]), *(score(scores, key) for key in SUMMARY)] for name, scores in targets.items()]
    yield Table("On datasets that it was not trained on", ["Dataset", "n", *SUMMARY.values()], rows, note=_METHODS)
    charts = []
    for name in targets:
        figures = draw_targets({name: targets[name]}, "")
        for kind in ("confusion, images", "confusion, shares of the true class", "rates of each class"):
            charts.append(draw(lambda figures=figures: next(figures)[1], f"{name}: {kind}", f"{name}: {kind}."))  # type: ignore[misc]
    yield side_by_side(*charts)


def _folds(metrics: Mapping[str, Any]) -> Iterator[Block]:
    spread, rows = metrics.get("between_folds") or {}, metrics.get("per_fold") or []
    if rows:
        head = ["Fold", *SUMMARY.values()]
        yield Table("Fold by fold", head, [[str(row.get("fold", place)), *(rate(row.get(name)) for name in SUMMARY)]
                                           for place, row in enumerate(rows)])  # fmt: skip
    if spread:
        lines = [
            [SUMMARY[name], rate(spread[name]["mean"]), rate(spread[name].get("sd"))]
            for name in SUMMARY
            if name in spread
        ]
        yield Table("Between folds", ["Score", "mean", "sd"], lines)


def classes(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield precision, recall and F1 per class."""
    scores = run.scores
    intervals = (scores.get("intervals") or {}).get("per_class") or {}
    rows = [
        [
            name,
            count(row["support"]),
            *(rate(row[metric], intervals.get(name, {}).get(metric)) for metric in CLASS_TABLE),
        ]
        for name, row in scores["per_class"].items()
    ]
    head = ["Class", "images", *CLASS_TABLE.values()]
    yield Table(f"Each class of {run.split}", head, rows, note=_METHODS)
    text = "; ".join(f"{name}: precision {rate(row['precision'])}, recall {rate(row['recall'])}, F1 {rate(row['f1'])}"
                     for name, row in scores["per_class"].items())  # fmt: skip
    chart = draw(lambda: draw_per_class(scores, ""), "Precision, recall and F1 of each class", f"{text}.")
    yield side_by_side(chart)


def confusion(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield the confusion matrix as fractions, as counts and as a table."""
    scores = run.scores
    names, matrix = scores["classes"], np.array(scores["confusion_matrix"])
    pairs = sorted(itertools.permutations(range(len(names)), 2), key=lambda pair: -matrix[pair])[:3]
    recalls = ", ".join(f"{name} {rate(row['recall'])}" for name, row in scores["per_class"].items())
    often = "; ".join(f"{names[true]} taken for {names[wrong]} {matrix[true, wrong]:,} times" for true, wrong in pairs)
    yield Paragraph(f"The most frequent confusions: {often}.")
    shares = "Confusion, as shares of the true class", f"Recall of each class: {recalls}."
    counts = "Confusion, in images", f"The most frequent confusions: {often}. The counts stand in the table below."
    yield side_by_side(
        draw(lambda: draw_confusion(scores, "", shares=True), *shares),
        draw(lambda: draw_confusion(scores, "", shares=False), *counts),
    )
    rows = [[name, *(f"{number:,}" for number in row)] for name, row in zip(names, matrix.tolist(), strict=True)]
    title = "Confusion in images: a row is a true class, a column a predicted one"
    yield Fold("Counts as a table", [Table(title, ["true / predicted", *names], rows)])


def curves(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield the training curves."""
    epochs, best = recorded.epochs, run.record.manifest.get("best_epoch")
    if not epochs:
        yield Paragraph(
            "There is no metrics.csv, or no epoch in it (folds have one each; logger none writes none).", "gap"
        )
        return
    last = epochs[-1]
    values = ", ".join(
        f"{key} {value:.4f}" for key, value in last.items() if key.partition("/")[2] in ("loss", "accuracy")
    )
    text = f"{len(epochs)} epochs; selected is epoch {best}. In the last: {values}."
    yield side_by_side(draw(lambda: draw_curves(epochs, best, ""), "Loss and accuracy after each epoch", text))


def calibration(run: FinishedRun, recorded: RecordedRun) -> Iterator[Block]:
    """Yield the calibration of the probabilities, and their ranking."""
    scores, predictions = run.scores, recorded.predictions
    if not np.isfinite(predictions.probabilities).all():
        yield Paragraph("Not drawn: some probabilities are not finite numbers.", "gap")
        return
    right = predictions.predicted == predictions.label
    confidence = float(predictions.probabilities.max(axis=1).mean())
    yield Paragraph(
        f"The mean probability of the predicted class is {confidence:.4f}, the share of correct predictions "
        f"{right.mean():.4f}; the calibration error (ECE) is {rate(scores.get('ece'))}."
    )
    text = (
        f"Calibration error {rate(scores.get('ece'))}; mean confidence {confidence:.4f}, accuracy {right.mean():.4f}."
    )
    by_class = ", ".join(f"{name} {rate(row.get('auroc'))}" for name, row in scores["per_class"].items())
    yield side_by_side(
        draw(lambda: draw_reliability(predictions, ""), "Confidence and accuracy", text),
        draw(
            lambda: draw_roc(predictions, scores["classes"], ""),
            "ROC of each class against the rest",
            f"Area under the curve: {by_class}.",
        ),
    )
