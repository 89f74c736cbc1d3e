"""The command ``fer``: its verbs are the entry points of ``fer_plugins.commands``, imported when they are called."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable
from typing import Any

import click

from fer_plugins import __version__
from fer_plugins.commands.usage import Verbs
from fer_plugins.config import registry
from fer_plugins.config.installed import canonical
from fer_plugins.config.literal_aliases import read_summary
from fer_plugins.config.registry import Component
from fer_plugins.config.requirement import describe_installation
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError, RunError, one_line

LOADING = "loading PyTorch and Lightning"
CORE = "fer-plugins"


class InstalledVerbs(Verbs):
    """The verbs of all installed distributions; an exception of a plug-in's verb becomes one line with its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs without importing them."""
        return sorted({component.name for component in registry.available("command")})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one verb.

        Raises:
            InputError: two distributions provide it, or it cannot be loaded.
        """
        _, _, wanted = name.rpartition(":")
        if wanted not in self.list_commands(ctx):
            return None
        try:
            component = registry.find("command", name)
            with activity.loading(LOADING):
                command = as_command(wanted, registry.load(component))
        except InputError:
            if ctx.resilient_parsing:  # no messages during shell completion
                return None
            raise
        ctx.obj = component
        return command

    def hint(self, word: str, verbs: list[str]) -> str:
        """Return how to install a known verb that is missing, otherwise the most similar verbs."""
        installation = describe_installation("command", word)
        return f"; {installation}" if installation else super().hint(word, verbs)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the verb; every exception of a plug-in's verb becomes one line that names it."""
        try:
            return super().invoke(ctx)
        except (InputError, RunError, click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            full = isinstance(error, OSError) and error.errno == errno.ENOSPC  # not the fault of the verb or its input
            if full or not isinstance(ctx.obj, Component) or canonical(ctx.obj.distribution) == CORE:
                raise
            text = one_line(error)
            if isinstance(error, ValueError | OSError):  # how the contract reports invalid input
                raise InputError(f"{ctx.obj}: {text}") from error
            raise RunError(f"{ctx.obj} failed: {type(error).__name__}: {text}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs with the first lines of their docstrings, which are read without importing them."""
        rows: dict[tuple[str, str], list[Component]] = {}
        for component in registry.available("command"):
            rows.setdefault((component.module, component.attribute), []).append(component)
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (", ".join(verb.name for verb in alike), summary(alike[0]))
                    for alike in sorted(rows.values(), key=lambda alike: alike[0].name)
                ]
            )


@click.group(
    cls=InstalledVerbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, message="fer-plugins %(version)s")
@click.pass_context
def fer_verbs(ctx: click.Context) -> None:
    """Experiments with facial expression recognition plug-ins.

    Run "fer COMMAND --help" for the options of a command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def as_command(name: str, offered: Any) -> click.Command:
    """Convert an entry point's object to a command: unchanged, or wrapping a function of ``argv``."""
    if isinstance(offered, click.Command):
        return offered
    function: Callable[[list[str]], int] = offered
    return click.Command(
        name,
        callback=lambda argv: function(list(argv)),
        params=[click.Argument(["argv"], nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")],
        context_settings={"ignore_unknown_options": True},
        help=(inspect.getdoc(function) or "").partition("\n\nArgs:")[0].partition("\n\nR")[0],
        options_metavar="",
    )


def summary(component: Component) -> str:
    """Return the first line of a verb's docstring, followed by its distribution unless that is the core."""
    line = read_summary(component.module, component.attribute)
    return line if canonical(component.distribution) == CORE else f"{line} (from {component.distribution})".strip()
