"""Tables of a result for the terminal: per class, overall with intervals, and compared with the paper's claims."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from fer_plugins.metrics.cluster_keys import of_clusters
from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import CLASS_TABLE
from fer_plugins.runs.score_tables import print_copies, print_gap, print_majority
from fer_plugins.runtime.notices import code_of, from_values
from fer_plugins.runtime.print_table import number_column, print_table, titled_table

WIDEST = 120  # columns; the same limit everywhere, so that a table fits a note or a log
_PIPED = 100  # columns if the output is not a terminal and COLUMNS is not set
_ROOMY = 100  # columns from which the per-class table has a column for each interval
_SPLITS = ("test", "val", "train")
_ACRONYMS = {"f1": "F1", "gar": "GAR", "far": "FAR", "frr": "FRR"}


def result_console(stream: TextIO | None = None) -> Console:
    """Create the console for results: as wide as the terminal, at most 120 columns.

    If the output is not a terminal, it is plain text, as wide as COLUMNS says (at most 120 columns), by default 100.

    Args:
        stream: output stream; default standard output. Characters that its encoding cannot represent are replaced.
    """
    stream = stream if stream is not None else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    console = Console(file=stream, highlight=False)
    if console.is_terminal:
        console.width = min(console.width, WIDEST)
        return console
    columns = os.environ.get("COLUMNS", "")
    width = min(int(columns), WIDEST) if columns.isdecimal() and int(columns) > 0 else _PIPED
    return Console(file=stream, width=width, color_system=None, force_terminal=False, highlight=False)


def print_result(
    console: Console,
    scores_by_split: Mapping[str, Mapping[str, Any]],
    claims_rows: Sequence[Mapping[str, Any]],
    header: Mapping[str, Any],
    assumed: Mapping[str, str],
    warnings: Sequence[str] = (),
    faults: Sequence[str] = (),
    *,
    gap: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Print the result of a run.

    Args:
        console: such as ``result_console()``.
        scores_by_split: split ("test", "val", "train") -> scores, as returned by ``metrics.scores.score``. The first
            of these three splits that is present is reported in full, the others as further columns.
        claims_rows: rows of ``analysis.claims.claims_beside.compare``; if empty, no table of claims is printed.
        header: what was run, printed as "name value" pairs in this order (plugin, dataset, protocol, split_hash,
            seed, ...); None values are left out.
        assumed: option -> reason, for the choices that the paper does not specify; the options are printed.
        warnings: sentences, printed last.
        faults: sentences, printed first: the reasons why the scores are not a valid result.
        gap: metric -> score of the training split minus that of the reported split; None if the training split was
            not scored.
    """
    console.print()
    _print_header(console, header)
    for fault in faults:
        _print_pair(console, "NOT A RESULT", fault, 12, style="bold red")
    if faults:
        console.print()
    shown = [split for split in _SPLITS if split in scores_by_split]
    if shown:
        print_table(console, per_class_table(shown[0], scores_by_split[shown[0]], narrow=console.width < _ROOMY))
        print_table(console, _overall(shown, scores_by_split))
        print_copies(console, shown[0], scores_by_split[shown[0]])
        print_majority(console, shown[0], scores_by_split[shown[0]])
    if gap:
        print_gap(console, shown[0], gap)
    if claims_rows:
        _print_claims(console, claims_rows)
    if "architecture" in assumed:
        _print_pair(console, "ARCHITECTURE ASSUMED", assumed["architecture"], 20, style="bold yellow")
        console.print()
    if assumed:
        title = f"{len(assumed)} reading(s) assumed, where the paper is silent (reasons: fer show, manifest.json)"
        console.print(Text(title, style="bold"))
        console.print(Padding(Text(", ".join(assumed)), (0, 0, 0, 2)))
        console.print()
    for warning in warnings:
        _print_pair(console, "warning", warning, 7, style="bold yellow")


def _print_header(console: Console, header: Mapping[str, Any]) -> None:
    line = Text()
    for name, value in header.items():
        if value is None:
            continue
        pair = f"{name.replace('_', ' ')} {f'{value:,}' if type(value) is int and value >= 10_000 else value}"
        if line and len(line) + 3 + len(pair) > console.width:
            console.print(line)
            line = Text()
        line.append("   " if line else "").append(pair)
    console.print(line)
    console.print()


def per_class_table(split: str, scores: Mapping[str, Any], *, narrow: bool = False) -> Table:
    """Return the table of precision, recall and F1 of each class, titled with ``split`` and the number of images.

    Args:
        split: the split that was scored.
        scores: its scores, as returned by ``metrics.scores.score``.
        narrow: fit into 80 columns: each interval follows its score in the same cell.
    """
    if narrow:
        return _narrow_per_class(split, scores)
    intervals = scores.get("intervals", {}).get("per_class", {})
    table = titled_table(
        f"{split}, per class ({scores['n']:,} images)",
        Column("class", overflow="fold"),
        *map(number_column, (*CLASS_TABLE.values(), "images")),
        *(number_column(f"{title} 95 %", dim=True) for title in CLASS_TABLE.values() if intervals),
    )
    for name, row in scores["per_class"].items():
        cells = [_rate(row[metric]) for metric in CLASS_TABLE]
        ranges = (
            [format_interval(intervals.get(name, {}).get(metric), digits=3) for metric in CLASS_TABLE]
            if intervals
            else []
        )
        table.add_row(Text(name), *cells, f"{row['support']:,}", *ranges)
    return table


