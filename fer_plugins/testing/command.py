"""The contract of ``fer_plugins.commands``."""

from __future__ import annotations

import contextlib
import inspect
import io
from collections.abc import Callable
from typing import Any

import click

from fer_plugins.runtime.errors import first_line
from fer_plugins.testing.findings import Failed, Findings

_UNKNOWN = "--no-such-option-at-all"


def check_command(offered: click.Command | Callable[[list[str]], int]) -> None:
    """Check a verb: a one-line description, help that fits 80 columns, and an error for unknown options.

    It is called once, with an option that it cannot know.

    Args:
        offered: a ``click.Command``, or a function ``(argv: list[str]) -> int``.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("command", offered if not isinstance(offered, click.Command) else offered.callback or offered)
    if isinstance(offered, click.Command):
        text = offered.help or ""
        _check_help(findings, offered)
    else:
        text = inspect.getdoc(offered) or ""
        _check_signature(findings, offered)
    findings.require(
        bool(text.strip()), "says what it does", "it has no docstring", "write one line, which `fer --help` shows"
    )
    _check_refusal(findings, offered)
    findings.report()


def _check_signature(findings: Findings, function: Callable[..., Any]) -> None:
    signature = findings.attempt(
        lambda: inspect.signature(function), "signature", "reading it", "offer a click.Command or a function"
    )
    if isinstance(signature, Failed):
        return
    try:
        signature.bind(["word"])
    except TypeError:
        findings.add("takes argv", f"the signature is {signature}", "take the list of words as the one argument")


def _check_help(findings: Findings, command: click.Command) -> None:
    settings = {"max_content_width": 80, "terminal_width": 80}
    shown = findings.attempt(
        lambda: command.get_help(click.Context(command, info_name="fer verb", **settings)),  # type: ignore[arg-type]
        "has a help",
        "writing it",
        "let click write the help",
    )
    if not isinstance(shown, Failed):
        widest = max(map(len, shown.splitlines()))
        findings.require(widest <= 80, "help on 80 columns", f"a line has {widest} signs", "break it")


def _check_refusal(findings: Findings, offered: Any) -> None:
    rule, remedy = "refuses what it does not know", "raise ValueError with one line that names the word and the remedy"
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            if isinstance(offered, click.Command):
                with offered.make_context("fer verb", [_UNKNOWN]) as context:
                    code = offered.invoke(context)
            else:
                code = offered([_UNKNOWN])
        except (ValueError, click.UsageError) as error:
            text = error.format_message() if isinstance(error, click.UsageError) else str(error)
            findings.require("\n" not in text.strip() != "", rule, f"it says {text!r:.80}", remedy)
            return
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            findings.add(rule, f"{_UNKNOWN} raises {first_line(error)}", remedy)
            return
    findings.require(code not in (0, None), rule, f"{_UNKNOWN} is taken, and the exit code is {code}", remedy)
