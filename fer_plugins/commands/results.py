"""``fer results``: keeps finished runs as records in a repository, and generates the results page from them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fer_plugins.commands.usage import Verb, Verbs
from fer_plugins.runtime.errors import InputError

_DEFAULT = "plugins"


@click.group(cls=Verbs)
def results() -> None:
    """Keep finished runs as records, check the records, write the results page."""


@results.command(cls=Verb)
@click.argument("run", type=click.Path(), metavar="RUN")
@click.option(
    "--to", type=click.Path(), metavar="FOLDER", help="Folder of records; default: results/ in the plug-in's checkout."
)
def add(run: str, *, to: str | None) -> None:
    """Keep the record of a finished run: everything except weights and figures."""
    from fer_plugins.runs.kept_record import keep

    record = keep(run, to)
    print(f"kept in {record}")
    if not (record / "metrics.csv").is_file():
        print("  without metrics.csv, the scores of the epochs, which a run with --logger none does not write")


@results.command(cls=Verb)
@click.argument("folders", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
def check(folders: tuple[str, ...]) -> int:
    """Verify checksums and contents of kept records; default: all below plugins/.

    All records are checked; the exit code is 1 if any of them fails.
    """
    from fer_plugins.runs.kept_record import opened

    records, damaged = _records(folders), 0
    for record in records:
        try:
            with opened(record) as run:
                scores = run.scores
        except InputError as error:
            damaged += 1
            print(f"fer results check: {error}", file=sys.stderr)
        else:
            print(f"{record}: sound, {run.split} accuracy {scores['accuracy']:.4f}, n {scores['n']:,}")
    if damaged:
        print(f"{damaged:,} of {len(records):,} records are not sound", file=sys.stderr)
    return int(damaged > 0)


@results.command(cls=Verb)
@click.argument("folders", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@click.option("--write", type=click.Path(), metavar="FILE", help="Write the page to FILE; default: print it.")
def page(folders: tuple[str, ...], *, write: str | None) -> None:
    """Write the results page from kept records; default: all below plugins/."""
    from fer_plugins.analysis.results_page import results_page
    from fer_plugins.runs.record import write_atomically

    if write is not None and not Path(write).absolute().parent.is_dir():
        raise InputError(f"--write {write}: its folder does not exist; give another place")
    text = results_page(_records(folders))
    if write is None:
        print(text, end="")
    else:
        write_atomically(Path(write), text)
        print(f"written to {write}")


def _records(folders: tuple[str, ...]) -> list[Path]:
    from fer_plugins.runs.kept_record import find_records

    places = [Path(folder) for folder in folders or (_DEFAULT,)]
    for place in places:
        if not place.is_dir():
            raise InputError(f"{place}: there is no such folder; give the folders that hold kept records")
    records = find_records(places)
    if not records:
        raise InputError(f"no kept record below {', '.join(map(str, places))}; fer results add RUN makes one")
    return records
