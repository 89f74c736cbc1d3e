"""A plug-in whose files are wrong is named in one line, exit code 2; the others work on."""

import json
import sys

import pytest
import yaml
from support import toy_net

from fer_plugins.commands import main

PAPER, CLAIMS, SOURCE = toy_net.PAPER, toy_net.CLAIMS, toy_net.SOURCE


@pytest.fixture
def bad(make_distribution):
    """Return a function that installs a copy of the toy plug-in with some of its files replaced or (None) missing."""

    def install(**files):
        install_bad(make_distribution, "bad", files)

    return install


def install_bad(make_distribution, name, files):
    texts = {"paper.yaml": PAPER.replace("toy:", "bad:"), "claims.yaml": CLAIMS}
    texts |= {file.replace("_yaml", ".yaml"): content for file, content in files.items()}
    texts = {file: text.replace("bad:", f"{name}:") for file, text in texts.items() if text is not None}
    make_distribution(f"fer_{name}", [("architectures", name, f"fer_{name}:Toy")], SOURCE, files=texts)


def call(command, capsys):
    name, *words = command.split()
    code = main.call(name, main._run if name == "fer-run" else main._verb, words)
    return code, *capsys.readouterr()


def changed(**recipe):
    content = yaml.safe_load(PAPER.replace("toy:", "bad:"))
    content["architectures"]["bad"]["recipe"] |= recipe
    return yaml.safe_dump(content)


def claim(**values):
    content = yaml.safe_load(CLAIMS)
    content["claims"][0] |= values
    return yaml.safe_dump(content)


RUN = (
    "fer-run --plugin bad --data synthetic --data.samples 63 --data.subjects 3 --trainer.epochs 1 --logger none "
    "--run.output "
)
FAULTS = {
    "unknown option": ({"paper_yaml": changed(model={"widht": 3})}, "widht: unknown option", "did you mean width"),
    "unknown key": ({"paper_yaml": changed(trainer={"epoch": 3})}, "trainer.epoch: unknown key", "recipe of fer_bad"),
    "unknown section": ({"paper_yaml": changed(trainr={"epochs": 3})}, "trainr: unknown key", "did you mean trainer"),
    "wrong type": ({"paper_yaml": changed(data={"batch_size": "x"})}, "data.batch_size: expected", "recipe of fer_bad"),
    "unknown component": (
        {"paper_yaml": changed(augmentation={"name": "keros"})},
        "unknown augmentation 'keros'",
        "keras",
    ),
    "no paper.yaml": ({"paper_yaml": None}, "has no paper.yaml beside its package", "fer_bad 1.0"),
    "paper.yaml is not YAML": ({"paper_yaml": "paper: ["}, "paper.yaml cannot be read: line ", "fer_bad 1.0"),
    "paper.yaml without it": ({"paper_yaml": PAPER}, "not as the contract wants it", "KeyError: 'bad'"),
    "recipe is a list": ({"paper_yaml": changed().replace("recipe:", "recipe: [1]\n    x:")}, "paper.yaml", "fer_bad"),
    "claims are no YAML": ({"claims_yaml": "claims: {"}, "claims.yaml", "fer_bad"),
    "rate above 1": ({"claims_yaml": claim(value=99.3)}, "value 99.3 must be a fraction in 0..1", "write 0.993"),
    "rate below 0": ({"claims_yaml": claim(value=-0.1)}, "value -0.1 must be a fraction in 0..1", "claims.yaml"),
    "unknown model": ({"claims_yaml": claim(model="Tay")}, "model 'Tay' is not in models", "claims.yaml"),
    "model renamed": ({"claims_yaml": CLAIMS.replace("Toy", "Tie")}, "models has no 'Toy'; known: Tie", "claims.yaml"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_line_that_names_the_fault_and_nothing_written(bad, tmp_path, capsys, fault):
    files, message, more = FAULTS[fault]
    bad(**files)
    code, _, printed = call(RUN + str(tmp_path / "runs"), capsys)
    assert code == 2
    assert printed.count("\n") == 1
    assert message in printed
    assert more in printed
    assert not (tmp_path / "runs").exists()


def test_the_others_are_unaffected(make_distribution, toy, tmp_path, capsys):
    """A network is trained beside plug-ins with each of the faults."""
    for number, (files, *_) in enumerate(FAULTS.values()):
        install_bad(make_distribution, f"bad{number}", files)
    code, out, _ = call("fer list --json", capsys)
    assert code == 0
    rows = json.loads(out)
    bad = {f"bad{number}" for number in range(len(FAULTS))}
    assert {*bad, "toy", "max_blur"} <= {row["name"] for row in rows}
    status = [row["status"] for row in rows if row["name"] not in bad]
    assert all(text == "ok" or text.startswith("needs ") for text in status)
    assert call("fer show toy --json", capsys)[0] == 0
    assert call(f"{RUN.replace('bad', 'toy')}{tmp_path / 'runs'} --data.image_size 24", capsys)[0] == 0


@pytest.mark.parametrize("fault", ["no paper.yaml", "paper.yaml is not YAML", "rate above 1", "unknown option"])
def test_show_and_check_name_it_too(bad, capsys, fault):
    files, message, _ = FAULTS[fault]
    bad(**files)
    code, _, printed = call("fer show bad", capsys)
    assert code == 2
    assert message in printed
    assert printed.count("\n") == 1


def test_a_thousand_offers_are_listed_without_importing_one(tmp_path, monkeypatch, capsys):
    for number in range(1000):
        info = tmp_path / f"d{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: d{number}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[fer_plugins.architectures]\na{number} = d{number}:f\n")
        (tmp_path / f"d{number}").mkdir()
        (tmp_path / f"d{number}" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code, out, _ = call("fer list --json", capsys)
    assert code == 0
    rows = [row for row in json.loads(out) if row["distribution"] == f"d{row['name'][1:]}"]
    assert len(rows) == 1000
    assert all(row["status"] == "ok" for row in rows)
    assert not any(name in sys.modules for name in ("d0", "d999"))
