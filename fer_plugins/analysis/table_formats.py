"""Formats a table of models as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fer_plugins.analysis.columns import DEFAULT, Column, parse_columns
from fer_plugins.analysis.model_table import table_rows
from fer_plugins.runs.read_runs import FinishedRun

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def format_table(
    form: str, runs: Sequence[FinishedRun], columns: Sequence[Column] | None = None, *, quoted: bool = False
) -> str:
    """Return the table of several runs as text.

    Args:
        form: "md", "csv" or "tex".
        runs: at least one.
        columns: as returned by ``parse_columns``; None: accuracy and macro F1 of the reported split.
        quoted: add rows with the numbers that the papers print for other models.

    Raises:
        InputError: see ``table_rows``.
    """
    columns = parse_columns(DEFAULT) if columns is None else columns
    return {"md": _markdown, "csv": _csv, "tex": _latex}[form](table_rows(runs, columns, quoted=quoted), columns)


def _cells(row: Mapping[str, Any], columns: Sequence[Column], marks: Mapping[str, int]) -> list[str]:
    """Return the cells of a row as text, with remarks replaced by their numbers in ``marks``."""
    cells = [
        row["model"],
        row["dataset"],
        f"{row['protocol']} {row['split_hash']}",
        ", ".join(map(str, row["seeds"])) or "-",
    ]
    for column in columns:
        cell = row[column.key]
        if cell["value"] is None:
            cells.append("NOT A RESULT" if cell["interval"] == "no result" else cell["interval"] or "-")
        elif cell["low"] is None:
            cells.append(f"{cell['text']} {cell['interval']}".strip())
        else:
            ends = ", ".join(column.format(cell[end]) for end in ("low", "high"))
            cells.append(f"{cell['text']} [{ends}] {cell['interval']}")
        if column.claims:
            cells.append("; ".join(f"{number} ({source})" for number, source in cell["claimed"]) or "-")
    return [*cells, ", ".join(str(marks[remark]) for remark in row["remarks"]) or "-"]


def _shown(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Return the columns to show; columns that were chosen by the user have no claims if no row has one for them."""
    claimed = {column.key for column in columns if any(row[column.key]["claimed"] for row in rows)}
    return [column if column.key in {*claimed, *DEFAULT} else replace(column, claims=()) for column in columns]


def _headings(columns: Sequence[Column]) -> list[str]:
    scores = []
    for column in columns:
        scores += [f"{column.title} [95 % interval]" if column.score else column.title]
        scores += ["claimed"] if column.claims else []
    return ["model", "data", "protocol, split", "seeds", *scores, "notes"]


def _marks(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Number the remarks in order of their first occurrence."""
    return {text: number for number, text in enumerate(dict.fromkeys(t for row in rows for t in row["remarks"]), 1)}


def _markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    columns = _shown(columns, rows)
    marks, headings = _marks(rows), _headings(columns)
    lines = [
        headings,
        ["---"] * len(headings),
        *([cell.replace("|", "\\|") for cell in _cells(row, columns, marks)] for row in rows),
    ]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + ("\n" if marks else "") + "".join(f"{number}. {remark}\n" for remark, number in marks.items())


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    text = io.StringIO()
    plain = ("model", "dataset", "protocol", "part", "split_hash", "images")
    parts = ("value", "low", "high", "interval")
    writer = csv.writer(text, lineterminator="\n")
    scores = [f"{column.key}_{part}" for column in columns for part in (*parts, "claimed", "claimed_in")]
    writer.writerow([*plain, "seeds", "n", *[name.replace("_value", "") for name in scores], "remarks"])
    for row in rows:
        cells = [row[name] for name in plain] + [" ".join(map(str, row["seeds"])), row["n"]]
        for column in columns:
            cell = row[column.key]
            cells += [cell[part] for part in parts]
            cells += ["; ".join(texts) for texts in zip(*cell["claimed"], strict=True)] or ["", ""]
        writer.writerow([*cells, "; ".join(row["remarks"])])
    return text.getvalue()


def _latex(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    marks, columns = _marks(rows), _shown(columns, rows)
    lines = [_headings(columns), *(_cells(row, columns, marks) for row in rows)]
    body = [" & ".join(escape_latex(cell) for cell in line) + r" \\" for line in lines]
    notes = [f"{number}: {escape_latex(remark)}\\par" for remark, number in marks.items()]
    begin = f"\\begin{{tabular}}{{{'l' * len(lines[0])}}}"
    return "\n".join([begin, r"\hline", body[0], r"\hline", *body[1:], r"\hline", r"\end{tabular}\par", *notes]) + "\n"


def escape_latex(text: str) -> str:
    r"""Escape text for LaTeX; letters for which pdflatex has no glyph are replaced by their Unicode names.

    >>> escape_latex("100 % of a_b")
    '100 \\% of a\\_b'
    """
    return "".join(
        _LATEX.get(sign) or (sign if ord(sign) < 0x180 else f"[{unicodedata.name(sign, '?')}]") for sign in text
    )
