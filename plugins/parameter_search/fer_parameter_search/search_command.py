"""``fer search``: chooses hyper-parameters on the validation split."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.settings import SettingsVerb, recipe_options
from fer_plugins.commands.usage import refuse
from fer_plugins.runtime import activity
from fer_plugins.runtime.plain_values import shell_word


@click.command(cls=SettingsVerb)
@click.argument("file", type=click.Path(), metavar="FILE")
@recipe_options
@click.option(
    "--out",
    type=click.Path(),
    metavar="FOLDER",
    help="Folder for the trials; an interrupted search in it is continued.",
)
def search(
    file: str, plugin: str | None, recipe: str | None, files: tuple[str, ...], out: str | None, flags: dict[str, Any]
) -> None:
    """Search hyper-parameters on the validation split; the test split stays sealed.

    FILE defines the search space and method. Takes fer-run's flags; the best configuration is written to best.yaml,
    for fer-run --config.
    """
    if plugin is None:
        refuse("needs --plugin NAME, and takes fer-run's flags except --resume and the listings")
    folder = out or f"runs/search-{plugin}-{time.strftime('%Y%m%d-%H%M%S')}"
    from fer_parameter_search import search as trials

    space = trials.read_space(file)
    with activity.watched(sys.stdout):
        trials.search(space, flags, plugin=plugin, recipe=recipe, files=list(files), folder=Path(folder))
    print(f"recorded in {folder}/search.csv; score the best once: fer-run --config {shell_word(folder)}/best.yaml")
