"""``fer dashboard``: a W&B workspace and report on the runs of a project, as a file or sent to W&B."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from fer_plugins.commands.output_file import check_output_file
from fer_plugins.commands.settings import Installed
from fer_plugins.commands.usage import Name, refuse, verb
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError


@verb()
@click.option("--project", default="fer-plugins", metavar="NAME", help="W&B project; default: fer-plugins.")
@click.option("--entity", metavar="NAME", help="W&B user or team; default: that of your login.")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=Installed("architecture"),
    help="Show only runs of this architecture; may be repeated.",
)
@click.option(
    "--split", type=Name(["test", "val"]), default="test", help="Split whose scores are shown; default: test."
)
@click.option(
    "--out", type=click.Path(), metavar="FILE", help="Output file; default: dashboard.json, unless --publish is given."
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@click.option("--publish", is_flag=True, help="Also save workspace and report in your W&B project; needs a login.")
def dashboard(
    *,
    project: str,
    entity: str | None,
    plugins: tuple[str, ...],
    split: str,
    out: str | None,
    force: bool,
    publish: bool,
) -> None:
    """Write a W&B workspace and report on your runs: scores, copies, seeds, curves, confusion, predictions.

    Runs are grouped by plug-in, dataset, protocol and everything else except seed and fold. Without --publish nothing
    is sent: FILE holds, as JSON, what W&B would receive.
    """
    if force and out is None and publish:
        refuse("--force belongs to --out; add --out FILE, or leave --force out")
    for name in plugins:
        registry.find("architecture", name)
    path = None if out is None and publish else Path(out or "dashboard.json")
    if path is not None:
        check_output_file(path, force=force)
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb
    from wandb.errors import UsageError

    try:
        wandb.Settings(project=project)
    except UsageError as error:
        raise InputError(f"--project: {error}; give the name of a project of W&B") from None
    from fer_trackers.dashboard import build, to_json

    if publish:
        from fer_trackers.publish import find_entity, save

        entity = find_entity(entity)
    views = build(entity=entity or "", project=project, plugins=plugins, split=split)
    if path is not None:
        from fer_plugins.runtime.whole_file import whole_file

        with whole_file(path) as unfinished:
            unfinished.write_text(json.dumps(to_json(views), indent=2) + "\n")
        print(path)
    if publish:
        for address in save(views):
            print(address)
