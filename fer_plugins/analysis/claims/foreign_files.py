"""Claims from what people have: a report of scikit-learn, a matrix as CSV, a Markdown or LaTeX table, a notebook."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from fer_plugins.analysis.claims.claim import Claim, Claims
from fer_plugins.analysis.claims.read_values import read_shares
from fer_plugins.analysis.claims.vocabulary import canonical_metric
from fer_plugins.runtime.errors import InputError

FORMS = (
    "the text of a classification_report, a confusion matrix (.csv), a table (.md, .tex), a notebook (.ipynb), or YAML"
)
_REPORT_HEAD = re.compile(r"^\s*precision\s+recall\s+f1-score\s+support\s*$")
_AVERAGE = re.compile(r"^\s*(micro|macro|weighted|samples) avg((?:\s+[-\d.e]+|\s+nan)+)\s*$")
_ROW = re.compile(r"^\s*(\S.*?)((?:\s+(?:[\d.]+(?:e-?\d+)?|nan)){3})\s+([\d.]+)\s*$")
_ACCURACY = re.compile(r"^\s*accuracy\s+([\d.]+)\s+([\d.]+)\s*$")
_RATES = ("precision", "recall", "f1")
_MATRIX = re.compile(r"\[\[.*?\]\s*\]", re.DOTALL)
_TAGS = re.compile(r"\\(?:textbf|textit|mathbf|underline|emph|text)\s*\{([^{}]*)\}|\*\*|__|`|\$")

_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})")


@dataclass(frozen=True)
class Subject:
    """What the numbers of a file speak of, which the file itself does not say."""

    model: str = "the model"
    dataset: str = "a dataset without a name"
    split: str = "test"


def read_foreign(path: Path, subject: Subject) -> Claims:
    """Read the claims of a file that is no claims file, by its ending and its content.

    Raises:
        InputError: it cannot be read, or holds none of the forms.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give {FORMS}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; give {FORMS}") from None
    ending = path.suffix.lower()
    claims = _Collected(subject)
    if ending == ".ipynb":
        _read_notebook(text, claims, path)
    elif ending in (".csv", ".tsv"):
        delimiter = "\t" if ending == ".tsv" else max(",;\t", key=text.partition("\n")[0].count)
        _read_rows(list(csv.reader(text.splitlines(), delimiter=delimiter)), claims, path.name)
    else:
        _read_text(text, claims, path.name)
        _read_tables(text, claims, path.name)
    if not claims.listed:
        raise InputError(f"{path}: holds no numbers in a form that is known; give {FORMS}")
    models = tuple(dict.fromkeys(claim.model for claim in claims.listed if claim.model))
    roles = tuple({"name": name, "role": "proposed", "params": None} for name in models)
    return Claims(path, {"id": path.stem, "title": path.name}, roles, tuple(claims.listed))