def _narrow_per_class(split: str, scores: Mapping[str, Any]) -> Table:
    heading = f"{split}, per class ({scores['n']:,} images), with 95 % intervals"
    table = titled_table(heading, Column("class", overflow="fold"), numbers=("images", *CLASS_TABLE.values()))
    intervals = scores.get("intervals", {}).get("per_class", {})
    for name, row in scores["per_class"].items():
        cells = []
        for metric in CLASS_TABLE:
            ends = intervals.get(name, {}).get(metric)
            cells.append(_rate(row[metric], 3) + (f" [{ends['low']:.2f}, {ends['high']:.2f}]" if ends else ""))
        table.add_row(Text(name), f"{row['support']:,}", *map(Text, cells))
    return table


def _overall(shown: Sequence[str], scores_by_split: Mapping[str, Mapping[str, Any]]) -> Table:
    columns = {s: _interval_columns(scores_by_split[s]) for s in shown[:2] if "intervals" in scores_by_split[s]}
    headings = [
        heading
        for split in shown
        for heading in (number_column(split), *(number_column(title, dim=True) for title in columns.get(split, ())))
    ]
    table = titled_table("overall", "score", *headings)
    for metric, entry in all_metrics().items():
        if entry.shown != "table" or not any(metric in scores_by_split[split] for split in shown):
            continue  # not scored: a run of an earlier version, or a metric that failed
        cells = []
        for split in shown:
            cells.append(_rate(scores_by_split[split].get(metric)))
            for intervals, few in columns.get(split, {}).values():
                cells.append("too few" if metric in few else format_interval(intervals.get(metric)))
        table.add_row(Text(entry.title), *cells)
    return table


def _interval_columns(scores: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], Collection[str]]]:
    """Return column title -> (intervals by metric, metrics without one because of too few images or clusters)."""
    plain = scores["intervals"], scores.get("too_few", ())
    if not (named := of_clusters(scores)):
        return {"95 % interval": plain}
    return {f"95 % by {named['unit']} ({named['n']})": (named, named["too_few"]), "by image": plain}


def _print_claims(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    table = titled_table(
        "the paper's claims beside the measured numbers",
        *("score", number_column("claimed"), number_column("measured"), number_column("95 % interval", dim=True)),
        *(number_column("points"), Column("where", overflow="fold"), "notes"),
    )
    notes_of_rows = [_notes(row) for row in rows]
    shared = [note for note in notes_of_rows[0] if len(rows) > 1 and all(note in row for row in notes_of_rows)]
    notes = list(dict.fromkeys(note for row_notes in notes_of_rows for note in row_notes if note not in shared))
    for row, row_notes in zip(rows, notes_of_rows, strict=True):
        difference = row["difference"]
        table.add_row(
            Text(" ".join(_ACRONYMS.get(word, word) for word in row["metric"].split("_"))),
            _rate(row["claimed"]),
            _rate(row["measured"]),
            format_interval(row["interval"]),
            "-" if difference is None else f"{difference:+.2f}",
            Text(row["source"]),
            " ".join(str(number) for number, note in enumerate(notes, 1) if note in row_notes),
        )
    print_table(console, table)
    if shared:
        _print_pair(console, "all", "; ".join(shared), 3)
    for number, note in enumerate(notes, 1):
        _print_pair(console, f"{number:>3}", note, 3)
    console.print()


def _notes(row: Mapping[str, Any]) -> list[str]:
    """Return a row's notes and the remark in the claims file, unless it only repeats that the averaging is unknown."""
    *notes, remark = from_values([*row["notes"], row.get("remark") or ""], row.get("notices"))
    repeated = code_of(remark) != "" and code_of(remark) in map(code_of, notes)
    return [*notes, *([f"claim: {remark}"] if remark and not repeated else [])]


def _print_pair(console: Console, key: str, text: str, width: int, style: str = "dim") -> None:
    """Print ``text`` wrapped and indented behind ``key``."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=width, style=style, overflow="fold")
    grid.add_column()
    grid.add_row(Text(key), Text(text))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _rate(value: Any, digits: int = 4) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"


def format_interval(interval: Mapping[str, Any] | None, digits: int = 4) -> str:
    """Format an interval as "0.8123 to 0.8244", or "-" if there is none."""
    return f"{interval['low']:.{digits}f} to {interval['high']:.{digits}f}" if interval else "-"


def format_p(value: float | None) -> str:
    """Format a p-value with four decimals, as "< 0.0001" if smaller, or "-" if there is none."""
    return "-" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"
