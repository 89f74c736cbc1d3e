"""Each verb as a function of its words: ``from support.verbs import compare``; wrong words raise ``InputError``."""

from types import SimpleNamespace

from fer_plugins.commands.run import run
from fer_plugins.commands.usage import invoke
from fer_plugins.config import registry


def parse(argv):
    """Return what ``fer-run`` makes of its words: plugin, recipe, files, flags and more."""
    with run.make_context("fer-run", list(map(str, argv))) as context:
        return SimpleNamespace(**context.params)


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    if name == "audit":
        data = registry.load(registry.find("command", "data"))
        return lambda argv: invoke(data, "fer data", ["audit", *map(str, argv)])
    command = registry.load(registry.find("command", name))
    return lambda argv: invoke(command, f"fer {name}", list(map(str, argv)))
