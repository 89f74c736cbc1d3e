"""``fer table``: one row a model, its seeds grouped, the papers' numbers beside."""

from __future__ import annotations

import sys

import click

from fer_plugins.commands.usage import Name, verb


@verb()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="RUN...")
@click.option("--format", "form", type=Name(["md", "csv", "tex"]), default="md", help="Default: md.")
@click.option("--target", metavar="DATASET", help="The scores on another dataset, one of data.targets.")
def table(runs: tuple[str, ...], *, form: str, target: str | None) -> None:
    """Print a table with a row a model, and the papers' claims beside.

    A run that has no one score (folds that test samples twice) is left out, and that is said beside the table.
    """
    from fer_plugins.analysis.model_table import format_table
    from fer_plugins.runs.predictions_file import NoScore
    from fer_plugins.runs.read_runs import check_folders, read_run

    check_folders(runs)
    scored, left_out = [], []
    for folder in runs:
        try:
            scored.append(read_run(folder, target=target or ""))
        except NoScore as error:
            left_out.append(error)
    if not scored:
        raise left_out[0]
    print(format_table(form, scored), end="")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
