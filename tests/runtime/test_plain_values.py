"""What no configuration can hold is refused in one line that names the place, before anything is read."""

import re

import pytest
import yaml
from support import ROOT

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config.yaml_files import load_yaml
from fer_plugins.runtime.errors import InputError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--optimizer", "{1.5: 2}"], ["optimizer", "1.5 is not a name", "fer-run --help optimizer"]),
        (["--data", "{true: 1}"], ["data", "True is not a name"]),
        (["--trainer", "{1: 1, 1.0: 2}"], ["trainer", "1 is not a name"]),
        (["--scheduler", "{null: 2}"], ["scheduler", "None is not a name"]),
        (["--data.targets", "{ckplus: {1.5: 2}}"], ["data.targets.ckplus", "1.5 is not a name"]),
        (["--data.root", "a\0b"], [r"'a\x00b' holds a NUL"]),
        (["--data.root", "a\udcff"], [r"'a\udcff' is not UTF-8"]),
        (["--plugin", "a\udcff"], ["is not UTF-8"]),
        (["--data.image_size", "99999999999"], ["data.image_size: expected int 1..2048"]),
        (["--data.batch_size", "99999999999"], ["data.batch_size: expected int 1..65536"]),
        (["--trainer.epochs", "1" + "0" * 400], ["trainer.epochs", "give a smaller one"]),
        (["--data.workers", "1000000"], ["data.workers: expected int 0..256"]),
        (["--optimizer.eps", ".nan"], ["optimizer.eps", "nan"]),
        (["--model.a." + ".".join("b" * 3000), "1"], ["more than 20 levels"]),
        (["--data.a", "[" * 3000], ["data.a"]),
        (["--seed", "9" * 5000], ["seed"]),
    ],
)
def test_it_is_one_line_and_exit_code_2(words, messages, capsys):
    code = main.call("fer-run", main._run, ["--plugin", "lenet5", *words, "--print-config"])
    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
    for message in messages:
        assert message in printed.err


def test_aliases_without_end_are_refused_before_they_are_followed(tmp_path, capsys):
    path = tmp_path / "laughs.yaml"
    path.write_text(LAUGHS)
    with pytest.raises(yaml.YAMLError, match="aliases repeat more than 100,000 values"):
        load_yaml(LAUGHS)
    assert main.call("fer-run", main._run, ["--plugin", "lenet5", "--config", str(path), "--print-config"]) == 2
    assert "aliases repeat" in capsys.readouterr().err
    assert load_yaml("a: &a [1, 2]\nb: *a") == {"a": [1, 2], "b": [1, 2]}


def test_a_date_is_text():
    assert config.parse_value("2030-01-01") == "2030-01-01"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lr", "optimizer.lr"),
        ("epochs", "trainer.epochs"),
        ("batch_size", "data.batch_size"),
        ("batch-size", "data.batch_size"),
        ("wd", "optimizer.weight_decay"),
        ("gpus", "trainer.devices"),
        ("workers", "data.workers"),
        ("dataset", "data.name"),
        ("output", "run.output"),
        ("precision", "trainer.precision"),
        ("kd_alpha", "model.kd_alpha"),
        ("samples", "data.samples"),
    ],
)
def test_a_bare_key_names_the_right_one(key, meant):
    for words in (["--plugin", "dcnn_bilstm_dam", f"--{key}", "1"],):
        with pytest.raises(
            InputError, match=rf"^--{key}: unknown key \(from the command line\); did you mean --{meant}\?$"
        ):
            main._run([*words, "--print-config"])


def test_every_key_is_found_by_its_last_part():
    for section, keys in config.schema().items():
        for name in keys if isinstance(keys, dict) else []:
            if name in ("name", *config.schema()):
                continue
            with pytest.raises(InputError, match=rf"--{section}\.{name}\b"):
                config.resolve({name: 1}, plugin="lenet5")


def test_a_command_that_a_message_advises_quotes_the_path_in_it():
    """`fer figures my run` is two words to a shell: the remedy would not work when it is followed."""
    command = re.compile(
        r"(--(config|resume)|fer (figures|evaluate|compare|claims|reproduce)) \{(?!shell_word)[^}]*\}(.)"
    )
    unquoted = []
    for path in [*(ROOT / "fer_plugins").rglob("*.py"), *(ROOT / "plugins").rglob("fer_*/*.py")]:
        text = path.read_text(encoding="utf-8")
        for match in command.finditer(text):
            is_origin = 'Origin("file"' in text[max(0, match.start() - 20) : match.start()]
            if match[4] != ":" and not is_origin:  # "--resume FOLDER: ..." names an option, and advises nothing
                unquoted.append(f"{path.name}: {match[0]}")
    assert not unquoted
    assert command.search('f"repeat the run: fer-run --config {folder}/config.yaml"')
