"""Comparison of several runs: scores, paired tests on the same images, spread over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fer_run_comparison.compared_datasets import rank_over_blocks
from fer_run_comparison.compared_runs import compare_runs
from fer_run_comparison.critical_difference import draw_critical_difference
from fer_run_comparison.rows import model_rows, pair_rows, rank_rows, spread_rows

from fer_html_report.blocks import Block, Chapter, Charts, Paragraph, Section, Table
from fer_html_report.charts import draw
from fer_html_report.numbers import rate
from fer_plugins.analysis.columns import parse_columns
from fer_plugins.analysis.figures.bars import draw_bars
from fer_plugins.analysis.model_table import table_rows
from fer_plugins.metrics.table import HEADLINE, PAIRED
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.result_table import format_p
from fer_plugins.runtime.errors import InputError


def compare(runs: Sequence[FinishedRun]) -> Chapter:
    """Return the chapter that precedes those of single runs."""
    sections = [Section("models", "Models", list(_side_by_side(runs)))]
    try:
        comparison = compare_runs(runs)
    except InputError as error:
        gap = Paragraph(f"There is no paired comparison: {error}.", "gap")
        sections.append(Section("pairs", "Paired comparison", [gap]))
    else:
        sections.append(Section("pairs", "Paired comparison", list(_pairs(comparison))))
        sections.append(Section("seeds", "Over seeds", list(_seeds(comparison))))
    sections.append(Section("ranks", "Ranks of the models", list(_ranks(runs))))
    return Chapter("comparison", "Side by side", sections=sections)


def _side_by_side(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    columns = parse_columns(list(HEADLINE))
    try:
        rows = table_rows(runs, columns)
    except InputError as error:
        yield Paragraph(f"There is no table of models: {error}.", "gap")
        return
    lines = []
    for row in rows:
        cells = [rate(row[column.key]["value"], row[column.key] if row[column.key]["low"] is not None else None)
                 for column in columns]  # fmt: skip
        data = f"{row['dataset']}, {row['protocol']}, {row['part']}"
        lines.append([row["model"], *cells, f"{row['n']:,}", ", ".join(map(str, row["seeds"])), data])
    head = ["Model", *HEADLINE.values(), "Images", "Seeds", "Data"]  # a phone shows the first columns
    note = "95 % intervals: over test images for one training, over trainings (t) for several seeds."
    yield Table("One row per model", head, lines, frozenset({head.index("Data")}), note=note)
    for remark in dict.fromkeys(str(remark) for row in rows for remark in row["remarks"]):
        yield Paragraph(remark, "note")
    text = "; ".join(f"{line[0]}: {line[1]}" for line in lines)
    chart = draw(lambda: draw_bars(rows, columns[0]), "Accuracy of each model, with 95 % intervals", f"{text}.")
    if chart:
        yield Charts([chart])


def _pairs(comparison: Mapping[str, Any]) -> Iterator[Block]:
    yield Paragraph(
        f"All were scored on the same {comparison['n']:,} images of {comparison['part']} "
        f"(split {', '.join(comparison['split_hashes'])})."
    )
    for note in comparison["notes"]:
        yield Paragraph(str(note), "note")
    models = [
        [
            model["letter"],
            model["label"],
            ", ".join("not known" if run["seed"] is None else str(run["seed"]) for run in model["runs"]),
        ]
        for model in comparison["models"]
    ]
    yield Table("Models", ["Letter", "Model", "Seeds"], models, frozenset({1, 2}))
    rows = [
        [f"{row.second} less {row.first}", row.score, row.points, row.interval, row.p, row.p_holm, row.verdict]
        for row in pair_rows(comparison, "seed ")
    ]
    methods = "; ".join(f"{HEADLINE[name]}: {test.method}" for name, test in PAIRED.items())
    head = ["Pair", "Score", "points", "95 %", "p", "p (Holm)", "Verdict"]
    note = f"{methods}. Not distinguishable does not mean equal: the interval says how far apart the two may be."
    yield Table("Pair by pair on the same images", head, rows, frozenset({1, 6}), note=note)


def _seeds(comparison: Mapping[str, Any]) -> Iterator[Block]:
    spreads = spread_rows(comparison)
    if not spreads:
        yield Paragraph(
            "Every model was trained once. Nothing is said about the next training: that takes two seeds of two "
            "models (fer-run --seeds N).",
            "gap",
        )
        return
    rows = [[row.model, row.score, row.seeds, row.mean, row.sd, row.t] for row in spreads]
    head = ["Model", "Score", "seeds", "mean", "sd", "95 % (t)"]
    yield Table("Spread over trainings", head, rows, frozenset({1}))
    if not comparison["over_seeds"]:
        yield Paragraph("Models over seeds are compared where two of them were trained at least twice.", "gap")
        return
    rows = [
        [f"{row.second} less {row.first}", row.score, row.points, row.interval, row.p, row.p_holm]
        for row in model_rows(comparison["over_seeds"])
    ]
    head = ["Pair", "Score", "points", "95 % (Welch)", "p", "p (Holm)"]
    yield Table("Model by model over seeds", head, rows, frozenset({1}))


def _ranks(runs: Sequence[FinishedRun]) -> Iterator[Block]:
    """Yield the critical-difference diagram of at least three models over datasets, folds or seeds."""
    try:
        tests = rank_over_blocks(runs, "accuracy")
    except InputError as error:
        yield Paragraph(f"There is no critical-difference diagram: {error}.", "gap")
        return
    result, blocks = tests["friedman"], f"{len(tests['blocks'])} {tests['kind']}"
    rows = [[row.model, *cells] for row in rank_rows({"accuracy": tests}) for cells in row.cells]
    note = (
        f"Friedman's p (permutations) {format_p(result['p'])}; critical difference of Nemenyi's test "
        f"{result['critical_difference']:.2f} ranks. Models that share a letter cannot be told apart."
    )
    yield Table(f"Mean ranks of accuracy over {blocks}", ["Model", "mean rank", "group"], rows, note=note)
    ranks = "; ".join(f"{model} {rank}" for model, rank, _ in rows)
    text = f"Mean ranks: {ranks}. Critical difference {result['critical_difference']:.2f}."
    chart = draw(
        lambda: draw_critical_difference(tests, ""), f"Critical-difference diagram of accuracy over {blocks}", text
    )
    if chart:
        yield Charts([chart])
