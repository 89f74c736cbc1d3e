"""``fer compare``: tests of runs on the same samples, over seeds and over datasets, or a diagram of their ranks."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import click

from fer_plugins.commands.figure_file import figure_file
from fer_plugins.commands.usage import refuse, verb
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARGIN = 1.0  # points


@verb()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="RUN...")
@click.option("--classes", is_flag=True, help="Also test classes within each run (one is enough): ANOVA, Wilcoxon.")
@click.option(
    "--median",
    type=click.FloatRange(0, 1),
    metavar="RECALL",
    help="With --classes: recall under the null hypothesis; default: chance.",
)
@click.option(
    "--evaluated", metavar="NAME[,NAME]", help="Compare results of fer robustness, such as shift.zero.consistency."
)
@click.option("--target", metavar="DATASET", help="Scores on another dataset, one of data.targets.")
@click.option("--without-copies", is_flag=True, help="Leave out images that have a copy in training.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 100, min_open=True),
    default=_MARGIN,
    show_default=True,
    metavar="POINTS",
    help="Equivalence margin.",
)
@click.option("--pairs", is_flag=True, help="With three or more models: also list every run and pair.")
@click.option("--cd", metavar="FILE", help="Only draw the critical-difference diagram, like fer figures --cd.")
@click.option("--score", metavar="NAME", help="With --cd: a metric; default: accuracy.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    runs: tuple[str, ...],
    *,
    classes: bool,
    median: float | None,
    evaluated: str | None,
    target: str | None,
    without_copies: bool,
    margin: float,
    pairs: bool,
    cd: str | None,
    score: str | None,
    as_json: bool,
) -> None:
    """Compare runs by paired tests on the same samples, over seeds, and over datasets."""
    names = [name for name in (evaluated or "").split(",") if name]
    if evaluated and not names:
        refuse("--evaluated takes figures of fer robustness, as in --evaluated shift.zero.consistency")
    for name, value in (("--margin", margin), ("--median", median)):
        if value is not None and math.isnan(value):
            refuse(f"{name} nan is not a number; give one, as in {name} 0.5")
    if median is not None and not classes:
        refuse("--median belongs to --classes; add it, or leave --median out")
    if evaluated and target:
        refuse("--evaluated: fer robustness measures no data.targets; leave --target out")
    if without_copies and target:
        refuse("--without-copies: copies are searched in the data that were trained on; leave --target out")
    if without_copies and evaluated:
        refuse("--without-copies: fer robustness measures all images; leave --evaluated out")
    if cd is not None:
        without_diagram = {
            "--classes": classes,
            "--evaluated": evaluated,
            "--target": target,
            "--without-copies": without_copies,
            "--margin": margin != _MARGIN,
            "--pairs": pairs,
            "--json": as_json,
        }
        if idle := [name for name, value in without_diagram.items() if value]:
            refuse(f"--cd draws the diagram alone; leave {' and '.join(idle)} out")
        return _draw_diagram(runs, cd, score or "accuracy")
    if score is not None:
        refuse("--score belongs to --cd; add it, or leave --score out")
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runs.result_table import result_console
    from fer_run_comparison.compared_datasets import compare_datasets
    from fer_run_comparison.page import print_comparisons

    if len(runs) == 1 and not classes:
        raise InputError(
            "1 run is given, at least 2 are needed; name the folders of finished runs, or test its classes: "
            f"fer compare {shell_word(runs[0])} --classes"
        )
    comparison = compare_datasets(
        read_runs(runs, target=target or ""),
        margin,
        classes=classes,
        median=median,
        evaluated=names,
        without_copies=without_copies,
    )
    if as_json:
        print(json.dumps(comparison, indent=2))
    else:
        print_comparisons(result_console(), comparison, pairs=pairs)


def _draw_diagram(runs: Sequence[str], file: str, score: str) -> None:
    from fer_plugins.analysis.figures import require_matplotlib

    require_matplotlib()
    from fer_plugins.analysis.figures.style import drawing, write_figure
    from fer_plugins.metrics.installed import all_metrics
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runs.result_table import format_p
    from fer_run_comparison.compared_datasets import rank_over_blocks
    from fer_run_comparison.critical_difference import draw_critical_difference

    folder, stem = figure_file("--cd", file)
    tests = rank_over_blocks(read_runs(runs), score)
    over = f"{all_metrics()[score].label}, mean ranks over {len(tests['blocks'])} {tests['kind']}"
    with drawing():
        figure = draw_critical_difference(tests, f"{over}; Friedman p {format_p(tests['friedman']['p'])}")
    print(*write_figure(figure, folder, stem))
