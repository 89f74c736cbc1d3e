"""A verb is an entry point: those of plug-ins are found, called and explained, and cost nobody else anything."""

import sys

import pytest

from fer_plugins.commands import main

FUNCTION = '''
"""A made-up plug-in."""


def greet(argv: list[str]) -> int:
    """Greet who is named.

    Raises:
        ValueError: nobody is named.
    """
    if not argv:
        raise ValueError("nobody is named; give a name: fer greet NAME")
    if argv == ["crash"]:
        raise ZeroDivisionError("oh")
    if argv == ["gone"]:
        open("/nowhere/at/all")
    print(f"hello {' '.join(argv)}")
    return len(argv) - 1
'''
COMMAND = '''
import click


@click.command()
@click.argument("name")
@click.option("--loud", is_flag=True, help="Louder.")
def wave(name: str, loud: bool) -> None:
    """Wave at NAME."""
    print(name.upper() if loud else name)
'''


def fer(capsys, *argv):
    code = main.call("fer", main._verb, list(argv))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def greet(make_distribution):
    return make_distribution("fer_greet", [("commands", "greet", "fer_greet:greet")], FUNCTION)


def test_a_function_of_argv_is_a_verb(greet, capsys):
    assert fer(capsys, "greet", "Ada") == (0, "hello Ada\n", "")
    assert fer(capsys, "greet", "Ada", "--as=you", "-x") == (2, "hello Ada --as=you -x\n", "")
    code, printed, _ = fer(capsys, "greet", "--help")
    assert code == 0
    assert "Greet who is named." in printed
    assert "Raises" not in printed


def test_what_it_raises_is_one_line_with_its_name(greet, capsys):
    name = "command greet (from fer_greet 1.0)"
    assert fer(capsys, "greet") == (2, "", f"fer: {name}: nobody is named; give a name: fer greet NAME\n")
    assert fer(capsys, "greet", "crash") == (1, "", f"fer: {name} failed: ZeroDivisionError: oh\n")
    code, _, message = fer(capsys, "greet", "gone")
    assert (code, message.count("\n")) == (2, 1)
    assert "/nowhere/at/all" in message


def test_a_click_command_is_a_verb(make_distribution, capsys):
    make_distribution("fer_wave", [("commands", "wave", "fer_wave:wave")], COMMAND)
    assert fer(capsys, "wave", "Ada", "--loud") == (0, "ADA\n", "")
    code, _, message = fer(capsys, "wave", "Ada", "--lout")
    assert (code, message) == (2, "fer wave: unknown option '--lout'; did you mean --loud?; known: --loud\n")
    code, _, message = fer(capsys, "wave")
    assert (code, message) == (2, "fer wave: NAME is missing; expected one name: fer wave\n")
    assert "Wave at NAME." in fer(capsys, "wave", "--help")[1]


def test_the_overview_names_it_without_importing_it(greet, capsys):
    shown = fer(capsys, "--help")[1]
    assert "Greet who is named. (from fer_greet)" in " ".join(shown.split())
    assert "fer_greet" not in sys.modules


def test_one_that_does_not_load_costs_one_line_and_nobody_else_anything(make_distribution, capsys):
    make_distribution("fer_bad", [("commands", "bad", "fer_bad:bad")], "import not_there_at_all")
    code, printed, error = fer(capsys, "bad")
    assert (code, printed, error.count("\n")) == (2, "", 1)
    assert "command bad (from fer_bad 1.0) does not load: ModuleNotFoundError" in error
    assert "pip uninstall fer_bad" in error
    assert fer(capsys, "list", "--json")[0] == 0
    code, printed, error = fer(capsys, "--help")
    assert (code, error) == (0, "")
    assert "  bad " in printed


def test_a_clash_is_refused_naming_both_and_the_remedy_works(greet, make_distribution, capsys):
    make_distribution("fer_other", [("commands", "greet", "fer_other:greet")], FUNCTION)
    code, _, message = fer(capsys, "greet", "Ada")
    assert code == 2
    assert "offered by fer_greet 1.0 and fer_other 1.0" in message or "fer_other 1.0 and fer_greet 1.0" in message
    assert "say which: " in message
    assert fer(capsys, "fer_greet:greet", "Ada") == (0, "hello Ada\n", "")
    assert fer(capsys, "list", "--json")[0] == 0


def test_one_with_the_name_of_a_verb_of_the_core_is_a_clash_too(make_distribution, capsys):
    make_distribution("fer_mine", [("commands", "list", "fer_mine:greet")], FUNCTION)
    code, _, message = fer(capsys, "list")
    assert code == 2
    assert "fer-plugins 0.1.0" in message
    assert "fer_mine 1.0" in message
    assert fer(capsys, "fer-plugins:list")[0] == 0
    assert fer(capsys, "fer_mine:list", "Ada")[1] == "hello Ada\n"


def test_its_words_complete_in_a_shell_even_beside_a_broken_one(greet, make_distribution):
    from click.shell_completion import ShellComplete

    from fer_plugins.commands.installed_verbs import fer_verbs

    make_distribution("fer_bad", [("commands", "bad", "fer_bad:bad")], "import not_there_at_all")
    shell = ShellComplete(fer_verbs, {}, "fer", "_FER_COMPLETE")
    assert "greet" in [item.value for item in shell.get_completions([], "gr")]
    shell.get_completions(["bad"], "")  # raises nothing


def test_a_verb_that_does_not_load_lets_the_overview_and_the_front_end_alone(make_distribution, capsys):
    make_distribution("fer_bad", [("commands", "bad", "fer_gone.verb:bad")], "")
    assert fer(capsys, "--help")[0] == 0
    assert fer(capsys, "env", "--json")[0] == 0
    code, listed, _ = fer(capsys, "list")
    assert code == 0
    assert "its package fer_gone.verb is missing" in " ".join(listed.split())
