"""Reads claims from common formats: classification reports, CSV matrices, Markdown or LaTeX tables, notebooks."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from fer_plugins.analysis.claims.claim import Claims
from fer_plugins.analysis.claims.collected import REPORT_RATES, Collected, Subject
from fer_plugins.analysis.claims.foreign_tables import read_rows, read_tables
from fer_plugins.runtime.errors import InputError

FORMS = (
    "the text of a classification_report, a confusion matrix (.csv), a table (.md, .tex), a notebook (.ipynb), or YAML"
)
_REPORT_HEAD = re.compile(r"^\s*precision\s+recall\s+f1-score\s+support\s*$")
_AVERAGE = re.compile(r"^\s*(micro|macro|weighted|samples) avg((?:\s+[-\d.e]+|\s+nan)+)\s*$")
_ROW = re.compile(r"^\s*([^\s\[].*?)((?:\s+(?:[\d.]+(?:e-?\d+)?|nan)){3})\s+([\d.]+)\s*$")
_ACCURACY = re.compile(r"^\s*accuracy\s+([\d.]+)\s+([\d.]+)\s*$")
_MATRIX = re.compile(r"\[\[.*?\]\s*\]", re.DOTALL)
_WEIGHTED = "images with weights, as its fractional supports say"


def read_foreign(path: Path, subject: Subject) -> Claims:
    """Read the claims of a file that is not a claims file, according to its extension and content.

    Raises:
        InputError: it cannot be read, or has none of the known formats.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give {FORMS}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; give {FORMS}") from None
    ending = path.suffix.lower()
    claims = Collected(subject)
    if ending == ".ipynb":
        _read_notebook(text, claims, path)
    elif ending in (".csv", ".tsv"):
        delimiter = "\t" if ending == ".tsv" else max(",;\t", key=text.partition("\n")[0].count)
        read_rows(list(csv.reader(text.splitlines(), delimiter=delimiter)), claims, path.name)
    else:
        _read_text(text, claims, path.name)
        read_tables(text, claims, path.name)
    if not claims.listed:
        raise InputError(f"{path}: holds no numbers in a form that is known; give {FORMS}")
    models = tuple(dict.fromkeys(claim.model for claim in claims.listed if claim.model))
    roles = tuple({"name": name, "role": "proposed", "params": None} for name in models)
    return Claims(path, {"id": path.stem, "title": path.name}, roles, tuple(claims.listed), blocks=claims.blocks())


def _read_text(text: str, claims: Collected, source: str) -> None:
    """Read every classification_report and every printed array in a text."""
    reports: list[list[str]] = []  # the lines after each heading, up to the first one that is not part of a report
    inside = False
    for line in text.splitlines():
        if _REPORT_HEAD.match(line):
            inside = True
            reports.append([])
        elif inside and line.strip():
            ends = any(map(_AVERAGE.match, reports[-1]))  # no further rows follow the averages
            inside = any(row.match(line) for row in ((_AVERAGE,) if ends else (_AVERAGE, _ACCURACY, _ROW)))
            reports[-1] += [line] if inside else []
    for number, rows in enumerate(reports, 1):
        _read_report(rows, claims, f"{source}, report {number}")
    for place, match in enumerate(_MATRIX.finditer(text), 1):
        rows = re.findall(r"\[([^\[\]]+)\]", match.group())
        claims.add_matrix([re.split(r"[\s,]+", row.strip().strip(",")) for row in rows], (), f"{source}, array {place}")


def _read_report(rows: list[str], claims: Collected, source: str) -> None:
    """Read the rows of a report. Fractional supports are sums of weights, for which rates are not of the form k/n."""
    supports = [match.group(3) for row in rows if (match := _ROW.match(row)) and not _AVERAGE.match(row)]
    weighted = _WEIGHTED if any("." in support for support in supports) else None
    for row in rows:
        total, name, images = "", None, ""
        if match := _AVERAGE.match(row):
            total = f"{match.group(1)}_"
            written = match.group(2).split()[: len(REPORT_RATES)]
        elif match := _ACCURACY.match(row):
            claims.add("accuracy", match.group(1), source, split_means=weighted)
            written, images = [], match.group(2)
        elif match := _ROW.match(row):
            name, written, images = match.group(1), match.group(2).split(), match.group(3)
        for metric, number in zip(REPORT_RATES, written, strict=False):
            claims.add(f"{total}{metric}", number, source, name, split_means=weighted)
        if images and not weighted:
            claims.add("n_images", images, source, name)


def _read_notebook(text: str, claims: Collected, path: Path) -> None:
    try:
        cells = json.loads(text)["cells"]
        outputs = [(n, output) for n, cell in enumerate(cells) for output in cell.get("outputs", ())]
        texts = [
            (n, "".join(output.get("text") or output.get("data", {}).get("text/plain", ()))) for n, output in outputs
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: is not a notebook of Jupyter (version 4); save it again in Jupyter") from None
    last = None
    for number, output in texts:
        if number != last:
            claims.next_place()
        last = number
        if output.startswith(("'", '"')) and "\\n" in output:  # the repr of a report
            output = output[1:-1].replace("\\n", "\n")
        _read_text(output, claims, f"cell {number}")
        lines = re.findall(r"(?m)^\s*(?:test |overall )?accuracy\s*[:=]\s*([\d.]+\s*%?)\s*$", output, re.IGNORECASE)
        for place, line in enumerate(lines, 1):
            claims.add("accuracy", line, f"cell {number}" + (f", accuracy {place}" if len(lines) > 1 else ""))
