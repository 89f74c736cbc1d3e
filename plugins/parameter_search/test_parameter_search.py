"""``fer search``: the space, the trials, the record; the test split stays sealed."""

import csv
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fer_parameter_search.random_search import RandomSearch
from fer_parameter_search.search import search
from fer_parameter_search.search_space import Axis, read_space
from hypothesis import given
from hypothesis import strategies as st

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.runtime.errors import InputError, RunError

SPACE = """
search: {name: random, trials: 3}
space:
  optimizer.lr: {low: 1e-4, high: 3e-2, log: true}
  model.width: {low: 2, high: 8, integer: true}
"""
BASE = {
    "data": {"name": "synthetic", "image_size": 24, "samples": 210, "batch_size": 16},
    "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
    "logger": {"name": "none"},
}


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(SPACE)
    return path


@given(st.floats(0, 1), st.sampled_from([(1e-4, 1e-2, True, False), (-3, 5, False, True), (1, 512, True, True)]))
def test_values_stay_in_their_range(coordinate, kind):
    low, high, log, integer = kind
    axis = Axis("optimizer.lr", low, high, log=log, integer=integer)
    value = axis.value(coordinate)
    assert low <= value <= high
    assert isinstance(value, int) == integer


def test_ends_middle_and_shares():
    assert [Axis("a.b", 1e-4, 1e-2, log=True).value(at) for at in (0, 0.5, 1)] == [1e-4, 1e-3, 1e-2]
    assert [Axis("a.b", 2.0, 4.0).value(at) for at in (0, 0.25, 1)] == [2.0, 2.5, 4.0]
    drawn = [Axis("a.b", 1, 4, integer=True).value((k + 0.5) / 4000) for k in range(4000)]
    assert [drawn.count(k) for k in (1, 2, 3, 4)] == [1000] * 4


