"""``fer tune``: a learning rate or a batch size to begin with."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fer_plugins.commands.installed_verbs import LOADING
from fer_plugins.commands.output_file import check_output_file
from fer_plugins.commands.settings import Request, SettingsVerb, recipe_options
from fer_plugins.commands.usage import refuse
from fer_plugins.runtime import activity


@click.command(cls=SettingsVerb)
@click.argument("what", type=click.Choice(["lr", "batch-size"]))
@recipe_options
@click.option("--from", "low", type=float, default=1e-6, show_default=True, help="lr: the lowest rate.")
@click.option("--to", "high", type=float, default=1.0, show_default=True, help="lr: the highest rate.")
@click.option("--steps", type=int, default=100, show_default=True, help="lr: number of training steps between them.")
@click.option("--largest", type=int, default=4096, show_default=True, help="batch-size: largest batch size to try.")
@click.option("--out", type=click.Path(), metavar="FILE", help="lr: write the tested rates and their losses as CSV.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def tune(
    what: str, plugin: str | None, recipe: str | None, files: tuple[str, ...], flags: dict[str, Any], **options: Any
) -> None:
    """Suggest a learning rate (lr) or the largest batch that fits (batch-size).

    Trains for some steps on the training split with Lightning's Tuner; validation and test are not used, and nothing is
    recorded. Takes fer-run's flags. Use the suggestion as a starting point: fer search (fer-parameter-search) chooses
    on validation.
    """
    if plugin is None:
        refuse("needs --plugin NAME, and takes fer-run's flags except --resume and the listings")
    _refuse_idle(click.get_current_context(), what)
    file = None if options["out"] is None else Path(options["out"])
    if file is not None:
        check_output_file(file, force=options["force"])
    elif options["force"]:
        refuse("--force belongs to --out; add --out FILE, or leave --force out")
    resolved = Request(plugin, recipe, list(files), flags).resolve()
    with activity.watched(sys.stderr):
        with activity.loading(LOADING):
            from fer_plugins.experiments.quiet import quiet
            from fer_plugins.training import tuning
            from fer_plugins.training.arithmetic import settle_arithmetic
        with quiet(resolved.config), activity.doing(f"tuning {what}"):
            tuning.check(resolved.config)
            settings = settle_arithmetic(resolved).config
            if what == "lr":
                curve = tuning.learning_rate_range(settings, options["low"], options["high"], options["steps"])
            else:
                print(f"largest batch: {tuning.largest_batch(settings, options['largest'])} images (--data.batch_size)")
                return
    if file is not None:
        _write(file, curve.rates, curve.losses)
    print(f"tested: {len(curve.rates)} rates, {curve.rates[0]:.3g} to {curve.rates[-1]:.3g}")
    print(f"recipe: {settings.optimizer.lr:.3g} ({settings.optimizer.name})")
    if curve.suggestion is None:
        print("suggestion: none, the loss falls nowhere; try --from, --to or more --steps")
    else:
        print(
            f"suggestion: {curve.suggestion:.3g}, where the loss falls fastest (--optimizer.lr {curve.suggestion:.3g})"
        )


def _refuse_idle(context: click.Context, what: str) -> None:
    """Refuse the options of the other suggestion, which would do nothing."""
    other, names = ("batch-size", ("largest",)) if what == "lr" else ("lr", ("low", "high", "steps", "out", "force"))
    for option in context.command.params:
        if option.name in names and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            refuse(f"{option.opts[0]}: is for {other}; leave it out")


def _write(path: Path, rates: list[float], losses: list[float]) -> None:
    from fer_plugins.runs.record import write_atomically

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["lr", "loss"])
    writer.writerows(zip(rates, losses, strict=True))
    write_atomically(path, text.getvalue())
