"""Click commands with this project's error messages: one line that names the argument and what is expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from fer_plugins.config.nearest import nearest
from fer_plugins.runtime.errors import InputError


class UsageError(InputError):
    """Invalid arguments of a command; ``command`` is the recognised part of it, such as "fer data check"."""

    def __init__(self, text: str, command: str) -> None:
        super().__init__(text)
        self.command = command


class Verb(click.Command):
    """A command that accepts each option only once, checks that options have values, and rejects extra arguments."""

    allow_extra_args = True  # rejected below, with a message that says what was expected
    once = True  # reject an option that is given twice instead of using the last value

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments into ``ctx.params``; reject what is left over."""
        try:
            if not ctx.resilient_parsing:
                self._check_values(ctx, args)
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # not set by click's parser
            raise
        if ctx.args and not ctx.resilient_parsing:
            arguments = [parameter for parameter in self.params if isinstance(parameter, click.Argument)]
            wanted = ", ".join(f"one {_noun(argument)}" for argument in arguments) or "no other word"
            ctx.fail(f"{ctx.args[0]!r} is a word too many; expected {wanted}: {self.usage(ctx)}")
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the arguments and every option with its value."""
        arguments = [piece for parameter in self.params for piece in parameter.get_usage_pieces(ctx)]
        options = [option for option in self.params if isinstance(option, click.Option) and not option.hidden]
        return [*arguments, *(_usage_of(option, ctx) for option in options)]

    def known(self, ctx: click.Context) -> list[str]:
        """Return the option names, as messages list them."""
        return [option.opts[0] for option in _options(self, ctx)]

    def usage(self, ctx: click.Context) -> str:
        """Return the usage of the command in one line, such as "fer new NAME [--kind KIND] [--out DIR]"."""
        return " ".join([ctx.command_path, *self.collect_usage_pieces(ctx)])

    def _check_values(self, ctx: click.Context, args: list[str]) -> None:
        values_by_name, _, order = self.make_parser(ctx).parse_args(list(args))
        for option in order:
            if not isinstance(option, click.Option) or option.is_flag or option.name is None:
                continue
            values = (
                values_by_name[option.name] if option.multiple or option.nargs > 1 else [values_by_name[option.name]]
            )
            if any(not value or value.startswith("--") for value in values):
                ctx.fail(_needs(option, ctx))
            if self.once and not option.multiple and order.count(option) > 1:
                ctx.fail(f"{option.opts[0]} is given {order.count(option)} times; give it once")


class Verbs(click.Group):
    """A group of commands, which suggests similar ones if a command is unknown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reject a missing subcommand."""
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            ctx.fail(f"expected a command; known: {', '.join(self.list_commands(ctx))}")
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def hint(self, word: str, verbs: list[str]) -> str:
        """Return what to add to the message about an unknown command: the most similar ones."""
        return nearest(word, verbs)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:  # fmt: skip
        """Return name and command for the first argument, and the remaining arguments."""
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            verbs = self.list_commands(ctx)
            ctx.fail(f"unknown command {args[0]!r}{self.hint(args[0], verbs)}; known: {', '.join(verbs)}")
        return args[0] if command else None, command, args[1:]


class Name(click.Choice[str]):
    """One of several names; for an invalid name the most similar one is suggested."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name unchanged."""
        names = [str(choice) for choice in self.choices]
        if value not in names:
            self.fail(one_of(names, str(value)), param, ctx)
        return value

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the names as shown in the help."""
        return "|".join(map(str, self.choices))


def one_of(names: Sequence[str], value: str) -> str:
    """Return the message for ``value``, which is not among ``names``."""
    wanted = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    return f"{value or 'an empty name'}: expected {wanted}{nearest(value, list(names))}"


class Names(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases of click
    """One or more of several names, separated by commas; the values are tuples."""

    name = "NAME[,NAME]"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names without duplicates."""
        names = value.split(",") if isinstance(value, str) else value
        for name in names:
            if name not in self.names:
                self.fail(one_of(self.names, name), param, ctx)
        return tuple(dict.fromkeys(names))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the names as shown in the help."""
        return "|".join(self.names)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last name."""
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(before + comma + name) for name in self.names if name.startswith(last)]


class WholeNumber(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases of click
    """An integer that is at least ``least``."""

    name = "N"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not text.isdecimal() or int(text) < self.least:
            self.fail(f"{text}: expected a whole number from {self.least}", param, ctx)
        return int(text)


def invoke(command: click.Command, program: str, argv: Sequence[str]) -> int:
    """Call a command with its arguments and return its exit code, without exiting or printing errors.

    Raises:
        UsageError: the arguments are invalid; the text is one line.
        Exception: any exception of the command.
    """
    try:
        with command.make_context(program, list(argv)) as context:
            code = command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else program
        raise UsageError(_describe(error), path) from None
    return code if isinstance(code, int) else 0


def refuse(text: str) -> NoReturn:
    """Stop the running command because its arguments are inconsistent.

    Raises:
        click.UsageError: converted to a ``UsageError`` by ``invoke``.
    """
    click.get_current_context().fail(text)


def verb(**settings: Any) -> Callable[[Callable[..., Any]], Verb]:
    """Return a decorator that makes a ``Verb`` of a function, with its docstring as help."""
    return click.command(cls=Verb, **settings)


def _describe(error: click.UsageError) -> str:
    """Return the message, in one line, for an error of click."""
    ctx = error.ctx
    command = ctx.command if ctx else None
    if ctx is None or command is None:
        return error.format_message()
    options = _options(command, ctx)
    if isinstance(error, click.NoSuchOption):
        names = command.known(ctx) if isinstance(command, Verb) else [option.opts[0] for option in options]
        return f"unknown option {error.option_name!r}{nearest(error.option_name, names)}; known: {', '.join(names)}"
    if isinstance(error, click.BadOptionUsage):
        option = next((option for option in options if error.option_name in option.opts), None)
        takes_none = option is None or option.is_flag
        return f"{error.option_name} takes no value" if option is None or takes_none else _needs(option, ctx)
    usage = command.usage(ctx) if isinstance(command, Verb) else ctx.command_path
    if isinstance(error, click.MissingParameter) and error.param is not None:
        if isinstance(error.param, click.Option):
            return f"{error.param.opts[0]} is needed: {usage}"
        return f"{error.param.make_metavar(ctx)} is missing; expected one {_noun(error.param)}: {usage}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        name = error.param.opts[0] if isinstance(error.param, click.Option) else error.param.make_metavar(ctx)
        return f"{name} {error.message}"
    return error.message


def _options(command: click.Command, ctx: click.Context) -> list[click.Option]:
    return [
        option for option in command.get_params(ctx) if isinstance(option, click.Option) and "--help" not in option.opts
    ]


def _needs(option: click.Option, ctx: click.Context) -> str:
    count = option.nargs
    values = "a value" if count == 1 else f"{count} values"
    return f"{option.opts[0]} needs {values}: {option.opts[0]} {option.make_metavar(ctx)}"


def _noun(argument: click.Parameter) -> str:
    """Return an argument's metavar in lower case without brackets."""
    return (argument.metavar or argument.name or "word").strip("[].").lower()


def _usage_of(option: click.Option, ctx: click.Context) -> str:
    text = option.opts[0] if option.is_flag else f"{option.opts[0]} {option.make_metavar(ctx)}"
    return (text if option.required else f"[{text}]") + ("..." if option.multiple else "")
