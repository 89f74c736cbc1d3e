"""``fer grid``: many runs, one per cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.usage import Name, WholeNumber, refuse, verb
from fer_plugins.runtime.errors import InputError


@verb()
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option("--out", type=click.Path(), metavar="FOLDER", help="Folder for the runs; default: as FILE says.")
@click.option("--path", type=click.Path(), metavar="DATASETS", help="Folder that holds the datasets.")
@click.option("--jobs", type=WholeNumber(1), help="Parallel runs; default: as many as the machine has room for.")
@click.option("--dry-run", "dry", is_flag=True, help="Print the planned runs and exit.")
@click.option(
    "--executor", type=Name(["local", "ray"]), default="local", help="Run on this machine or on a Ray cluster."
)
@click.option("--address", metavar="ADDRESS", help="Address of the Ray cluster.")
def grid(**words: Any) -> int:
    """Train every combination of plug-ins, datasets, protocols, poolings and seeds.

    FILE lists them. Run the same command again to continue an interrupted grid. The exit code is 1 if a run failed.
    """
    if words["address"] is not None and words["executor"] != "ray":
        refuse("--address: is that of a Ray cluster; add --executor ray")
    path = words["path"]
    if path is not None and not Path(path).is_dir():
        raise InputError(f"--path {path}: no such folder; it is the one that holds the datasets")
    from fer_parameter_search.grid.course import Request, run_grid

    return run_grid(Request(**words))
