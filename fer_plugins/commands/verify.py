"""``fer verify``: compares every claim of a run's plug-in with the measured value, and gives a verdict."""

from __future__ import annotations

import json

import click

from fer_plugins.commands.usage import verb


@verb()
@click.argument("runs", nargs=-1, type=click.Path(), metavar="RUN...")
@click.option("--all", "everything", is_flag=True, help="Include claims that the run does not measure.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(runs: tuple[str, ...], *, everything: bool, as_json: bool) -> None:
    """Compare each claim of the paper with the measured value, and give a verdict.

    If a paper does not state its split, give runs under several protocols to see under which its claims could hold.
    """
    from fer_plugins.analysis.measured_claim import sum_up_splits
    from fer_plugins.analysis.verdict_report import print_splits, print_verdicts
    from fer_plugins.analysis.verdicts import verify_run
    from fer_plugins.runs.read_runs import read_runs
    from fer_plugins.runs.result_table import result_console

    reports = [verify_run(run) for run in read_runs(runs)]
    if as_json:
        print(json.dumps(reports, indent=2))
        return
    for report in reports:
        print_verdicts(result_console(), report, everything=everything)
    print_splits(result_console(), sum_up_splits(reports))
