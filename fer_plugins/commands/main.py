"""The commands ``fer-run`` and ``fer VERB``: words to one call. torch is imported only when something is run."""

from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fer_plugins import __version__, config
from fer_plugins.commands import help, listing, scaffold
from fer_plugins.config import registry
from fer_plugins.config.installed import read_installed, tolerate_damage
from fer_plugins.config.key_names import COMMAND_LINE, unknown_key
from fer_plugins.runtime import activity
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.plain_values import check_text
from fer_plugins.runtime.process import interrupt_on_signals, interruptions, let_threads_wait

DONE, FAILED, WRONG_INPUT = 0, 1, 2
_OWN = ("plugin", "recipe", "resume", "config", "seeds")  # flags of the command, no keys of the configuration
LOADING = "loading PyTorch and Lightning"


@dataclass
class Request:
    """The words of ``fer-run``, sorted."""

    plugin: str | None = None
    recipe: str | None = None
    files: list[str] = field(default_factory=list)
    resume: str | None = None
    flags: dict[str, Any] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)  # help, list, print-config, version
    topics: list[str] = field(default_factory=list)  # bare words


def parse(words: list[str]) -> Request:
    """Sort the words of ``fer-run``.

    >>> parse(["--plugin", "a", "--data", "fer2013", "--data.root=x", "--optimizer.lr", "1e-3"]).flags
    {'data': {'name': 'fer2013', 'root': 'x'}, 'optimizer': {'lr': 0.001}}

    Raises:
        InputError: a flag without its value, or a word that belongs to nothing.
    """
    request = Request()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            request.switches.add("help")
            continue
        if not word.startswith("--"):
            request.topics.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if name in ("list", "print-config", "version"):
            if equals:
                raise InputError(f"--{name} takes no value")
            request.switches.add(name)
            continue
        if not equals:
            if not rest or rest[0].startswith("--"):
                if "." not in name and name not in (*config.schema(), *_OWN):
                    raise unknown_key(name, COMMAND_LINE, config.defaults())
                raise InputError(f"--{name} needs a value: --{name} VALUE")
            value = rest.pop(0)
        if name in _OWN and name not in ("config", "seeds"):
            setattr(request, name, value)
        elif name == "config":
            request.files.append(value)
        else:
            _set(request.flags, name, config.parse_value(value))
    if request.topics and "help" not in request.switches:
        raise InputError(f"{request.topics[0]!r} belongs to no flag; options are written --section.key VALUE")
    return request


