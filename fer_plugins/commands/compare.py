"""``fer compare``: are runs distinguishable, network by network on the same samples, and model by model over seeds."""

from __future__ import annotations

import json

import click

from fer_plugins.commands.usage import refuse, verb


@verb()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="RUN...")
@click.option("--classes", is_flag=True, help="Also: are the classes of a run equally hard?")
@click.option("--evaluated", metavar="NAME[,NAME]", help="Figures of fer evaluate, as shift.zero.consistency.")
@click.option("--target", metavar="DATASET", help="The scores on another dataset, one of data.targets.")
@click.option("--without-copies", is_flag=True, help="Leave out images that have a copy in training.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(
    runs: tuple[str, ...],
    *,
    classes: bool,
    evaluated: str | None,
    target: str | None,
    without_copies: bool,
    as_json: bool,
) -> None:
    """Compare runs by paired tests on the same samples, and over seeds."""
    names = [name for name in (evaluated or "").split(",") if name]
    if evaluated and not names:
        refuse("--evaluated takes figures of fer evaluate, as in --evaluated shift.zero.consistency")
    if evaluated and target:
        refuse("--evaluated: fer evaluate measures no data.targets; leave --target out")
    if without_copies and target:
        refuse("--without-copies: copies are searched in the data that were trained on; leave --target out")
    if without_copies and evaluated:
        refuse("--without-copies: fer evaluate measures all images; leave --evaluated out")
    from fer_plugins.analysis.compared_runs import compare_runs
    from fer_plugins.analysis.comparison_report import print_comparison
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runs.result_table import result_console

    found = compare_runs(
        read_runs(runs, least=2, target=target or ""), classes=classes, evaluated=names, without_copies=without_copies
    )
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print_comparison(result_console(), found)
