"""``fer-run``, which is ``fer run``: trains one model, or shows what it would do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from fer_plugins import __version__, config
from fer_plugins.commands import help
from fer_plugins.commands.installed_verbs import LOADING
from fer_plugins.commands.list import print_components
from fer_plugins.commands.settings import Request, SettingsVerb, recipe_options
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.launched import Launched, launched


@click.command("run", cls=SettingsVerb, add_help_option=False)
@recipe_options
@click.option("--seeds", metavar="N", help="Train under N seeds.")
@click.option("--resume", type=click.Path(), metavar="RUN", help="Go on with the run of that folder.")
@click.option("--print-config", is_flag=True, help="Print the configuration; nothing is run.")
@click.option("--list", "show_list", is_flag=True, help="Print what is installed.")
@click.option("--version", is_flag=True, help="Print the version.")
@click.option("-h", "--help", "show_help", is_flag=True, help="Print what there is to set.")
@click.argument("topics", nargs=-1, shell_complete=lambda ctx, _, word: ctx.command.shell_complete(ctx, word))
def run(plugin: str | None, recipe: str | None, files: tuple[str, ...], flags: dict[str, Any], **asked: Any) -> int:
    """Train a model, and score it once on the sealed test split (the same as fer-run)."""
    topics: tuple[str, ...] = asked["topics"]
    if topics and not asked["show_help"]:
        raise InputError(f"{topics[0]!r} belongs to no flag; options are written --section.key VALUE")
    if asked["version"]:
        print(f"fer-plugins {__version__}")
    elif asked["show_help"]:
        print(help.fer_run(plugin, list(topics)))
    elif asked["show_list"]:
        return print_components(check=False, as_json=False)
    elif not asked["print_config"] and (place := launched()) is not None:
        return _beside_others(place, lambda: _begin(plugin, recipe, files, flags, asked))
    else:
        _begin(plugin, recipe, files, flags, asked)
    return 0


def _beside_others(place: Launched, begin: Callable[[], None]) -> int:
    """Begin as process 0 of those that srun or torchrun has started, or follow it; return the exit code."""
    if place.rank > 0:
        from fer_plugins.experiments.follow import follow_launched

        return follow_launched()
    from fer_plugins.experiments.processes import leading

    with leading():
        begin()
    return 0


def _begin(
    plugin: str | None, recipe: str | None, files: tuple[str, ...], flags: dict[str, Any], asked: dict[str, Any]
) -> None:
    if asked["resume"] is not None:
        if plugin or recipe or files or asked["seeds"] is not None:
            raise InputError(
                "--resume takes the run's own configuration, and of it what does not shape the result (data.root, "
                "trainer.threads, ...); leave the other flags out"
            )
        _resume(asked["resume"], flags, print_only=asked["print_config"])
    else:
        _train(Request(plugin, recipe, list(files), flags), asked["seeds"], print_only=asked["print_config"])


def _resume(folder: str, flags: dict[str, Any], *, print_only: bool) -> None:
    if print_only:
        if flags:
            raise InputError("--resume --print-config shows the run's own configuration; leave the other flags out")
        print(config.dump(config.read_file(os.path.join(folder, "config.yaml"))), end="")
        return
    with activity.watched(sys.stdout):
        with activity.doing(LOADING):
            from fer_plugins.experiments.resuming import resume

        resume(folder, flags)


def _train(request: Request, seeds: str | None, *, print_only: bool) -> None:
    resolved = request.resolve()
    if print_only:
        print(config.dump(resolved.config), end="")
        return
    with activity.watched(sys.stdout):
        with activity.doing(LOADING):
            from fer_plugins.experiments.run import run as train
        if seeds is None:
            train(resolved)
        else:
            from fer_plugins.experiments.seeds import run_seeds

            run_seeds(config.parse_value(seeds), request.resolve, train)
