"""``fer reproduce``: repeats the training of a kept record and compares the results."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from fer_plugins.commands.settings import SettingsVerb
from fer_plugins.runtime import activity


@click.command("reproduce", cls=SettingsVerb, sections=["data", "trainer", "logger"])
@click.argument("record", type=click.Path(), metavar="RECORD")
@click.option(
    "--out", default="runs", type=click.Path(), metavar="FOLDER", help="Folder for the new run; default: runs."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def reproduce(record: str, *, out: str, as_json: bool, flags: dict[str, Any]) -> int:
    """Train a kept record again, and compare: bit for bit, or within its interval.

    Takes the settings that do not affect a result, such as --data.root PATH. The exit code is 1 if the new accuracy
    lies outside the record's 95 % interval.
    """
    with activity.watched(sys.stderr if as_json else sys.stdout):
        from fer_plugins.experiments.reproduce import NOT_REPRODUCED
        from fer_plugins.experiments.reproduce import reproduce as train_again

        comparison = train_again(record, flags, out)
    if as_json:
        print(json.dumps(comparison, indent=2))
    else:
        before, now = comparison["accuracy"]
        low, high = comparison["interval"]["low"], comparison["interval"]["high"]
        print(f"{comparison['verdict']}: accuracy {now:.4f}, in the record {before:.4f} [{low:.4f}, {high:.4f}]")
        print(f"the same class is predicted for {comparison['same_predictions']:,} of {comparison['n']:,} test images")
        for name, (then, today) in comparison["versions"].items():
            print(f"  {name} {today}, in the record {then}")
        if comparison["devices"][0] != comparison["devices"][1]:
            print(f"  on {comparison['devices'][1]}, in the record on {comparison['devices'][0]}")
    return int(comparison["verdict"] == NOT_REPRODUCED)
