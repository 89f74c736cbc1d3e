"""``fer-run``, which is the same as ``fer run``: trains one model, or shows what it would do."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from fer_plugins import __version__, config
from fer_plugins.commands import help
from fer_plugins.commands.installed_verbs import LOADING, fer_verbs
from fer_plugins.commands.list import print_components
from fer_plugins.commands.settings import Request, SettingsVerb, recipe_options
from fer_plugins.commands.usage import invoke, refuse
from fer_plugins.config.idle_options import refuse_idle_seed
from fer_plugins.config.installed_commands import offers, require_verb
from fer_plugins.config.overlay import lay_over
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.launched import Launched, launched

if TYPE_CHECKING:
    from fer_plugins.runs.record import Record

FEW_IMAGES = 140  # of a trial run: twenty per class
_PAGE = "report"  # verb of a plug-in that writes a report on runs


@click.command("run", cls=SettingsVerb, add_help_option=False)
@recipe_options
@click.option("--seeds", metavar="N", help="Train with N seeds.")
@click.option("--max-time", metavar="MINUTES", help="Stop after the epoch in which MINUTES are exceeded.")
@click.option("--profile", is_flag=True, help="Show where the time goes.")
@click.option("--fast-dev-run", is_flag=True, help="Run one epoch on a few images, to check that everything works.")
@click.option("--resume", type=click.Path(), metavar="RUN", help="Continue the interrupted run in this folder.")
@click.option("--report", is_flag=True, help="Also write a report when the run has finished (needs fer-html-report).")
@click.option("--print-config", is_flag=True, help="Print the complete configuration and exit.")
@click.option("--list", "show_list", is_flag=True, help="List installed components and exit.")
@click.option("--version", is_flag=True, help="Print the version and exit.")
@click.option("-h", "--help", "show_help", is_flag=True, help="Show the settings and exit.")
@click.argument("topics", nargs=-1, shell_complete=lambda ctx, _, word: ctx.command.shell_complete(ctx, word))
def run(plugin: str | None, recipe: str | None, files: tuple[str, ...], flags: dict[str, Any], **options: Any) -> int:
    """Train a model, and score it once on the sealed test split (the same as fer-run)."""
    topics: tuple[str, ...] = options["topics"]
    _add_shorthands(flags, options)
    if topics and not options["show_help"]:
        raise InputError(f"{topics[0]!r} belongs to no flag; options are written --section.key VALUE")
    if options["report"]:
        if options["print_config"] or options["show_list"] or options["version"]:
            refuse("--report: nothing is run; leave one of the two out")
        require_verb("--report", _PAGE)
    if options["version"]:
        print(f"fer-plugins {__version__}")
    elif options["show_help"]:
        print(help.fer_run(plugin, list(topics)))
    elif options["show_list"]:
        return print_components(check=False, as_json=False)
    elif not options["print_config"] and (place := launched()) is not None:
        return _beside_others(place, lambda: _begin(plugin, recipe, files, flags, options))
    else:
        _begin(plugin, recipe, files, flags, options)
    return 0


def _beside_others(place: Launched, begin: Callable[[], None]) -> int:
    """Start as process 0 of those that srun or torchrun has started, or follow process 0; return the exit code."""
    if place.rank > 0:
        from fer_plugins.experiments.follow import follow_launched

        return follow_launched()
    from fer_plugins.experiments.processes import leading

    with leading():
        begin()
    return 0


def _begin(
    plugin: str | None, recipe: str | None, files: tuple[str, ...], flags: dict[str, Any], options: dict[str, Any]
) -> None:
    if options["resume"] is not None:
        if plugin or recipe or files or options["seeds"] is not None or options["fast_dev_run"]:
            raise InputError(
                "--resume takes the run's own configuration, and of it what does not shape the result (data.root, "
                "trainer.threads, ...); leave the other flags out"
            )
        _show_page(_resume(options["resume"], flags, print_only=options["print_config"]), write=options["report"])
    else:
        request = Request(plugin, recipe, list(files), flags)
        _show_page(_train(request, options["seeds"], print_only=options["print_config"]), write=options["report"])


def _add_shorthands(flags: dict[str, Any], options: dict[str, Any]) -> None:
    """Add the settings that flags are short for to ``flags``; a setting that is given explicitly takes precedence."""
    short: dict[str, dict[str, Any]] = {"trainer": {}}
    if options["fast_dev_run"]:
        short = {"trainer": {"epochs": 1}, "data": {"limit": FEW_IMAGES}, "logger": {"name": "csv"}}
    if options["profile"]:
        short["trainer"]["profiler"] = "simple"
    if options["max_time"] is not None:
        short["trainer"]["max_time"] = config.parse_value(options["max_time"])
    for section, values in short.items():
        if values:
            flags[section] = lay_over(values, flags[section]) if section in flags else values


def _resume(folder: str, flags: dict[str, Any], *, print_only: bool) -> list[Record]:
    if print_only:
        if flags:
            raise InputError("--resume --print-config shows the run's own configuration; leave the other flags out")
        print(config.dump(config.read_file(os.path.join(folder, "config.yaml"))), end="")
        return []
    with activity.watched(sys.stdout):
        with activity.loading(LOADING):
            from fer_plugins.experiments.resuming import resume

        return [resume(folder, flags)]


def _train(request: Request, seeds: str | None, *, print_only: bool) -> list[Record]:
    resolved = request.resolve()
    protocol = request.flags.get("protocol")
    refuse_idle_seed(resolved.config.protocol.name, protocol if isinstance(protocol, dict) else {})
    if print_only:
        print(config.dump(resolved.config), end="")
        return []
    with activity.watched(sys.stdout):
        with activity.loading(LOADING):
            from fer_plugins.experiments.run import run as train
        if seeds is None:
            return [train(resolved)]
        from fer_plugins.experiments.seeds import run_seeds

        return run_seeds(config.parse_value(seeds), request.resolve, train)


def _show_page(records: Sequence[Record], *, write: bool) -> None:
    """Write the report on finished runs, or print the command for it unless the run prints no progress."""
    folders = [str(record.folder) for record in records]
    if write:
        first = records[0].folder
        place = [] if len(records) == 1 else ["--out", str(first.with_name(f"report-{first.name}.html"))]
        invoke(fer_verbs, "fer", [_PAGE, *folders, *place, "--force"])
    elif (
        records
        and offers(_PAGE)
        and records[0].config["trainer"].get("progress") != "none"
        and records[0].manifest.get("each_sample_tested_once") is not False  # otherwise there is no single score
    ):
        print(f"for a report: {shlex.join(['fer', _PAGE, *folders])}")
