"""Results of ``fer robustness`` for a run, if they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fer_html_report.blocks import Block, Paragraph, Table
from fer_html_report.numbers import rate
from fer_plugins.runs.evaluation_file import FILE, read_evaluation
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.remarks import name_fault
from fer_plugins.runtime.plain_values import shell_word

Values = Mapping[str, Any]


def robustness(run: FinishedRun) -> Iterator[Block]:
    """Yield the tables of evaluation.json, or a note on how to create it.

    Raises:
        InputError: the file is damaged, or of another checkpoint.
    """
    if not (run.record.folder / FILE).is_file():
        yield Paragraph(
            f"Not measured; fer robustness {shell_word(run.name)} measures shifts, noise, covered faces.", "gap"
        )
        return
    evaluation = read_evaluation(run.record)
    plain: Values = evaluation["plain"]  # type: ignore[typeddict-item]
    share = "all" if evaluation["n"] == evaluation["of"] else f"{evaluation['n']:,} of {evaluation['of']:,}"
    yield Paragraph(
        f"Measured on {share} images of {evaluation['part']}, where the accuracy of the images as they are is "
        f"{rate(plain['accuracy'], plain['intervals']['accuracy'])}. Intervals are those of the images."
    )
    for fault in evaluation.get("not_a_result") or []:
        yield Paragraph(name_fault(fault), "warning")
    for suite, values in evaluation["suites"].items():
        yield from _SUITES[suite](values)
    if ways := evaluation.get("tta"):
        yield _tta(ways, plain)
    for warning in evaluation.get("warnings") or []:
        yield Paragraph(str(warning), "note")


def _value(measured: Values) -> str:
    return rate(measured["value"], measured)


def _shift(values: Values) -> Iterator[Block]:
    titles = {"zero": "Shifted, black comes in", "crop": "Shifted by crops of the enlarged image, no border comes in"}
    for way, title in titles.items():
        figure = values[way]
        rows = [
            [
                distance,
                _value(same),
                _value(figure["probability_change"][distance]),
                _value(figure["accuracy"][distance]),
            ]
            for distance, same in figure["consistency"].items()
        ]
        note = f"Two positions out of 81 agree: {_value(figure['consistency_of_pairs'])}."
        yield Table(title, ["Pixels", "same class predicted", "change of p", "accuracy"], rows, note=note)


def _corruption(values: Values) -> Iterator[Block]:
    rows = [
        [
            name,
            *(f"{figure['accuracy']['value']:.3f}" for figure in kind["severities"]),
            _value(kind["mean"]),
            _value(kind["drop"]),
        ]
        for name, kind in values["kinds"].items()
    ]
    rows.append(["all kinds", *[""] * 5, _value(values["mean"]), _value(values["drop"])])
    yield Table("Corrupted: accuracy by severity", ["Kind", *map(str, range(1, 6)), "mean", "drop"], rows)


def _occlusion(values: Values) -> Iterator[Block]:
    rows = [
        [name, *(_value(cover[quantity]) for quantity in ("accuracy", "drop", "unchanged"))]
        for name, cover in values["covers"].items()
    ]
    yield Table(f"Covered by {values['fill']}", ["Covered", "accuracy", "drop", "same class predicted"], rows)


def _calibration(values: Values) -> Iterator[Block]:
    fitted = values["fitted_on"]
    title = f"Temperature {values['temperature']:.4f}, fitted on {fitted['n']:,} images of {fitted['part']}"
    rows = [
        [label, *(_value(values[when][name]) for when in ("before", "after", "change"))]
        for name, label in (("ece", "calibration error (ECE)"), ("loss", "loss (nats)"), ("brier", "Brier score"))
    ]
    yield Table(title, ["Score", "before", "after", "change"], rows)


def _tta(ways: Values, plain: Values) -> Table:
    rows = [["plain", "1", rate(plain["accuracy"], plain["intervals"]["accuracy"]), ""]]
    for name, way in ways.items():
        scores = way["scores"]
        accuracy = rate(scores["accuracy"], scores["intervals"]["accuracy"])
        rows.append([name, str(way["views"]), accuracy, _value(way["accuracy_gain"])])
    return Table("Test-time augmentation", ["Views", "number", "accuracy", "gain"], rows)


_SUITES: Mapping[str, Callable[[Values], Iterator[Block]]] = {
    "shift": _shift,
    "corruption": _corruption,
    "occlusion": _occlusion,
    "calibration": _calibration,
}