class _Collected:
    """The claims of one file, in its order."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.listed: list[Claim] = []

    def add(
        self, metric: str, written: str, source: str, class_name: str | None = None, *, model: str | None = None,
    ) -> None:  # fmt: skip
        """Add a number; a percentage is kept as the fraction with the same digits."""
        text_of_number = _TAGS.sub(lambda match: match.group(1) or "", written).replace("\\%", "%").strip()
        percent = text_of_number.endswith("%")
        try:
            number = Decimal(text_of_number.removesuffix("%").strip().replace(",", ""))
        except InvalidOperation:
            return
        rate = not metric.startswith("n_")
        if not number.is_finite() or number < 0 or (rate and number > 100):
            return
        if rate and (percent or number > 1):
            number = number.scaleb(-2)
        if not rate and number != int(number):
            return
        text = f"{number:f}" if rate else str(int(number))
        whose = self.subject
        self.listed.append(
            Claim(model or whose.model, whose.dataset, whose.split, metric, float(text), source,
                  class_name=class_name, written=text)
        )  # fmt: skip

    def add_matrix(self, cells: list[list[str]], classes: Iterable[str], source: str) -> bool:
        """Add a square matrix of counts or shares; whether it was one."""
        names = tuple(name.strip() for name in classes)
        try:
            numbers = [[Decimal(cell.strip().removesuffix("%").replace(",", "")) for cell in row] for row in cells]
        except InvalidOperation:
            return False
        square = len(numbers) > 1 and all(len(row) == len(numbers) for row in numbers)
        if not square or not all(cell.is_finite() and cell >= 0 for row in numbers for cell in row):
            return False
        written = tuple(tuple(f"{cell:f}" for cell in row) for row in numbers)
        if all(cell == int(cell) for row in numbers for cell in row):
            written = tuple(tuple(str(int(cell)) for cell in row) for row in numbers)  # 12.0, as pandas writes counts
        elif read_shares(written) is None:
            return False
        whose = self.subject
        value = [[float(cell) for cell in row] for row in numbers]
        named = names if len(names) == len(numbers) else None
        self.listed.append(
            Claim(whose.model, whose.dataset, whose.split, "confusion_matrix", value, source, classes=named,
                  cells=written)
        )  # fmt: skip
        return True


def _read_text(text: str, claims: _Collected, source: str) -> None:
    """Read every classification_report and every printed array of a text."""
    inside, number = False, 0
    for line in text.splitlines():
        if _REPORT_HEAD.match(line):
            inside, number = True, number + 1
        elif inside:
            where = f"{source}, report {number}"
            if match := _AVERAGE.match(line):
                for metric, written in zip(_RATES, match.group(2).split(), strict=False):
                    claims.add(f"{match.group(1)}_{metric}", written, where)
            elif match := _ACCURACY.match(line):
                claims.add("accuracy", match.group(1), where)
                claims.add("n_images", match.group(2), where)
            elif match := _ROW.match(line):
                for metric, written in zip(_RATES, match.group(2).split(), strict=True):
                    claims.add(metric, written, where, match.group(1))
                claims.add("n_images", match.group(3), where, match.group(1))
            elif line.strip():
                inside = False
    for place, match in enumerate(_MATRIX.finditer(text), 1):
        rows = re.findall(r"\[([^\[\]]+)\]", match.group())
        claims.add_matrix([re.split(r"[\s,]+", row.strip().strip(",")) for row in rows], (), f"{source}, array {place}")


def _read_notebook(text: str, claims: _Collected, path: Path) -> None:
    try:
        cells = json.loads(text)["cells"]
        outputs = [(n, output) for n, cell in enumerate(cells) for output in cell.get("outputs", ())]
        texts = [
            (n, "".join(output.get("text") or output.get("data", {}).get("text/plain", ()))) for n, output in outputs
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{path}: is no notebook of Jupyter (version 4); save it again in Jupyter") from None
    for number, output in texts:
        if output.startswith(("'", '"')) and "\\n" in output:  # the repr of a report
            output = output[1:-1].replace("\\n", "\n")
        _read_text(output, claims, f"cell {number}")
        lines = re.findall(r"(?m)^\s*(?:test |overall )?accuracy\s*[:=]\s*([\d.]+\s*%?)\s*$", output, re.IGNORECASE)
        for line in lines:
            claims.add("accuracy", line, f"cell {number}")


def _read_tables(text: str, claims: _Collected, source: str) -> None:
    """Read Markdown and LaTeX tables."""
    markdown: list[list[str]] = []
    tables = []
    for line in [*text.splitlines(), ""]:
        if line.strip().startswith("|"):
            markdown.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif markdown:
            tables.append([row for row in markdown if not all(re.fullmatch(r":?-+:?", cell) for cell in row)])
            markdown = []
    for body in re.findall(r"\\begin\{tabular\*?\}.*?\n(.*?)\\end\{tabular\*?\}", text, re.DOTALL):
        body = _RULES.sub("", body)
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in re.split(r"\\\\", body)]
        tables.append([row for row in rows if any(row)])
    for number, rows in enumerate(tables, 1):
        _read_rows(rows, claims, f"{source}, table {number}")


def _read_rows(rows: list[list[str]], claims: _Collected, source: str) -> None:
    """Read one table: a confusion matrix, with names or without, or rows of classes or models under named metrics."""
    plain = [[_TAGS.sub(lambda match: match.group(1) or "", cell).strip() for cell in row] for row in rows if any(row)]
    if not plain:
        return
    if claims.add_matrix(plain, (), source):
        return
    head, body = plain[0], plain[1:]
    if claims.add_matrix(body, head, source):
        return
    if claims.add_matrix([row[1:] for row in body], [row[0] for row in body if row], source):
        return
    metrics = [canonical_metric(re.sub(r"\s*[\[(]?\\?%[\])]?\s*", "", cell)) for cell in head]
    for row in body:
        if not row or len(row) != len(head):
            continue
        first = row[0].lower()
        average = re.fullmatch(r"(macro|micro|weighted|samples)(?: avg| average| mean)?", first)
        by_class = head[0].lower() in ("class", "emotion", "expression", "label", "")
        for metric, head_cell, written in zip(metrics[1:], head[1:], row[1:], strict=True):
            is_read = metric in (*_RATES, "accuracy", "specificity", "n_images") or metric.split("_")[0] in (
                "macro", "micro", "weighted",
            )  # fmt: skip
            if not is_read:
                continue
            if "%" in head_cell and not written.endswith("%"):
                written += "%"
            if average and metric in _RATES:
                claims.add(f"{average.group(1)}_{metric}", written, source)
            elif first in ("total", "all", "overall", "accuracy"):
                claims.add("accuracy" if first == "accuracy" and metric == "recall" else metric, written, source)
            elif by_class and not average:
                claims.add(metric, written, source, row[0])
            elif not average:
                claims.add(metric, written, source, model=row[0])
