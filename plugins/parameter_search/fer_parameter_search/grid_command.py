"""``fer grid``: many runs, a cell each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.usage import Name, WholeNumber, refuse, verb
from fer_plugins.runtime.errors import InputError


@verb()
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Where the runs go; default: as the file says.")
@click.option("--path", type=click.Path(), metavar="DATASETS", help="The folder that holds the datasets.")
@click.option("--jobs", type=WholeNumber(1), help="Runs at a time; default: what the machine has room for.")
@click.option("--dry-run", "dry", is_flag=True, help="Print what would be run.")
@click.option("--executor", type=Name(["local", "ray"]), default="local", help="Where: this machine or a Ray cluster.")
@click.option("--address", metavar="ADDRESS", help="That of a Ray cluster.")
def grid(**words: Any) -> int:
    """Run plug-ins x datasets x protocols x poolings x seeds, a run a cell.

    FILE says which. The same command goes on where it stopped. The exit code is 1 when a cell has failed.
    """
    if words["address"] is not None and words["executor"] != "ray":
        refuse("--address: is that of a Ray cluster; add --executor ray")
    path = words["path"]
    if path is not None and not Path(path).is_dir():
        raise InputError(f"--path {path}: no such folder; it is the one that holds the datasets")
    from fer_parameter_search.grid.course import Request, run_grid

    return run_grid(Request(**words))
