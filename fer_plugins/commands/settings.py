"""Parses ``--section.key VALUE`` and ``--section.key=VALUE`` for every verb that takes settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from click.shell_completion import CompletionItem

from fer_plugins import config
from fer_plugins.commands.usage import Verb
from fer_plugins.config import registry
from fer_plugins.config.key_names import known_keys, unknown_key
from fer_plugins.runtime.errors import InputError


@dataclass
class Request:
    """The sources of a run's configuration, as given to ``fer-run``, ``fer search`` and ``fer protocol-bias``."""

    plugin: str | None = None
    recipe: str | None = None
    files: list[str] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)

    def resolve(self, add_to_seed: int = 0) -> config.Resolved:
        """Return the configuration, with ``add_to_seed`` added to the seed."""
        resolved = config.resolve(self.flags, plugin=self.plugin, recipe=self.recipe, files=self.files)
        if add_to_seed == 0:
            return resolved
        flags = {**self.flags, "seed": resolved.config.seed + add_to_seed}
        return config.resolve(flags, plugin=self.plugin, recipe=self.recipe, files=self.files)


class SettingsVerb(Verb):
    """A verb that takes settings in addition to its own options; its function gets them as nested ``flags``."""

    once = False  # the last value wins, so that a script may append to the flags that it was given

    def __init__(self, *args: Any, sections: Sequence[str] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.sections = sections

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Separate the settings from the other arguments, and parse both."""
        own = {
            name: option for option in self.get_params(ctx) if isinstance(option, click.Option) for name in option.opts
        }
        own_words: list[str] = []
        flags: dict[str, Any] = {}
        rest = list(args)
        while rest:
            word = rest.pop(0)
            name, equals, value = word.partition("=")
            if name in own or not self._is_setting(name):
                own_words.append(word)
                option = own.get(name)
                if option is not None and not option.is_flag and not equals:
                    own_words += rest[: option.nargs]
                    del rest[: option.nargs]
                continue
            if not equals:
                if ctx.resilient_parsing and not rest:
                    ctx.meta["setting"] = name[2:]  # its value is to be completed
                    break
                value = _take_value(name[2:], rest)
            _set(flags, name[2:], config.parse_value(value))
        rest = super().parse_args(ctx, own_words)
        ctx.params["flags"] = flags
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the usage of the command's own options, and the form of a setting."""
        return [*super().collect_usage_pieces(ctx), *(f"[{name} VALUE]..." for name in self._forms())]

    def known(self, ctx: click.Context) -> list[str]:
        """Return the command's own options, and the form of a setting."""
        return [*super().known(ctx), *self._forms()]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of the command's own options, and where the settings are explained."""
        super().format_options(ctx, formatter)
        where = [f"fer-run --help {section}" for section in self.sections or [""]]
        with formatter.section("Settings"):
            rows = zip(self._forms(), where, strict=True)
            formatter.write_dl([(f"{form} VALUE", f"Those of {text.rstrip()}.") for form, text in rows])

    def _forms(self) -> list[str]:
        return [f"--{name}.KEY" for name in (["SECTION"] if self.sections is None else self.sections)]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete setting names, and component names as values."""
        if "setting" in ctx.meta:
            section = ctx.meta["setting"].removesuffix(".name")
            kind = "pooling" if section == "model.pool" else config.COMPONENT_SECTIONS.get(section)
            names = installed_names(kind) if kind else []
        else:
            flags = dict(ctx.params.get("flags") or {})
            if "name" in ctx.params:  # the dataset of ``fer data VERB NAME``
                flags["data"] = ctx.params["name"]
            names = [f"--{key}" for key in _keys(flags, ctx.params.get("plugin")) if self._is_setting(f"--{key}")]
        own = [] if "setting" in ctx.meta else super().shell_complete(ctx, incomplete)
        return own + [CompletionItem(name) for name in names if name.startswith(incomplete)]

    def _is_setting(self, word: str) -> bool:
        section = word[2:].partition(".")[0]
        return word.startswith("--") and (self.sections is None or section in self.sections)


class Installed(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases of click
    """The name of an installed component, of one kind or any, with shell completion."""

    def __init__(self, kind: str | None = None) -> None:
        self.kind = kind
        self.name = "NAME"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names of installed components of this kind that start with ``incomplete``."""
        return [CompletionItem(name) for name in installed_names(self.kind) if name.startswith(incomplete)]


def recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--plugin``, ``--recipe`` and ``--config``."""
    for option in (
        click.option(
            "--config",
            "files",
            multiple=True,
            metavar="FILE",
            help="Configuration file; may be repeated, later files win.",
        ),
        click.option("--recipe", metavar="VARIANT", help="Variant of the plug-in's recipe."),
        click.option("--plugin", type=Installed("architecture"), help="Architecture to train, with its recipe."),
    ):
        function = option(function)
    return function


def installed_names(kind: str | None) -> list[str]:
    """Return the names of the installed components of a kind, or of all kinds, without importing them."""
    return sorted({component.name for component in registry.available(kind)})


def _keys(flags: dict[str, Any], plugin: str | None) -> list[str]:
    """Return the dotted names of all keys, including the options of components selected so far."""
    settings: dict[str, Any] = config.defaults()
    for section, value in {"model": plugin, **flags}.items():
        if section in config.COMPONENT_SECTIONS and value is not None:
            settings[section] = value
    return list(dict.fromkeys([*known_keys(settings), *config.schema()]))


def _take_value(name: str, rest: list[str]) -> str:
    if not rest or rest[0].startswith("--"):
        if "." not in name and name not in config.schema():
            raise unknown_key(name, config.COMMAND_LINE, config.defaults())
        raise InputError(f"--{name} needs a value: --{name} VALUE")
    return rest.pop(0)


def _set(flags: dict[str, Any], dotted: str, value: Any) -> None:
    if not all(dotted.split(".")):
        raise InputError(f"--{dotted}: expected --section.key VALUE")
    config.put(flags, dotted, value)
