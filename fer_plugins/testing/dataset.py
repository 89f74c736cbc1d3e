"""The contract of ``fer_plugins.datasets``."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

import numpy as np

from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError, first_line
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings, listed, name_of


def check_dataset(dataset: Any) -> None:
    """Check a dataset: classes, table, images, repeatable access, pickling and optional attributes.

    Args:
        dataset: the dataset returned by the factory, not the factory.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("dataset", dataset)
    with kept_generators():
        seed_generators(0)
        classes = _check_classes(findings, dataset)
        table = _check_table(findings, dataset, classes) if classes else None
        if table is not None:
            for index in _some_rows(table):
                _check_image(findings, dataset, index)
            if "images are read" not in findings:
                _check_repeatable(findings, dataset, table)
        _check_optional_members(findings, dataset)
    findings.report()


def _check_classes(findings: Findings, dataset: Any) -> list[str]:
    rule, remedy = "classes are names", "list the class names as words, in label order"
    classes = findings.attempt(lambda: dataset.classes, rule, "reading .classes", remedy)
    if isinstance(classes, Failed):
        return []
    if isinstance(classes, str) or not isinstance(classes, Iterable) or not list(classes):
        findings.add(rule, f"classes is {classes!r}", remedy)
        return []
    names = list(classes)
    wrong = [name for name in names if not (isinstance(name, str) and any(letter.isalpha() for letter in name))]
    findings.require(not wrong, rule, f"{listed(map(repr, wrong))} among them", remedy)
    findings.require(
        len(set(names)) == len(names), "classes are unique", f"classes is {names}", "map synonyms to one name"
    )
    return [str(name) for name in names]


def _check_table(findings: Findings, dataset: Any, classes: list[str]) -> SampleTable | None:
    rule, remedy = (
        "table",
        "give columns of one length: label, source, and what is known of split, subject, sequence, votes",
    )
    columns = findings.attempt(lambda: dataset.table, rule, "reading .table", remedy)
    if isinstance(columns, Failed):
        return None
    try:
        table = SampleTable.from_columns(columns, classes, f"dataset {name_of(dataset)}")
    except InputError as error:
        findings.add(rule, str(error), remedy)
        return None
    except Exception as error:  # for example not a mapping, or columns that are not sequences
        findings.add(rule, first_line(error), remedy)
        return None
    kind = np.asarray(columns["label"]).dtype
    findings.require(
        kind.kind in "iu",
        "labels are whole numbers",
        f"the column label holds {kind}",
        "map each label by its name: classes.index(name)",
    )
    _check_classes_have_images(findings, table, classes)
    return table


def _check_classes_have_images(findings: Findings, table: SampleTable, classes: list[str]) -> None:
    """Check that every class has training images; otherwise no protocol could train, although all else is valid."""
    remedy = "leave the class out of .classes and number the others again, or give it images"
    empty = [name for number, name in enumerate(classes) if not (table.label == number).any()]
    findings.require(not empty, "every class has images", f"none of {listed(empty)}", remedy)
    if table.split is None:
        return
    training = table.label[table.split == "train"]
    untrained = [name for number, name in enumerate(classes) if name not in empty and not (training == number).any()]
    observed = f"none of {listed(untrained)} lies in split train"
    findings.require(
        not untrained or not len(training),
        "every class has training images",
        observed,
        "move some there, or leave it out",
    )


def _check_image(findings: Findings, dataset: Any, index: int) -> None:
    image = findings.attempt(
        lambda: dataset[index], "images are read", f"dataset[{index}]", "serve every row of the table"
    )
    if isinstance(image, Failed):
        return
    if not isinstance(image, np.ndarray):
        observed = f"dataset[{index}] is a {type(image).__name__}"
    elif image.dtype != np.uint8:
        observed = f"dataset[{index}] is {image.dtype}"
    elif image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        observed = f"dataset[{index}] has shape {image.shape}"
    else:
        return
    remedy = "return a numpy array of uint8, height x width x channels, with 1 or 3 channels"
    findings.add("images are uint8 HxWxC", observed, remedy)


def _check_repeatable(findings: Findings, dataset: Any, table: SampleTable) -> None:
    """Read images again in another order and with another seed, then the table, and the images of a pickled copy."""
    rows = _some_rows(table)
    first = {row: np.array(dataset[row]) for row in rows}
    seed_generators(1)
    rule, remedy = (
        "images are repeatable",
        "draw nothing at random after construction, or from a generator seeded by the row",
    )
    changed = findings.attempt(lambda: _other_pixels(dataset, first), rule, "reading them again", remedy)
    if not isinstance(changed, Failed):
        findings.require(not changed, rule, f"rows {listed(changed)} give other pixels the second time", remedy)
    rule, remedy = "table is repeatable", "fix the order of rows, and build the table once"
    again = findings.attempt(
        lambda: SampleTable.from_columns(dataset.table, list(dataset.classes), "dataset"),
        rule,
        "reading it again",
        remedy,
    )
    if not isinstance(again, Failed):
        columns = dict(again.columns())
        moved = [name for name, column in table.columns() if name not in columns or not _same(column, columns[name])]
        findings.require(not moved, rule, f"{listed(moved)} changed", remedy)
    copied = findings.attempt(
        lambda: _other_pixels(pickle.loads(pickle.dumps(dataset)), first),
        "picklable",
        "pickling it and reading from the copy",
        "open files when they are read; keep no open file, lambda or lock",
    )
    if not isinstance(copied, Failed) and not changed:
        observed = f"rows {listed(copied)} of its copy give other pixels"
        findings.require(not copied, "picklable", observed, "keep all state in attributes")


def _some_rows(table: SampleTable) -> list[int]:
    return sorted({0, len(table) // 3, len(table) // 2, len(table) - 1})


def _other_pixels(dataset: Any, expected: dict[int, Any]) -> list[str]:
    """Return the rows, last first, whose images differ from the expected ones."""
    return [str(row) for row in reversed(expected) if not np.array_equal(expected[row], dataset[row])]


def _same(column: Any, expected: Any) -> bool:
    return bool(np.array_equal(column, expected, equal_nan=column.dtype.kind == "f"))


def _check_optional_members(findings: Findings, dataset: Any) -> None:
    for name, meaning in (("title", "the name in papers"), ("cache_key", "a hash of content and options")):
        rule, remedy = f"{name} is text", f"make it {meaning}, or leave it out"
        values = findings.attempt(
            lambda n=name: [getattr(dataset, n, None) for _ in range(2)],  # type: ignore[misc]  # bound per turn
            rule,
            f"reading .{name}",
            remedy,
        )
        if isinstance(values, Failed) or values == [None, None]:
            continue
        findings.require(isinstance(values[0], str) and values[0] != "", rule, f"it is {values[0]!r}", remedy)
        findings.require(
            values[0] == values[1],
            f"{name} is repeatable",
            "it changes from one reading to the next",
            "derive it from the content and the options alone",
        )
    rule, remedy = "notes are sentences", "make it a list of strings"
    notes = findings.attempt(lambda: getattr(dataset, "notes", []), rule, "reading .notes", remedy)
    if not isinstance(notes, Failed):
        holds = isinstance(notes, list | tuple) and all(isinstance(note, str) for note in notes)
        findings.require(holds, rule, f"notes is {notes!r}", remedy)