def _set(flags: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    if not all([*path, last]):
        raise InputError(f"--{dotted}: expected --section.key VALUE")
    home = flags
    for part in path:
        inner = home.get(part)
        if not isinstance(inner, dict):  # --data fer2013 came before --data.root
            inner = {} if inner is None else {"name": inner}
            home[part] = inner
        home = inner
    if isinstance(home.get(last), dict) and not isinstance(value, dict):
        home[last]["name"] = value
    else:
        home[last] = value


def _run(words: list[str]) -> int:
    request = parse(words)
    if "version" in request.switches:
        print(f"fer-plugins {__version__}")
    elif "help" in request.switches:
        print(help.fer_run(request.plugin, request.topics))
    elif "list" in request.switches:
        return listing.list_offers([])
    elif request.resume is not None:
        if request.plugin or request.recipe or request.files or "seeds" in request.flags:
            raise InputError(
                "--resume takes the run's own configuration, and of it what does not shape the result (data.root, "
                "trainer.threads, ...); leave the other flags out"
            )
        if "print-config" in request.switches:
            if request.flags:
                raise InputError("--resume --print-config shows the run's own configuration; leave the other flags out")
            print(config.dump(config.read_file(os.path.join(request.resume, "config.yaml"))), end="")
            return DONE
        with activity.watched(sys.stdout):
            with activity.doing(LOADING):
                from fer_plugins.experiments.resuming import resume

            resume(request.resume, request.flags)
    else:
        count = request.flags.pop("seeds", None)
        resolved = _resolve(request, 0)
        if "print-config" in request.switches:
            print(config.dump(resolved.config), end="")
            return DONE
        with activity.watched(sys.stdout):
            with activity.doing(LOADING):
                from fer_plugins.experiments.run import run
            if count is None:
                run(resolved)
            else:
                from fer_plugins.experiments.seeds import run_seeds

                run_seeds(count, lambda number: _resolve(request, number), run)
    return DONE


def _resolve(request: Request, number: int) -> config.Resolved:
    """Resolve the words of ``fer-run``, with the seed raised by ``number``."""
    plugin, recipe, files = request.plugin, request.recipe, request.files
    resolved = config.resolve(request.flags, plugin=plugin, recipe=recipe, files=files)
    if number == 0:
        return resolved
    flags = {**request.flags, "seed": resolved.config["seed"] + number}
    return config.resolve(flags, plugin=plugin, recipe=recipe, files=files)


def _search(words: list[str]) -> int:
    out, rest = None, []
    left = iter(words)
    for word in left:
        if word == "--out" or word.startswith("--out="):
            out = word[6:] if "=" in word else next(left, None)
            if not out:
                raise InputError("--out needs a folder: --out FOLDER")
        else:
            rest.append(word)
    if not rest or rest[0].startswith("-"):
        raise InputError(
            "fer search: expected a file: fer search SPACE.yaml --plugin NAME [--out FOLDER] [fer-run flags]"
        )
    request = parse(rest[1:])
    if request.plugin is None or request.switches or request.resume:
        raise InputError("fer search: needs --plugin NAME, and takes fer-run's flags except --resume and the listings")
    folder = out or f"runs/search-{request.plugin}-{time.strftime('%Y%m%d-%H%M%S')}"
    plugin, recipe, files = request.plugin, request.recipe, request.files
    with activity.watched(sys.stdout):
        with activity.doing(LOADING):
            from fer_plugins.experiments import search
        space = search.read_space(rest[0])
        search.search(space, request.flags, plugin=plugin, recipe=recipe, files=files, folder=Path(folder))
    print(f"recorded in {folder}/search.csv; score the best once: fer-run --config {folder}/best.yaml")
    return DONE


# Verb -> module and function; a module is imported when its verb is used. Those of this file stand in ``_verb``.
_VERBS = {
    "check": "fer_plugins.commands.check:check",
    "data": "fer_plugins.commands.data:data",
    "compare": "fer_plugins.commands.compare:compare",
    "evaluate": "fer_plugins.commands.robustness:evaluate",
    "figures": "fer_plugins.commands.figures:figures",
    "grid": "fer_plugins.commands.grid:grid",
    "inflation": "fer_plugins.commands.inflation:inflation",
    "verify": "fer_plugins.commands.verify:verify",
    "table": "fer_plugins.commands.table:table",
}


def _verb(words: list[str]) -> int:
    own: dict[str, Callable[[list[str]], int]] = {
        "run": _run,
        "list": listing.list_offers,
        "show": listing.show,
        "search": _search,
        "new": scaffold.new,
    }
    if not words or words[0] in ("-h", "--help"):
        print(help.fer())
        return DONE
    if words[0] == "--version":
        print(f"fer-plugins {__version__}")
        return DONE
    from fer_plugins.config.registry import nearest

    verb, rest = words[0], words[1:]
    offered, _ = read_installed("fer_plugins.commands")
    verbs = {entry.name: f"{entry.module}:{entry.attribute}" for entry in offered} | _VERBS
    if verb not in (*own, *verbs):
        known = [*own, *verbs]
        raise InputError(f"unknown verb {verb!r}{nearest(verb, known)}; known: {', '.join(known)}")
    if verb != "run" and {"-h", "--help"} & set(rest):
        print(help.fer(verb))
        return DONE
    if verb in own:
        return own[verb](rest)
    # Progress of what is written to standard output does not belong into it, and no log needs it.
    with activity.watched(sys.stdout if verb == "grid" else sys.stderr) if _says(verb) else nullcontext():
        module, _, name = verbs[verb].partition(":")
        with activity.doing(LOADING):
            function = getattr(importlib.import_module(module), name)
        with activity.doing(f"fer {verb}"):
            code: int = function(rest)
    return code


def _says(verb: str) -> bool:
    return verb == "grid" or sys.stderr.isatty()


def fer_run() -> None:
    """Entry point of ``fer-run``."""
    interrupt_on_signals()
    sys.exit(call("fer-run", _run, sys.argv[1:]))


def fer() -> None:
    """Entry point of ``fer``."""
    interrupt_on_signals()
    sys.exit(call("fer", _verb, sys.argv[1:]))


def call(command: str, function: Callable[[list[str]], int], words: list[str]) -> int:
    """Call a command and turn what it raises into one line on stderr and an exit code.

    0 done, 1 the run failed, 2 the user's input is wrong. ``FER_DEBUG=1`` shows the traceback as well.
    """
    let_threads_wait()
    tolerate_damage()
    try:
        for word in words:
            check_text(word, "the command line")
        code = function(words)
        sys.stdout.flush()
        for fault in registry.faults():  # an error that they may have caused names them itself
            print(f"{command}: not read: {fault}", file=sys.stderr)
        return code
    except BrokenPipeError:  # fer-run --list | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or (interruptions() and not isinstance(error, Interrupted)):
            print(f"{command}: interrupted", file=sys.stderr)  # whatever a library made of it
            return FAILED
        if not isinstance(error, InputError | RunError):
            raise
        return _complain(command, error, WRONG_INPUT if isinstance(error, InputError) else FAILED)


def _complain(command: str, error: Exception, code: int) -> int:
    if os.environ.get("FER_DEBUG") == "1":
        traceback.print_exception(error)
    print(f"{command}: {' '.join(str(error).split())}", file=sys.stderr)
    return code