def test_a_search_leaves_trials_rows_and_the_best_configuration(toy, tmp_path, space):
    said = []
    folder = tmp_path / "found"
    best = search(read_space(space), BASE, plugin="toy", folder=folder, say=said.append)
    with (folder / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    scored = [row for row in rows if row["val/accuracy"]]
    assert len(rows) == len(said) == len(list((folder / "trials").iterdir())) == 3
    assert scored
    top = max(scored, key=lambda row: float(row["val/accuracy"]))
    assert best.optimizer.lr == pytest.approx(float(top["optimizer.lr"]))
    assert best.model.options["width"] == int(top["model.width"])
    for row in rows:
        manifest = json.loads(Path(row["run"], "manifest.json").read_text())
        assert manifest["test_opened"] == []
        assert manifest["reported_on"] == "val"
    saved = config.resolve(files=[str(folder / "best.yaml")]).config
    assert saved.optimizer.lr == best.optimizer.lr
    assert saved.run.test is True


def test_names_and_sections_are_searched_as_well_as_ranges(toy, tmp_path, space):
    space.write_text(
        "search: {name: random, trials: 4}\n"
        "space:\n"
        "  optimizer: [{name: Adam, lr: 1e-3}, {name: SGD, lr: 0.1, momentum: 0.9}]\n"
        "  data.batch_size: [16, 32]\n"
        "  model.width: {low: 2, high: 8, integer: true}\n"
    )
    lines = []
    base = {**BASE, "data": {"name": "synthetic", "image_size": 24, "samples": 210}}
    base["trainer"] = {**BASE["trainer"], "epochs": 1}
    best = search(read_space(space), base, plugin="toy", folder=tmp_path / "found", say=lines.append)
    assert best.optimizer.name in ("Adam", "SGD")
    assert best.optimizer.options.get("momentum", 0.0) in (0.0, 0.9)
    assert best.data.batch_size in (16, 32)
    rows = list(csv.DictReader((tmp_path / "found" / "search.csv").open()))
    assert {yaml.safe_load(row["optimizer"])["name"] for row in rows} == {"Adam", "SGD"}
    assert all("optimizer Adam" in line or "optimizer SGD" in line for line in lines)


def test_a_configuration_is_trained_once(toy, tmp_path, space):
    space.write_text("search: {name: random, trials: 5}\nspace: {optimizer.name: [SGD, Adam]}\n")
    lines = []
    search(read_space(space), BASE, plugin="toy", folder=tmp_path / "found", say=lines.append)
    rows = list(csv.DictReader((tmp_path / "found" / "search.csv").open()))
    assert len(list((tmp_path / "found" / "trials").iterdir())) == 2
    first = {name: [row["optimizer.name"] for row in rows].index(name) for name in ("Adam", "SGD")}
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        earlier = first[row["optimizer.name"]]
        assert [row[key] for key in ("val/accuracy", "run")] == [rows[earlier][key] for key in ("val/accuracy", "run")]
        assert line.endswith(f"as trial {earlier + 1}") == (number != earlier)


def test_of_several_folds_one_is_searched_and_scored(toy, tmp_path, space):
    base = {**BASE, "protocol": {"name": "subject_kfold", "k": 3}}
    folder = tmp_path / "found"
    with pytest.raises(InputError, match=r"has 3 folds, and a search on one sees test images .*; add --run\.fold 0"):
        search(read_space(space), base, plugin="toy", folder=folder, say=lambda _: None)
    assert not folder.exists()
    search(read_space(space), {**base, "run": {"fold": 1}}, plugin="toy", folder=folder, say=lambda _: None)
    assert config.resolve(files=[str(folder / "best.yaml")]).config.run.fold == 1
    for run in (folder / "trials").iterdir():
        manifest = json.loads((run / "manifest.json").read_text())
        assert (manifest["protocol"]["fold"], manifest["test_opened"]) == (1, [])


def test_wrong_input_is_refused_before_pytorch_is_loaded(tmp_path, space):
    code = (
        "import sys\nfrom fer_plugins.commands import main\n"
        f"words = ['search', {str(space)!r}, '--plugin', 'lenet5', '--data', 'synthetic', '--data.sample', '3']\n"
        "assert main.call('fer', main._verb, words) == 2\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert list(tmp_path.iterdir()) == [space]


def test_the_same_search_finds_the_same(toy, tmp_path, space):
    one, two = (
        search(read_space(space), BASE, plugin="toy", folder=tmp_path / name, say=lambda _: None) for name in "ab"
    )
    assert one.optimizer == two.optimizer
    rows = [(tmp_path / name / "search.csv").read_text().splitlines() for name in "ab"]
    assert [line.split(",")[1:4] for line in rows[0]] == [line.split(",")[1:4] for line in rows[1]]


def test_a_trial_that_fails_is_noted_and_the_others_go_on(toy, tmp_path, space, monkeypatch):
    monkeypatch.setattr("fer_plugins.training.module.find_collapse", lambda *_: [])  # after one epoch many have
    base = {**BASE, "model": {"explode_at": 12}, "trainer": {**BASE["trainer"], "epochs": 1}}
    content = yaml.safe_load(SPACE)
    content["space"] = {"model.explode_at": {"low": 1, "high": 30, "integer": True}}
    content["search"]["trials"] = 4
    space.write_text(yaml.safe_dump(content))
    search(read_space(space), base, plugin="toy", folder=tmp_path / "found", say=lambda _: None)
    with (tmp_path / "found" / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    problems = [row["problem"] for row in rows]
    assert any("nan" in problem for problem in problems)
    assert any(row["val/accuracy"] for row in rows)
    base["model"] = {}
    content["space"] = {"model.explode_at": {"low": 1, "high": 2, "integer": True}}
    space.write_text(yaml.safe_dump(content))
    with pytest.raises(RunError, match="every one of the 4 trials failed"):
        search(read_space(space), base, plugin="toy", folder=tmp_path / "none", say=lambda _: None)
    assert not (tmp_path / "none" / "best.yaml").exists()


def test_random_search_draws_from_its_seed():
    def points(seed, trials=5):
        searcher = RandomSearch(dimensions=3, seed=seed, trials=trials)
        found = []
        while (point := searcher.ask()) is not None:
            found.append(point)
            searcher.tell(math.inf)
        return found

    assert points(0) == points(0) != points(1)
    assert len(points(0, 7)) == 7
    assert all(0 <= at <= 1 for point in points(2) for at in point)
    with pytest.raises(ValueError, match="at least 1"):
        RandomSearch(dimensions=1, seed=0, trials=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[1, 2]", "expected sections with keys"),
        ("{search: {name: random}, spaces: {}}", "unknown key 'spaces'; known: search, space"),
        ("{search: random, space: {optimizer.lr: {low: 0, high: 1}}}", "search needs a name"),
        ("{search: {name: random}, space: {}}", "space needs at least one key"),
        ("{search: {name: random, seed: x}, space: {optimizer.lr: {low: 0, high: 1}}}", "search.seed must be"),
        ("{search: {name: random}, space: {optimiser.lr: {low: 0, high: 1}}}", "did you mean optimizer"),
        ("{search: {name: random}, space: {protocol.seed: {low: 0, high: 9}}}", "changes what is measured"),
        ("{search: {name: random}, space: {seed: [0, 1]}}", "space.seed: is the same in all trials; leave it out"),
        ("{search: {name: random}, space: {data.votes: [a, b]}}", "space.data.votes: changes what is measured"),
        (
            "{search: {name: random}, space: {data.samples: [210, 420]}}",
            "an option of the dataset synthetic: it changes",
        ),
        ("{search: {name: random}, space: {optimizer.lr: {low: 0}}}", "expected {low: NUMBER"),
        ("{search: {name: random}, space: {optimizer.lr: {low: a, high: 1}}}", "must be numbers, not 'a'"),
        ("{search: {name: random}, space: {optimizer.lr: {low: 1, high: 1}}}", "low 1 must be below high 1"),
        ("{search: {name: random}, space: {optimizer.lr: {low: 0, high: 1, log: true}}}", "must begin above 0"),
        ("{search: {name: random}, space: {model.width: {low: 1.5, high: 4, integer: true}}}", "whole ends"),
        ("{search: {name: random}, space: {optimizer.lr: {low: 0, high: 1, log: 3}}}", "must be true or false"),
        ("{search: {name: random}, space: {model.widht: {low: 1, high: 4, integer: true}}}", "did you mean width"),
        ("{search: {name: random}, space: {model.width: {low: 1, high: 4}}}", "expected a whole number"),
        ("{search: {name: random}, space: {optimizer.name: [Adam]}}", "a list needs two values or more, each once"),
        ("{search: {name: random}, space: {optimizer.name: [Adam, SDG]}}", "did you mean SGD"),
        ("{search: {name: random}, space: {optimizer: {low: 0, high: 1}}}", "not a key of the configuration"),
        ("{search: {name: randm}, space: {optimizer.lr: {low: 0.1, high: 1}}}", "did you mean random"),
        ("{search: {name: random, trails: 3}, space: {optimizer.lr: {low: 0.1, high: 1}}}", "did you mean trials"),
    ],
)
def test_wrong_files_are_refused_before_anything_is_tried(toy, tmp_path, space, capsys, change, message):
    space.write_text(change)
    words = ["search", str(space), "--plugin", "toy", "--out", str(tmp_path / "found"), "--data", "synthetic"]
    assert main.call("fer", main._verb, words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected one file"),
        (["--plugin", "toy"], "expected one file"),
        (["SPACE"], "needs --plugin"),
        (["SPACE", "--plugin", "toy", "--out"], "--out needs a value"),
        (["nowhere.yaml", "--plugin", "toy"], "nowhere.yaml: No such file"),
        (["SPACE", "--plugin", "toy", "--out", "FULL"], "already exists"),
        (["SPACE", "--plugin", "toy", "--out", "NEW", "--data", "synthetic", "--data.samples", "5"], "samples is 5"),
        (["SPACE", "--plugin", "toy", "--out", "NEW", "--data", "synthetic", "--run.test", "false"], "leave it out"),
    ],
)
def test_wrong_words_are_refused(toy, tmp_path, space, capsys, words, message):
    (tmp_path / "full").mkdir()
    places = {"SPACE": str(space), "FULL": str(tmp_path / "full"), "NEW": str(tmp_path / "new")}
    words = ["search", *(places.get(word, word) for word in words)]
    assert main.call("fer", main._verb, words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_an_interrupted_search_goes_on_with_the_same_command(toy, tmp_path, space, monkeypatch):
    from fer_plugins.training.module import FERModule

    real, steps = FERModule.training_step, []

    def stop(self, batch, batch_idx):
        steps.append(batch_idx)
        if self.current_epoch == 1 and len(steps) > 20:  # the second trial's second epoch
            raise KeyboardInterrupt
        return real(self, batch, batch_idx)

    def run_trials(folder, base=BASE):
        lines = []
        search(read_space(space), base, plugin="toy", folder=folder, say=lines.append)
        return lines

    begun = tmp_path / "begun"
    with monkeypatch.context() as patch:
        patch.setattr(FERModule, "training_step", stop)
        with pytest.raises(RunError, match=rf"finished trials: 1; continue with the same command and --out {begun}$"):
            run_trials(begun)
    assert len(list((begun / "trials").iterdir())) == 2
    moved = begun.rename(tmp_path / "moved")
    changed = {**BASE, "trainer": {**BASE["trainer"], "epochs": 3}}
    with pytest.raises(InputError, match=r"holds another search: trainer\.epochs was 2, now it is 3; give another"):
        run_trials(moved, changed)
    again = run_trials(moved)
    assert [line.endswith("finished already") for line in again] == [True, False, False]
    run_trials(tmp_path / "once")
    tables = {}
    for folder in (moved, tmp_path / "once"):
        rows = list(csv.DictReader((folder / "search.csv").open()))
        assert len(rows) == len(list((folder / "trials").iterdir())) == 3
        predictions = [Path(row.pop("run"), "predictions.csv").read_text() for row in rows]
        assert all(float(row.pop("seconds")) > 0 for row in rows)
        tables[folder.name] = rows, predictions, yaml.safe_load((folder / "best.yaml").read_text())["optimizer"]
    assert tables["moved"] == tables["once"]
    assert all(line.endswith("finished already") for line in run_trials(moved))


def test_a_space_needs_a_file_that_is_there(tmp_path):
    with pytest.raises(InputError, match="fer search"):
        read_space(tmp_path / "none.yaml")
