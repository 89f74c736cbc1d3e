"""``fer table``: one row per model, grouping its seeds, with the papers' numbers."""

from __future__ import annotations

import sys

import click

from fer_plugins.commands.usage import Name, verb


@verb()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="RUN...")
@click.option("--format", "form", type=Name(["md", "csv", "tex"]), default="md", help="Output format; default: md.")
@click.option("--columns", metavar="NAME[,NAME]", help="Columns, see above; default: accuracy,f1.")
@click.option("--quoted", is_flag=True, help="Add the values that papers quote for other models, marked as quoted.")
@click.option("--target", metavar="DATASET", help="Scores on another dataset, one of data.targets.")
def table(runs: tuple[str, ...], *, form: str, columns: str | None, quoted: bool, target: str | None) -> None:
    """Print a table with one row per model, beside the papers' claims.

    A column is a metric (on the reported split), SPLIT/METRIC, SPLIT/METRIC/CLASS, gap/METRIC (train minus test), a
    rate that papers define in several ways (gar, far, frr; one column per definition), or one of epochs, best_epoch,
    epoch_time, train_time, params, macs, flops, mb, latency.

    A run without a single score (folds that test samples twice) is left out, with a note below the table.
    """
    from fer_plugins.analysis.columns import DEFAULT, parse_columns
    from fer_plugins.analysis.quoted_claims import readings_of_papers
    from fer_plugins.analysis.table_formats import format_table
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
    wanted = parse_columns(columns.split(",") if columns is not None else DEFAULT, readings_of_papers(scored))
    print(format_table(form, scored, wanted, quoted=quoted), end="")
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
