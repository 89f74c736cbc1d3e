"""The commands ``fer-run`` and ``fer VERB``: call the command, and turn errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from fer_plugins.commands.completion import answer_shell
from fer_plugins.commands.installed_verbs import fer_verbs
from fer_plugins.commands.run import run
from fer_plugins.commands.usage import UsageError, invoke
from fer_plugins.config import registry
from fer_plugins.config.tolerance import tolerate_damage
from fer_plugins.runtime import activity, process
from fer_plugins.runtime.errors import InputError, Interrupted, RunError, one_line
from fer_plugins.runtime.plain_values import check_text

DONE, FAILED, WRONG_INPUT = 0, 1, 2
_run = partial(invoke, run, "fer-run")


def fer_run() -> None:
    """Entry point of ``fer-run``."""
    process.open_streams()
    answer_shell("fer-run", run)
    process.interrupt_on_signals()
    sys.exit(call("fer-run", _run, sys.argv[1:]))


def fer() -> None:
    """Entry point of ``fer``."""
    process.open_streams()
    answer_shell("fer", fer_verbs)
    process.interrupt_on_signals()
    sys.exit(call("fer", _verb, sys.argv[1:]))


def _verb(argv: list[str]) -> int:
    name = argv[0] if argv else ""
    if name in ("run", "search") or (name != "grid" and not sys.stderr.isatty()):  # these print their own progress
        return invoke(fer_verbs, "fer", argv)
    # Progress must not be mixed with results on standard output, and is not needed in logs.
    with activity.watched(sys.stdout if name == "grid" else sys.stderr), activity.doing(f"fer {name}"):
        return invoke(fer_verbs, "fer", argv)


def call(command: str, function: Callable[[list[str]], int], argv: list[str]) -> int:
    """Call a command and turn its exceptions into one line on stderr and an exit code.

    The exit code is 0 if done, 1 if the run failed, 2 for wrong input, and that of the signal (130 for Ctrl-C) if a
    verb was interrupted. ``FER_DEBUG=1`` also prints the traceback.
    """
    process.let_threads_wait()
    tolerate_damage()
    try:
        for word in argv:
            check_text(word, "the command line")
        code = function(argv)
        sys.stdout.flush()
        for fault in registry.faults():  # an error caused by one of them names it itself
            print(f"{command}: not read: {fault}", file=sys.stderr)
        return code
    except BaseException as error:
        if isinstance(error, OSError):  # for example a closed pipe or a full disk: discard further output
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):  # fer-run --list | head
                return DONE
            error = RunError(f"{error.filename or 'standard output'}: {error.strerror or error}")
        if isinstance(error, KeyboardInterrupt) or (process.interruptions() and not isinstance(error, Interrupted)):
            print(f"{command}: interrupted", file=sys.stderr)  # even if a library raised another exception
            return FAILED if command == "fer-run" else process.exit_code_of_signal()
        if not isinstance(error, InputError | RunError):
            raise
        if os.environ.get("FER_DEBUG") == "1":
            import traceback  # only if needed, for a fast start

            traceback.print_exception(error)
        path = error.command if isinstance(error, UsageError) else command
        print(f"{path}: {one_line(error)}", file=sys.stderr)
        return WRONG_INPUT if isinstance(error, InputError) else FAILED
