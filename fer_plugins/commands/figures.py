"""``fer figures``: figures of a run's record, augmentation and network, and bar charts of several runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_plugins.commands.figure_file import figure_file
from fer_plugins.commands.figure_sheets import augmentation_sheet, explained_sheet, samples_sheet
from fer_plugins.commands.installed_verbs import fer_verbs
from fer_plugins.commands.usage import Name, invoke, refuse, verb
from fer_plugins.config.installed_commands import require_verb

if TYPE_CHECKING:
    from fer_plugins.analysis.figures.recorded import Drawn

_COMPARISON = "compare"  # verb of a plug-in that ranks models


@verb()
@click.argument("runs", nargs=-1, required=True, type=click.Path(), metavar="RUN...")
@click.option("--bars", metavar="FILE", help="Bar chart of models by dataset, with the papers' claims.")
@click.option("--cd", metavar="FILE", help="Critical-difference diagram over datasets, folds or seeds.")
@click.option(
    "--score", metavar="NAME", help="With --bars: a column of fer table; with --cd: a metric. Default: accuracy."
)
@click.option("--quoted", is_flag=True, help="With --bars: add the values that papers quote for other models.")
@click.option(
    "--augmentation", is_flag=True, help="A training image and 15 augmented versions; RUN may be a FILE.yaml."
)
@click.option("--samples", is_flag=True, help="Sample images of each training class; RUN may be a FILE.yaml.")
@click.option(
    "--images", is_flag=True, help="With --samples: confirm that the dataset's licence lets you show its images."
)
@click.option(
    "--out",
    type=click.Path(),
    metavar="FOLDER",
    help="Output folder of --augmentation and --samples; default: the run's.",
)
@click.option(
    "--explain", is_flag=True, help="Attention, warped images and maps that the network's explain(x) returns."
)
@click.option(
    "--split",
    "--part",
    type=Name(["val", "test", "train"]),
    help="Split to draw; default: the reported one (with --explain: val).",
)
def figures(
    runs: tuple[str, ...],
    *,
    bars: str | None,
    cd: str | None,
    score: str | None,
    quoted: bool,
    augmentation: bool,
    samples: bool,
    images: bool,
    out: str | None,
    explain: bool,
    split: str | None,
) -> None:
    """Draw figures of a run as PNG and SVG, and list those that cannot be drawn.

    By default: curves, confusion matrices, scores by class, calibration, ROC and class distribution.
    """
    kinds = {
        "--bars": bars is not None,
        "--cd": cd is not None,
        "--augmentation": augmentation,
        "--samples": samples,
        "--explain": explain,
    }
    chosen = [name for name, value in kinds.items() if value]
    if len(chosen) > 1:
        refuse(f"{' and '.join(chosen)}: give one of them")
    belong: tuple[tuple[str, object, tuple[str, ...]], ...] = (
        ("--score", score, ("--bars", "--cd")),
        ("--quoted", quoted or None, ("--bars",)),
        ("--out", out, ("--augmentation", "--samples")),
        ("--images", images or None, ("--samples",)),
    )
    for name, value, owners in belong:
        if value is not None and not set(owners) & set(chosen):
            refuse(f"{name} belongs to {' or '.join(owners)}; add it, or leave {name} out")
    if split is not None and chosen and not explain:
        refuse(f"--split goes with --explain and with the figures of one run; leave it or {chosen[0]} out")
    if samples and not images:
        refuse(
            "--samples shows images of the dataset, which many licences forbid to pass on; add --images to draw them"
        )
    from fer_plugins.analysis.figures import require_matplotlib

    require_matplotlib()
    if cd is not None:
        _critical_difference(runs, cd, score)
        return
    from fer_plugins.analysis.figures.recorded import draw_recorded, read_recorded

    if bars is not None:
        _bars(runs, bars, score or "accuracy", quoted=quoted)
    elif augmentation:
        _write([augmentation_sheet(word, out) for word in runs])
    elif samples:
        _write([samples_sheet(word, out) for word in runs])
    elif explain:
        _write([explained_sheet(word, split or "val") for word in runs])
    else:
        from fer_plugins.runs.packed_predictions import figures_folder

        recorded = [read_recorded(word, split or "") for word in runs]  # read all folders before drawing anything
        _write((figures_folder(run.record.folder), draw_recorded(run)) for run in recorded)


def _write(sheets: Iterator[tuple[Path, Iterator[Drawn]]] | Sequence[tuple[Path, Iterator[Drawn]]]) -> None:
    from fer_plugins.analysis.figures.style import write_figure

    for folder, files in sheets:
        for name, figure, reason in files:
            if figure is None:
                print(f"{folder.parent}: no {name}: {reason}")
                continue
            print(*write_figure(figure, folder, name))


def _bars(runs: Sequence[str], file: str, score: str, *, quoted: bool) -> None:
    from fer_plugins.analysis.claims.claims_beside import CLAIMED
    from fer_plugins.analysis.columns import parse_columns
    from fer_plugins.analysis.figures.bars import draw_bars
    from fer_plugins.analysis.figures.style import drawing, write_figure
    from fer_plugins.analysis.model_table import table_rows
    from fer_plugins.analysis.quoted_claims import readings_of_papers
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runtime.notices import code_of

    folder, stem = figure_file("--bars", file)
    finished = read_runs(runs)
    columns = parse_columns(score.split(","), readings_of_papers(finished))
    rows = table_rows(finished, columns, quoted=quoted)
    for column in columns:  # a name of several scores has one figure per score
        name = stem if len(columns) == 1 else f"{stem}_{column.key.replace('/', '_')}"
        with drawing():
            figure = draw_bars(rows, column)
        print(*write_figure(figure, folder, name))
    about: dict[str, list[str]] = {}  # remark -> models that it applies to
    for row in rows:
        for remark in row["remarks"]:
            if code_of(remark) != CLAIMED or {column.key for column in columns} & set(remark.data["scores"]):
                about.setdefault(str(remark), []).append(f"{row['model']}, {row['dataset']}")
    for text, models in about.items():
        print(f"{'; '.join(dict.fromkeys(models))}: {text}" if len(models) < len(rows) else text)


def _critical_difference(runs: Sequence[str], file: str, score: str | None) -> None:
    """Draw the diagram with the verb of a plug-in that compares runs."""
    figure_file("fer figures: --cd", file)
    require_verb("--cd", _COMPARISON)
    invoke(fer_verbs, "fer", [_COMPARISON, *runs, "--cd", file, *(["--score", score] if score else [])])
