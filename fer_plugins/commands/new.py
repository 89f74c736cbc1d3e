"""``fer new``: the folder of a new plug-in."""

from __future__ import annotations

from pathlib import Path

import click

from fer_plugins.commands.scaffold import KINDS, check_name, make, place_of, use_of
from fer_plugins.commands.usage import Name, verb


@verb()
@click.argument("name", metavar="NAME")
@click.option(
    "--kind",
    type=Name(KINDS),
    default="architecture",
    metavar="KIND",
    help=f"One of {', '.join(KINDS)}; default: architecture.",
)
@click.option("--out", type=click.Path(), default=".", metavar="DIR", help="Where the folder is made; default: here.")
def new(name: str, *, kind: str, out: str) -> None:
    """Make the folder of a new plug-in that installs, passes its tests and runs.

    What to do next is printed.
    """
    check_name(name, kind)
    folder = make(name, kind, Path(out))
    print(f"made {folder}/, a plug-in of kind {kind}:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"  {path.relative_to(folder)}")
    print("next:")
    place = place_of(folder)
    for command in (f"pip install -e {place}", f"pytest {place}", f"fer check {name}", use_of(kind, name)):
        print(f"  {command}")
