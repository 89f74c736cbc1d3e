"""The page: one chapter per run, preceded by a comparison if there are several, rendered by a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import jinja2
import numpy as np
import numpy.typing as npt

from fer_html_report import claims, data, errors, facts, robustness, scores
from fer_html_report.blocks import Block, Chapter, Charts, Headline, Paragraph, Section
from fer_html_report.comparison import compare
from fer_html_report.numbers import count, rate, span
from fer_plugins.analysis.figures.recorded import name_run, recall
from fer_plugins.metrics.cluster_keys import describe_unit, interval_of
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.without_copies import recorded_without_copies
from fer_plugins.runtime.errors import InputError

MOST_BYTES = 2_800_000  # of charts; with the tables the page stays below 3 MB
Images = Mapping[str, npt.NDArray[np.uint8]]


def build(runs: Sequence[FinishedRun], images: Sequence[Images | None]) -> list[Chapter]:
    """Return the chapters of a page.

    Args:
        runs: at least one.
        images: for each run, the images of its most confident errors, None if not requested.

    Raises:
        InputError: a run's record is damaged.
    """
    chapters = [compare(runs)] if len(runs) > 1 else []
    for number, (run, pictures) in enumerate(zip(runs, images, strict=True), 1):
        chapters.append(_chapter(run, f"run{number}", pictures))
    return _fit(chapters)


def write(chapters: Sequence[Chapter], form: Literal["html", "md"], *, unfolded: bool = False) -> str:
    """Return the page as HTML or Markdown; ``unfolded``: with all collapsed parts open, for printing."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer_html_report"),
        autoescape=form == "html",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _markdown_cell
    single = len(chapters) == 1
    title = chapters[0].title if single else f"Comparison of {len(chapters) - 1} runs"
    return environment.get_template(f"report.{form}.jinja").render(
        title=title, chapters=chapters, single=single, unfolded=unfolded, version=version("fer-plugins")
    )


def _chapter(run: FinishedRun, name: str, images: Images | None) -> Chapter:
    recorded = recall(run.record, run.split, run.predictions.to_predictions())
    sections: list[tuple[str, str, Callable[[], Iterable[Block]]]] = [
        ("scores", "Scores", lambda: scores.overall(run, recorded)),
        ("claims", "Claims of the paper", lambda: claims.claims(run)),
        ("classes", "Each class", lambda: scores.classes(run, recorded)),
        ("confusion", "Confusion matrix", lambda: scores.confusion(run, recorded)),
        ("curves", "Training", lambda: scores.curves(run, recorded)),
        ("calibration", "Calibration", lambda: scores.calibration(run, recorded)),
        ("robustness", "Robustness", lambda: robustness.robustness(run)),
        ("errors", "Most confident errors", lambda: errors.confident_errors(run, images)),
        ("run", "What was run", lambda: facts.what_was_run(run)),
        ("protocol", "Protocol", lambda: facts.protocol(run)),
        ("data", "Data and copies", lambda: data.data(run, recorded)),
        ("seeds", "Seeds", lambda: facts.seeds(run)),
        ("faults", "Faults and warnings", lambda: facts.faults(run)),
        ("cost", "Cost", lambda: facts.cost(run)),
        ("repeat", "How to repeat it", lambda: facts.repeat(run)),
    ]
    manifest = run.record.manifest
    title = name_run(replace(run.record, metrics={}, manifest={**manifest, "not_a_result": ""}))
    seed = "not known" if run.known_seed is None else run.seed
    return Chapter(
        name,
        f"{title}, seed {seed}",
        _lead(run),
        facts.alarms(run),
        _headlines(run),
        [Section(key, title, _guarded(make)) for key, title, make in sections],
    )


def _guarded(make: Callable[[], Iterable[Block]]) -> list[Block]:
    """Return the blocks of a section, or what is missing in its record: an older version recorded less."""
    blocks: list[Block] = []
    try:
        blocks.extend(make())
    except InputError as error:
        blocks.append(Paragraph(f"Cannot be shown: {error}.", "gap"))
    except KeyError as error:
        blocks.append(Paragraph(f"Cannot be shown in full: this version of the run did not record {error}.", "gap"))
    return blocks


def _lead(run: FinishedRun) -> str:
    manifest = run.record.manifest
    facts = [
        f"{count(run.scores['n'])} images of {run.split}",
        f"protocol {manifest['protocol']['name']}",
        f"split {', '.join(run.split_hash)}",
        f"data {manifest['data']['fingerprint']}",
    ]
    commit = manifest.get("git")
    return " · ".join([*facts, f"commit {commit[:12]}"] if commit else facts)


def _headlines(run: FinishedRun) -> list[Headline]:
    def headline(label: str, source: Mapping[str, Any], metric: str) -> Headline:
        interval, unit = interval_of(source, metric), describe_unit(source)
        ends = span(interval) if interval else "interval: none"
        if unit == "over images":
            ends, unit = span(interval) if interval else "", ""
        return Headline(label, rate(source.get(metric)), f"{ends} {unit}".strip())

    shown = [headline("Accuracy", run.scores, "accuracy")]
    less = recorded_without_copies(run)
    if less is not None:
        shown.append(headline("Accuracy without copies", less.scores, "accuracy"))
    return [*shown, headline("Macro F1", run.scores, "f1")]


def _fit(chapters: Sequence[Chapter]) -> list[Chapter]:
    """Leave out the charts of the last runs if the page would be too large, with a note."""
    size, fitted = 0, []
    for chapter in chapters:
        charts = sum(len(chart.svg) for section in chapter.sections for block in section.blocks
                     if isinstance(block, Charts) for chart in block.charts)  # fmt: skip
        size += charts
        if size > MOST_BYTES:
            sections = [
                replace(
                    section, blocks=[block if not isinstance(block, Charts) else _LEFT_OUT for block in section.blocks]
                )
                for section in chapter.sections
            ]
            chapter, size = replace(chapter, sections=sections), size - charts
        fitted.append(chapter)
    return fitted


_LEFT_OUT = Paragraph(
    "The charts are left out: the page would be larger than 3 MB. A page of this run has them.", "gap"
)


def _markdown_cell(text: object) -> str:
    """Escape text so that Markdown does not interpret it as markup."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_[]<>|#$~" else letter for letter in str(text))
    return " ".join(escaped.replace("&", "&amp;").split())
