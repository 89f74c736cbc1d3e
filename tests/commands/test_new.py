"""``fer new``: what it makes passes its own tests and is used in a run; wrong words and names make nothing."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from fer_plugins.commands import main
from fer_plugins.commands.new import KINDS, make, render
from fer_plugins.config import registry
from fer_plugins.experiments.run import run

GUIDE = (ROOT / "docs" / "writing-a-plugin.md").read_text()
EXAMPLES = {
    **{"mixed": "pooling", "grey_square": "augmentation", "class_folders": "dataset", "held_back": "protocol"},
    **{"eased": "loss", "short_weights": "callback", "json_lines": "logger"},
    **{"g_mean": "metric", "middle": "detector"},
}


def fer(*words):
    return main.call("fer", main._verb, list(words))


def lines_of_code(text):
    """Lines that are neither empty, nor comment, nor docstring."""
    tree = ast.parse(text)
    covered = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            covered.update(range(body[0].lineno, body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in covered for number, line in lines
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_whole(kind, tmp_path, capsys):
    name = f"my_{kind}"
    assert fer("new", name, "--kind", kind, "--out", str(tmp_path)) == 0
    printed = capsys.readouterr().out
    folder = tmp_path / name
    assert f"pip install -e {folder}" in printed
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = {"pyproject.toml", "README.md", f"test_{name}.py", f"fer_{name}/__init__.py"}
    assert files == wanted | (
        {f"fer_{name}/paper.yaml", f"fer_{name}/claims.yaml"} if kind == "architecture" else set()
    )
    made = "".join((folder / file).read_text() for file in files)
    assert not re.findall(r"@[A-Z]+@", made)  # a place that was not filled


def test_what_is_made_passes_its_own_tests(tmp_path):
    """All kinds in one process: each would import torch anew."""
    folders = [make(f"my_{kind}", kind, tmp_path) for kind in KINDS]
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    words += ["--rootdir", str(tmp_path), "--junit-xml", str(tmp_path / "tests.xml"), *map(str, folders)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    report = (tmp_path / "tests.xml").read_text()
    for folder in folders:
        assert f"test_{folder.name}" in report, f"no test of {folder.name} was run"


def test_what_is_made_passes_the_linter(tmp_path):
    pytest.importorskip("ruff", reason="the linter is not installed: pip install ruff")
    folders = [make(f"my_{kind}", kind, tmp_path) for kind in KINDS]
    # I001: which packages are one's own depends on where the folder lies.
    rules = ["--config", str(ROOT / "pyproject.toml"), "--ignore", "D103,I001"]
    for words in (["check", *rules], ["format", "--check", "--config", str(ROOT / "pyproject.toml")]):
        ruff = [sys.executable, "-m", "ruff", *words, *map(str, folders)]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_a_network_is_at_most_40_lines_of_code():
    text = render("my_net", "architecture", Path("my_net"))["fer_my_net/__init__.py"]
    assert lines_of_code(text) <= 40


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_guide_shows_each_small_kind_in_under_40_lines(name):
    text = render(name, EXAMPLES[name], Path(name))[f"fer_{name}/__init__.py"]
    assert f"```python\n{text.rstrip()}\n```" in GUIDE
    assert lines_of_code(text) < 40
    assert f"`fer new {name} --kind {EXAMPLES[name]}`" in GUIDE


@pytest.fixture
def examples(make_distribution):
    for name, kind in EXAMPLES.items():
        text = render(name, kind, Path(name))[f"fer_{name}/__init__.py"]
        attribute = (
            "".join(split.capitalize() for split in name.split("_")) if kind not in ("protocol", "metric") else name
        )
        group = registry.GROUPS[kind].removeprefix("fer_plugins.")
        make_distribution(f"fer_{name}", [(group, name, f"fer_{name}:{attribute}")], text)


def test_third_party_offers_work_together_in_one_run(examples, toy, tmp_path):
    from PIL import Image

    faces = registry.build("dataset", "synthetic", samples=210)
    for index, label in enumerate(faces.table["label"]):
        folder = tmp_path / "faces" / faces.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces[index][..., 0]).save(folder / f"{index}.png")
    flags = {
        "plugin": "toy",
        "model": {"pool": {"name": "mixed", "share": 0.25}},
        "augmentation": {"name": "grey_square", "share": 0.2},
        "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
        "logger": {"name": "none"},
        "run": {"output": str(tmp_path / "runs")},
    }
    files = {"name": "class_folders", "root": str(tmp_path / "faces"), "image_size": 24, "workers": 0}
    own = run({**flags, "data": files, "protocol": {"name": "random"}})
    assert own.manifest["data"]["title"] == "class_folders"
    assert own.config["model"]["pool"] == {"name": "mixed", "share": 0.25}
    assert 0 <= own.metrics["test"]["g_mean"] <= own.metrics["test"]["intervals"]["g_mean"]["high"] <= 1
    drawn = {"name": "synthetic", "samples": 420, "image_size": 24, "workers": 0}
    more = {"loss": "eased", "callbacks": "short_weights", "logger": "json_lines"}
    held = run({**flags, **more, "data": drawn, "protocol": {"name": "held_back", "share": 0.25}})
    assert (held.config["loss"], held.config["callbacks"]) == (
        {"name": "eased", "power": 1.0},
        [{"name": "short_weights", "longest": 3.0}],
    )
    assert len((held.folder / "json_lines.jsonl").read_text().splitlines()) == 2  # of the epoch, and of the result
    counts = held.manifest["data"]["counts"]
    assert sum(counts["val"].values()) == pytest.approx(
        0.25 * sum(map(sum, (c.values() for c in (counts["train"], counts["val"])))), abs=7
    )


@pytest.mark.parametrize("name", [*EXAMPLES])
def test_fer_check_passes_the_examples(examples, name, tmp_path, capsys):
    from PIL import Image

    (tmp_path / "root" / "happy").mkdir(parents=True)
    (tmp_path / "root" / "sad").mkdir()
    for shade, label in ((10, "happy"), (200, "sad")):
        Image.new("L", (8, 8), shade).save(tmp_path / "root" / label / "0.png")
    assert fer("check", name, "--root", str(tmp_path / "root")) == 0
    assert "0 broken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected one name"),
        (["a", "b"], "'b' is a word too many; expected one name"),
        (["MyNet"], "is not a plug-in name"),
        (["9lives"], "is not a plug-in name"),
        (["my-net"], "is not a plug-in name"),
        (["../x"], "is not a plug-in name"),
        (["class"], "is a word of Python"),
        (["match"], "is a word of Python"),
        (["toy"], "the name is taken by architecture toy"),
        (["max", "--kind", "pooling"], "the name is taken by pooling max"),
        (["new_net", "--kind", "architectur"], "did you mean architecture"),
        (["new_net", "--kind"], "--kind needs a value"),
        (["new_net", "--kinds", "pooling"], "did you mean --kind"),
        (["new_net", "--out", "nowhere"], "nowhere is not a folder; make it first"),
        (["there", "--out", "OUT"], "already exists"),
    ],
)
def test_wrong_words_make_nothing(toy, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "there").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    words = ["out" if word == "OUT" else word for word in words]
    assert fer("new", *words) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_written_leaves_nothing_half(tmp_path, monkeypatch, capsys):
    def full(self, *rest, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert fer("new", "my_net", "--out", str(tmp_path)) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_making_needs_no_torch(tmp_path):
    script = (
        "import sys; from fer_plugins.commands import main; main._verb(['new', 'a']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_range_on_the_core_is_this_version_s(tmp_path):
    text = (make("my_net", "architecture", tmp_path) / "pyproject.toml").read_text()
    assert re.search(r'dependencies = \["fer-plugins>=0\.1,<0\.2"\]', text)
    assert importlib.util.find_spec("fer_my_net") is None
