"""Every command that a text of the core names exists; where it is another distribution's, the text says whose."""

import ast
import re
import tomllib

import click
import pytest
from support import ROOT

from fer_plugins.commands import main
from fer_plugins.commands.installed_verbs import fer_verbs
from fer_plugins.config import components, registry
from fer_plugins.config.installed import canonical
from fer_plugins.config.requirement import ELSEWHERE, describe_installation
from fer_plugins.data.protocols.split_file import read_split
from fer_plugins.runtime.errors import InputError

CORE = "fer-plugins"
OWNERS = {component.name: canonical(component.distribution) for component in registry.available("command")}
NAMED = re.compile(r"\bfer ([a-z][a-z-]*(?: (?:[a-z-]+|--[a-z-]+))*)")


DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def is_printed(node, offered):
    """Return whether help prints the docstring of a definition: of what an entry point names, or of a verb's verb."""
    return getattr(node, "name", "") in offered or (isinstance(node, ast.FunctionDef) and bool(node.decorator_list))


def texts():
    """Yield file, line, text of the core's constants that may be printed, and whether fer_command gets the text."""
    offered = {component.attribute for component in registry.available() if component.distribution == CORE}
    for path in sorted((ROOT / "fer_plugins").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        documented = [node for node in nodes if isinstance(node, DEFINITIONS) and ast.get_docstring(node)]
        silent = {id(node.body[0].value) for node in documented if not is_printed(node, offered)}
        handed_over = {
            id(part)
            for node in nodes
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "fer_command"
            for part in [node.args[0], *getattr(node.args[0], "values", [])[:1]]
        }
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
                yield path.relative_to(ROOT).as_posix(), node.lineno, node.value, id(node) in handed_over


def named_commands():
    """Return (place, words, text) of each command that a text names."""
    for path, line, text, handed_over in texts():
        if handed_over:
            yield f"{path}:{line}", text.split(), None
        for words in NAMED.findall(" ".join(text.replace("``", "").split())):
            if words.split()[0] in OWNERS:
                yield f"{path}:{line}", words.split(), text


COMMANDS = list(named_commands())


def understood(words):
    """Return whether the words are verbs and options that there are; words that are no verb of a verb end them."""
    command = fer_verbs
    with click.Context(fer_verbs, info_name="fer") as context:
        for word in words:
            if word.startswith("--"):
                if not any(word in option.opts for option in command.get_params(context)):
                    return False
            elif isinstance(command, click.Group):
                command = command.get_command(context, word)
                if command is None:
                    return False
    return True


def test_commands_are_found():
    assert len(COMMANDS) > 20
    assert {words[0] for _, words, text in COMMANDS if text is None} >= {"data", "robustness", "score"}


@pytest.mark.parametrize(("place", "words", "text"), COMMANDS, ids=[place for place, _, _ in COMMANDS])
def test_a_named_command_exists_and_says_whose_it_is(place, words, text):
    assert understood(words), " ".join(words)
    owner = OWNERS[words[0]]
    if owner == CORE:
        return
    if text is None:  # fer_command says it, where the verb is not installed
        assert ELSEWHERE["command", words[0]] == owner
    else:
        noted = place.startswith(
            "fer_plugins/analysis/opened_run.py"
        )  # in a manifest: which command opened the test split
        assert owner in text or noted, "name it by fer_command"


@pytest.mark.parametrize(("kind", "name"), ELSEWHERE)
def test_the_folder_to_install_is_that_of_the_distribution(kind, name):
    folder = re.search(r"pip install (\S+) in the sources", describe_installation(kind, name))[1]
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == ELSEWHERE[kind, name]
    assert name in project["entry-points"][registry.GROUPS[kind]]


def test_a_dataset_that_a_text_names_is_the_core_s_or_says_whose_it_is():
    named = {name for _, _, text, _ in texts() for name in re.findall(r"--data(?:\.name)? ([a-z][a-z0-9]+)", text)}
    own = {component.name for component in registry.available("dataset") if component.distribution == CORE}
    assert named - own - {"given"} == {name for kind, name in ELSEWHERE if kind == "dataset"}  # "--data given twice"


@pytest.fixture
def core_alone(monkeypatch):
    own = [component for component in registry.available() if component.distribution == CORE]
    for module in (registry, components):
        monkeypatch.setattr(
            module, "available", lambda kind=None: [entry for entry in own if kind in (None, entry.kind)]
        )


def test_with_the_core_alone_a_message_says_what_to_install_first(core_alone):
    with pytest.raises(InputError, match=r"make it with fer data split \(first install fer-data-audit: pip install "):
        read_split("/nowhere")


@pytest.mark.parametrize("verb", ["data", "compare", "search"])
def test_with_the_core_alone_an_unknown_verb_says_what_to_install(verb, core_alone, capsys):
    assert main.call("fer", main._verb, [verb]) == 2
    assert f"unknown command '{verb}'; install {ELSEWHERE['command', verb]}: pip install " in capsys.readouterr().err


def test_with_the_core_alone_an_unknown_dataset_says_what_to_install(core_alone):
    with pytest.raises(InputError, match="unknown dataset 'fer2013'; install fer-face-datasets: pip install "):
        registry.find("dataset", "fer2013")
