"""Reads Markdown, LaTeX and CSV tables: confusion matrices, and rows of classes or models with named metrics."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal, InvalidOperation

from fer_plugins.analysis.claims.collected import REPORT_RATES, Collected, plain_text
from fer_plugins.analysis.claims.vocabulary import SPLITS, canonical_metric, canonical_split

_RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\})")
_READ = (*REPORT_RATES, "accuracy", "specificity", "n_images")
_MEANS = ("macro", "micro", "weighted")
_CLASS = ("class", "emotion", "expression", "label")
_DATASET = ("dataset", "data set", "database", "data")
_SPLIT = ("split", "set", "subset", "partition")
_TOTAL = ("total", "all", "overall", "accuracy")


def read_tables(text: str, claims: Collected, source: str) -> None:
    """Read the Markdown and LaTeX tables of a text."""
    markdown: list[list[str]] = []
    tables = []
    for line in [*text.splitlines(), ""]:
        if line.strip().startswith("|"):
            markdown.append([cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")])
        elif markdown:
            tables.append([row for row in markdown if not all(re.fullmatch(r":?-+:?", cell) for cell in row)])
            markdown = []
    for body in re.findall(r"\\begin\{tabular\*?\}.*?\n(.*?)\\end\{tabular\*?\}", text, re.DOTALL):
        body = _RULES.sub("", body)
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in re.split(r"\\\\", body)]
        tables.append([row for row in rows if any(row)])
    for number, rows in enumerate(tables, 1):
        read_rows(rows, claims, f"{source}, table {number}")


def read_rows(rows: list[list[str]], claims: Collected, source: str) -> None:
    """Read one table: a confusion matrix, with or without class names, or rows of classes or models with named metrics.

    A column "Dataset" or "Split" gives the dataset or split of a row. Text in any other column without numbers of its
    own (a variant, a fold) becomes part of the name of the row's model. A name that occurs twice denotes two models.
    """
    claims.next_place()
    plain = [[plain_text(cell) for cell in row] for row in rows if any(row)]
    if not plain:
        return
    head, body = plain[0], plain[1:]
    metrics = [
        canonical_metric(re.sub(r"^\\?#\s*|^(?:no\.?|number) of |\s*[\[(]?\\?%[\])]?\s*", "", cell)) for cell in head
    ]
    read = [place for place, metric in enumerate(metrics) if metric in _READ or metric.partition("_")[0] in _MEANS]
    if read:
        _read_named(head, [row for row in body if len(row) == len(head)], metrics, read, claims, source)
    elif not claims.add_matrix(plain, (), source) and not claims.add_matrix(body, head, source):
        claims.add_matrix([row[1:] for row in body], [row[0] for row in body if row], source)


def _read_named(
    head: list[str], body: list[list[str]], metrics: list[str], read: list[int], claims: Collected, source: str
) -> None:
    names = [cell.lower() for cell in head]
    of_class = next((place for place, name in enumerate(names) if name in _CLASS), None)
    if of_class is None and 0 not in read and names[0] == "":
        of_class = 0
    of_dataset = next((place for place, name in enumerate(names) if name in _DATASET and place != of_class), None)
    of_split = next((place for place, name in enumerate(names) if name in _SPLIT and place != of_class), None)
    texts = [place for place in range(len(head)) if place not in (*read, of_class, of_dataset, of_split)]
    if of_class is not None:  # parameters or images in the row of a class are not part of the model's name
        texts = [place for place in texts if not all(_is_number(row[place]) for row in body if row[place])]
    percent = {place: "%" in head[place] or _is_percent([row[place] for row in body]) for place in read}
    repeated = {place: metrics[:place].count(metrics[place]) for place in read}
    times: Counter[tuple[str, ...]] = Counter()
    for row in body:
        class_name = row[of_class] if of_class is not None else ""
        dataset, split = (row[place] if place is not None else None for place in (of_dataset, of_split))
        known_split = canonical_split(split) if split else None
        texts_of_row = [row[place] for place in texts if row[place]]
        if split and known_split not in SPLITS:
            texts_of_row.append(split)
        model = ", ".join(texts_of_row)
        subject = (model, class_name, dataset or "", split or "")
        times[subject] += 1
        for place in read:
            written = row[place] + ("%" if percent[place] and not row[place].endswith("%") else "")
            more = [f"again {n}" for n in (times[subject] - 1, repeated[place]) if n]
            whose = ", ".join([model, *more]) if model else ", ".join([claims.subject.model, *more] if more else [])
            metric, of = _meaning(metrics[place], class_name)
            if metric:
                claims.add(
                    metric, written, source, of, model=whose or None, dataset=dataset or None,
                    split=str(known_split) if known_split in SPLITS else None,
                )  # fmt: skip


def _meaning(metric: str, class_name: str) -> tuple[str | None, str | None]:
    """Return metric and class of a cell in the row of a class, average or total; metric None: the cell is ignored."""
    average = re.fullmatch(r"(macro|micro|weighted|samples)(?: avg| average| mean)?", class_name.lower())
    if average:
        return (f"{average.group(1)}_{metric}" if metric in REPORT_RATES else None), None
    if class_name.lower() == "accuracy":  # scikit-learn's dictionary repeats it for each rate
        return ("accuracy" if metric == "recall" else None), None
    if class_name.lower() in _TOTAL:
        return metric, None
    return metric, class_name or None


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.,]+\s*\\?%?", cell))


def _is_percent(cells: list[str]) -> bool:
    """Return whether a column of rates has percentages: at least one of them is above 1."""
    for cell in cells:
        try:
            if Decimal(cell.replace(",", "")) > 1:
                return True
        except InvalidOperation:
            continue
    return False
