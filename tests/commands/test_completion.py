"""A shell completes verbs, options, keys and names; nothing heavy is imported for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from fer_plugins.commands import main
from fer_plugins.commands.installed_verbs import fer_verbs
from fer_plugins.commands.run import run
from fer_plugins.config import registry

HERE = Path(sys.executable).parent


def complete(program, *words):
    """Return what a shell offers behind the last word."""
    shell = ShellComplete(fer_verbs if program == "fer" else run, {}, program, "_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("fer", "pro"), ["protocol-bias"]),
        (("fer", "compare", "--cl"), ["--classes"]),
        (("fer", "table", "RUN", "--format", "t"), ["tex"]),
        (("fer", "robustness", "RUN", "--suite", "shift,occ"), ["shift,occlusion"]),
        (("fer", "show", "max_"), ["max_blur"]),
        (("fer", "data", "au"), ["audit"]),
        (("fer", "data", "check", "jaf"), ["jaffe"]),
        (("fer", "data", "split", "jaffe", "ROOT", "--protocol", "leave"), ["leave_one_subject_out"]),
        (("fer", "data", "check", "jaffe", "--data.ch"), ["--data.check", "--data.channels"]),
        (("fer", "new", "a", "--kind", "arch"), ["architecture"]),
        (("fer", "completion", "z"), ["zsh"]),
        (("fer-run", "--plugin", "lenet"), ["lenet5"]),
        (("fer-run", "--plug"), ["--plugin"]),
        (("fer-run", "--data", "ferg"), ["ferg"]),
        (("fer-run", "--protocol", "leave"), ["leave_one_subject_out"]),
        (("fer-run", "--plugin", "lenet5", "--model.pool", "max_"), ["max_blur"]),
        (("fer-run", "--optimizer.l"), ["--optimizer.lr"]),
        (("fer-run", "--data", "folder", "--data.root", "x", "--data.cs"), ["--data.csv"]),
        (("fer", "search", "FILE", "--augmentation", "lig"), ["light"]),
    ],
)
def test_a_word_is_completed(words, wanted):
    offered = complete(*words)
    assert set(wanted) <= set(offered)
    assert all(word.startswith(words[-1]) for word in offered)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_in_their_own_way(shell):
    environment = {**os.environ, "_FER_COMPLETE": f"{shell}_complete", "COMP_WORDS": "fer veri", "COMP_CWORD": "1"}
    if shell == "fish":
        environment["COMP_CWORD"] = "veri"
    done = subprocess.run([str(HERE / "fer")], capture_output=True, text=True, env=environment)
    assert "verify" in done.stdout.replace(",", "\n").split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_both_commands(shell, capsys):
    assert main.call("fer", main._verb, ["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_FER_COMPLETE={shell}_complete" in script
    assert f"_FER_RUN_COMPLETE={shell}_complete" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_takes_the_script_and_asks(tmp_path):
    script = """
    eval "$(fer completion bash)"
    COMP_WORDS=(fer sho); COMP_CWORD=1; COMP_LINE="fer sho"
    _fer_completion fer sho fer
    echo "${COMPREPLY[@]}"
    COMPREPLY=()
    COMP_WORDS=(fer-run --plugin lenet); COMP_CWORD=2
    _fer_run_completion fer-run lenet --plugin
    echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{HERE}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["show", "lenet5"]


def test_to_complete_costs_neither_torch_nor_numpy():
    program = (
        "import sys; from click.shell_completion import ShellComplete\n"
        "from fer_plugins.commands.installed_verbs import fer_verbs\n"
        "shell = ShellComplete(fer_verbs, {}, 'fer', '')\n"
        "for verb in sys.argv[1:]: assert shell.get_completions(verb.split(), '--'), verb\n"
        "print([name for name in ('torch', 'numpy', 'lightning', 'pandas') if name in sys.modules])"
    )
    verbs = [
        *sorted({component.name for component in registry.available("command")} - {"data"}),
        "data check",
        "data audit",
    ]
    done = subprocess.run([sys.executable, "-c", program, *verbs], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_unknown_shell_is_refused(capsys):
    assert main.call("fer", main._verb, ["completion", "bsh"]) == 2
    assert "SHELL bsh: expected one of bash, zsh, fish; did you mean bash" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_takes_the_script_and_asks():
    script = 'fer completion fish | source; complete -C "fer veri"; complete -C "fer-run --plugin lenet"'
    environment = {**os.environ, "PATH": f"{HERE}:{os.environ['PATH']}"}
    done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, env=environment)
    assert [line.split("\t")[0] for line in done.stdout.splitlines() if line] == ["verify", "lenet5"], done.stderr


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_the_script_and_asks():
    """A line editor is needed: zsh runs in a terminal of zsh's own making, and gets a tab."""
    script = r"""
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PS1=; autoload -U compinit; compinit -u; eval "$(fer completion zsh)"; print READY'
    zpty -r shell line '*READY*READY*'
    zpty -w -n shell $'fer veri\t'
    zpty -r shell line '*verify*' && print "offered: verify"
    """
    environment = {**os.environ, "PATH": f"{HERE}:{os.environ['PATH']}", "TERM": "xterm"}
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, env=environment, timeout=300)
    assert done.stdout.splitlines()[-1:] == ["offered: verify"], done.stderr
