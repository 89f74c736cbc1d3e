"""docs/papers.md is made of docs/papers.yaml, whose commands the real command line reads (they need data and runs)."""

import re
import shlex

import click
import pytest
import yaml
from fer_parameter_search.search_space import read_space
from support import ROOT

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.commands.show import _find_any
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

TABLE = yaml.safe_load((ROOT / "docs" / "papers.yaml").read_text(encoding="utf-8"))
PAGE = ROOT / "docs" / "papers.md"
HEAD = """# The papers, row by row

What each of the five papers contains, and the command that shows it here, or the reason why none does. PATH is the
place of a dataset, DATASETS a folder that holds `fer2013.tar.gz`, `ckplus`, `jaffe`, `rafdb` and `ferg` (the first
lines of a grid name those that it needs), RUN_A and RUN_B folders of finished runs. `--print-config` and `--dry-run`
say what would be trained; leave them out to train. This page is made of [papers.yaml](papers.yaml) by
`tests/test_papers_page.py`, which reads every command with the real command line.
"""
COMMANDS = {  # command -> whether it is pending
    row["command"]: row.get("pending", False) for rows in TABLE.values() for row in rows if "command" in row
}


def make_page():
    lines = [HEAD]
    for paper, rows in TABLE.items():
        shown = sum("command" in row and not row.get("pending") for row in rows)
        lines += [f"## {paper}", "", f"{shown} of {len(rows)} rows have a command.", ""]
        lines += ["| # | in the paper | here |", "| --- | --- | --- |"]
        for row in rows:
            note = f"; {row['note']}" if "note" in row else ""
            here = f"`{row['command']}`{note}" if "command" in row else f"not here: {row['reason']}"
            here = f"not yet: `{row['command']}`" if row.get("pending") else here
            lines.append(f"| {row['row']} | {row['what'].replace('|', '/')} | {here} |")
        lines.append("")
    return "\n".join(lines)


def reads(text):
    """Return whether the command line takes a command: its options, names, recipes and files."""
    program, *argv = shlex.split(text)
    if program == "fer-run":
        return main.call("fer-run", main._run, argv) == 0
    try:
        command = registry.load(registry.find("command", argv[0]))
        while isinstance(command, click.Group):
            command, argv = command.get_command(click.Context(command), argv[1]), argv[1:]
        words = command.make_context(argv[0], argv[1:]).params if isinstance(command, click.Command) else {}
        if argv[0] == "show":
            component = _find_any(words["name"])
            if component.kind == "architecture":
                config.resolve(plugin=component.name, recipe=words["recipe"])
    except (click.UsageError, InputError):
        return False
    return all((ROOT / word).is_file() for word in argv if word.startswith(("configs/", "plugins/")))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_of_a_row_is_read(command, capsys):
    taken = reads(command)
    error = capsys.readouterr().err
    if COMMANDS[command]:
        assert not taken, f"{command} is read now: take `pending: true` out of docs/papers.yaml"
    else:
        assert taken, f"{command}: {error}"


def test_every_row_has_a_command_or_a_reason():
    for paper, rows in TABLE.items():
        numbers = [row["row"] for row in rows]
        assert numbers == sorted(set(numbers)), paper
        for row in rows:
            assert ("command" in row) != ("reason" in row), (paper, row)


def test_what_is_not_here_stands_in_the_readme_and_in_fer_show():
    reasons = {row["what"]: row["reason"] for rows in TABLE.values() for row in rows if "reason" in row}
    told = {}
    for path in sorted(ROOT.glob("plugins/*/*/paper.yaml")):
        left_out = yaml.safe_load(path.read_text(encoding="utf-8"))["paper"].get("not_here") or {}
        readme = " ".join((path.parents[1] / "README.md").read_text(encoding="utf-8").split())
        for what, reason in left_out.items():
            assert f"**{what}**: {reason}." in readme, path
        told |= left_out
    assert reasons.items() <= told.items()


def test_fer_show_says_what_of_the_paper_is_not_here(capsys):
    assert main.call("fer", main._verb, ["show", "sdl_stn"]) == 0
    assert "not included from the paper: > 50-layer variant" in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/*/*_space.yaml")), ids=lambda path: path.name)
def test_the_values_of_a_search_file_are_taken_by_its_network(path):
    plugin = re.search(r"--plugin (\w+)", path.read_text(encoding="utf-8"))
    space = read_space(path)
    for axis in space.axes:
        for coordinate in axis.trial_coordinates():
            flags = {}
            config.put(flags, axis.key, axis.value(coordinate))
            assert config.resolve(flags, plugin=plugin[1]).config.model.name == plugin[1]
    options = {key: value for key, value in space.search.items() if key != "name"}
    assert len(registry.build("search", space.search["name"], dimensions=len(space.axes), **options).ask()) > 0


def test_the_page_is_that_of_the_table():
    page = make_page()
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        PAGE.write_text(page, encoding="utf-8")
        pytest.fail("docs/papers.md was not that of docs/papers.yaml and is written again; look at it and commit it")
