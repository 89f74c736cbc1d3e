"""The paper's claims compared with the run's measurements, with verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fer_html_report.blocks import Block, Fold, Paragraph, Table
from fer_html_report.numbers import NONE, rate
from fer_plugins.analysis.verdicts import NOT_COMPARABLE, verify_run
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError

# The verdict comes early: a phone shows only the first columns of a wide table.
_HEAD = ["Claim", "Verdict", "Printed", "Measured", "Without copies", "Points", "Source"]
_WORDS = frozenset({1, 6})


def claims(run: FinishedRun) -> Iterator[Block]:
    """Yield the claims that the run measures, with verdicts and their conditions; all other claims are collapsed."""
    try:
        report = verify_run(run)
    except InputError as error:
        yield Paragraph(f"No claims: {str(error).replace(str(run.record.folder), run.name)}.", "gap")
        return
    rows = report["claims"]
    measured = [row for row in rows if row["measured"] is not None]
    counted = Counter(row["verdict"] for row in measured)
    if not measured:
        of = f" of {report['model']}" if report["model"] else ""
        yield Paragraph(f"The paper prints {len(rows)} numbers, none{of} that this run measures.", "gap")
    else:
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in counted.items())
        yield Paragraph(f"The paper prints {len(rows)} numbers. Measured are {len(measured)}: {verdicts}.")
    for reason in report["against"]:
        yield Paragraph(f"Speaks against every verdict: {reason}", "warning")
    if measured:
        notes = _reasons(measured, report["against"])
        lines = [_cells(row, notes) for row in measured]
        note = "Measured with its 95 % interval over test images; points: measured less printed."
        yield Table("Claims and measurements", _HEAD, lines, _WORDS, note)
        for number, reason in enumerate(notes, 1):
            yield Paragraph(f"[{number}] {reason}", "note")
    if report["conditions"] and any(row["verdict"] != NOT_COMPARABLE for row in measured):
        readings = [Paragraph(condition, "note") for condition in report["conditions"]]
        yield Fold(f"The verdicts depend on these readings ({len(readings)})", readings)
    unmeasured = [row for row in rows if row["measured"] is None]
    if unmeasured:
        lines = [
            [
                _name(row),
                f"{row['model'] or NONE}, {row['dataset'] or NONE}",
                str(row["printed"]),
                "; ".join(row["why"]),
            ]
            for row in unmeasured
        ]
        table = Table(
            "Claims that the run does not measure", ["Claim", "Of", "Printed", "Why"], lines, frozenset({1, 3})
        )
        yield Fold(f"The other claims ({len(unmeasured)})", [table])


def _reasons(rows: Sequence[Mapping[str, Any]], general: Sequence[str]) -> list[str]:
    """Return the reasons for missing verdicts and the conditions of verdicts, without duplicates and general ones."""
    texts = (text for row in rows for text in [*row["why"], row["condition"]])
    return list(dict.fromkeys(str(text) for text in texts if text and text not in general))


def _cells(row: Mapping[str, Any], notes: Sequence[str]) -> list[str]:
    numbers = [str(notes.index(str(text)) + 1) for text in [*row["why"], row["condition"]] if text in notes]
    readings = {reading["reading"]: reading["verdict"] for reading in row["readings"]}
    verdict = row["verdict"]
    if len(set(readings.values())) > 1:
        verdict += (
            f" ({'; '.join(f'as {name}: {verdict_of_reading}' for name, verdict_of_reading in readings.items())})"
        )
    without = row["without_copies"] or {}
    points = NONE if row["difference"] is None else f"{row['difference']:+.2f}"
    marks = f" [{', '.join(dict.fromkeys(numbers))}]" if numbers else ""
    return [
        _name(row),
        f"{verdict}{marks}",
        str(row["printed"]),
        rate(row["measured"], row["interval"]),
        rate(without.get("measured"), without.get("interval")),
        points,
        str(row["source"]),
    ]


def _name(row: Mapping[str, Any]) -> str:
    parts = [row["metric"].replace("_", " "), row["class"], row["protocol"].replace("_", " ")]
    epoch = f"epoch {row['epoch']}" if row["epoch"] is not None else None
    return ", ".join(str(part) for part in (*parts, epoch) if part)
