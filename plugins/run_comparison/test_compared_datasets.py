"""Many models from their folders to the page: rankings, groups, datasets, folds and seeds as blocks, the diagram."""

import io
import json

import numpy as np
import pytest
from fer_run_comparison import compared_datasets
from fer_run_comparison.blocks import blocks_of_one_dataset
from fer_run_comparison.compared_runs import compare_runs
from fer_run_comparison.page import print_comparisons
from fer_run_comparison.verdicts import add_verdicts
from rich.console import Console
from support import written_run
from support.verbs import compare, figures

from fer_plugins.analysis.seed_spread import group_models
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.runs.read_runs import read_run, read_runs

write_run, draw, write_models = written_run.write_run, written_run.draw, written_run.write_models


def compared(capsys, *arguments):
    assert main.call("fer compare", compare, [*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def printed(capsys, *arguments):
    assert main.call("fer compare", compare, list(arguments)) == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def ten_on_two(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    folders = write_models(place, 10) + write_models(place, 10, title="Others", size=120)
    return compared_datasets.compare_datasets(read_runs(folders), 1.0)


def page_of(comparisons, width=80, *, pairs=False):
    stream = io.StringIO()
    print_comparisons(Console(file=stream, width=width, color_system=None), comparisons, pairs=pairs)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def test_ten_models_are_one_page_and_the_dict_has_every_pair(ten_on_two):
    comparison = ten_on_two["datasets"][0]
    lines = page_of(comparison | {"over_blocks": {"accuracy": {"blocks": []}}})
    page = " ".join(lines)
    assert len(lines) <= 50
    assert "45 tests (McNemar's mid-p, Bonett-Price interval), corrected by Holm" in page
    assert "A s0" not in page
    assert len(comparison["pairs"]) == 45
    ranking = comparison["ranking"]["accuracy"]
    scores = [row["score"] for row in ranking["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert ranking["tests"] == 45
    groups = {row["letter"]: set(row["groups"]) for row in ranking["rows"]}
    for row in comparison["pairs"]:
        told_apart = row["accuracy"]["p_holm"] < 0.05
        assert bool(groups[row["first_letter"]] & groups[row["second_letter"]]) is not told_apart
        assert row["accuracy"]["detectable"]["level"] == pytest.approx(0.05 / 45)


def test_datasets_are_compared_one_by_one_and_then_together(ten_on_two):
    page = " ".join(page_of(ten_on_two, 100))
    heads = [page.index(head) for head in ("Faces, test, 150 samples", "Others, test, 120 samples", "over 2 datasets")]
    assert heads == sorted(heads)
    assert "Nemenyi's test tells no pair apart below 3 datasets" in page
    assert "speaks of other datasets" in page
    assert [comparison["dataset"] for comparison in ten_on_two["datasets"]] == ["Faces", "Others"]
    over = json.loads(json.dumps(ten_on_two["over_blocks"]))["accuracy"]
    assert over["kind"] == "datasets"
    assert np.shape(over["scores"]) == (2, 10)
    assert len(over["pairs"]) == 45
    best = int(np.argmin(over["friedman"]["mean_ranks"]))
    assert np.mean(over["scores"], axis=0)[best] >= np.mean(over["scores"])
    assert all(pair["bayes"] is None for pair in over["pairs"])  # two datasets are too few for a posterior


def test_pairs_prints_every_row(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    page = printed(capsys, *write_models(tmp_path, 3), "--pairs")
    assert sum(line.startswith((" A s0", " B s0")) for line in page.splitlines()) == 3 * 2
    assert "80 % power from" in page
    assert "ranking of 3 models" in page


def test_six_datasets_tell_models_apart_and_one_that_lacks_a_dataset_is_left_out(tmp_path):
    titles = [f"Set{n}" * (n + 1) for n in range(6)]
    folders = [folder for t in titles for folder in write_models(tmp_path, 3, title=t, step=0.12)]
    lonely = write_models(tmp_path / "more", 4, title=titles[0])[3]
    comparison = compared_datasets.compare_datasets(read_runs([*folders, lonely]), 1.0)
    over = comparison["over_blocks"]["accuracy"]
    assert over["left_out"] == ["net (optimizer.lr 0.4)"]
    assert over["friedman"]["p"] < 0.05
    assert over["friedman"]["groups"][0] != over["friedman"]["groups"][2]
    worst_to_best = over["pairs"][1]
    assert (worst_to_best["first"], worst_to_best["second"]) == ("net (optimizer.lr 0.1)", "net (optimizer.lr 0.3)")
    assert worst_to_best["bayes"]["second_better"] > 0.95
    assert sum(worst_to_best["bayes"].values()) == pytest.approx(1)
    assert "left out, since not run on every dataset: net (optimizer.lr 0.4)" in " ".join(page_of(comparison))


def test_seeds_are_blocks_and_groups_are_then_those_over_seeds(tmp_path, capsys):
    folders = write_models(tmp_path, 3, seeds=(0, 1, 2), step=0.15)
    comparison = compared_datasets.compare_datasets(read_runs(folders), 1.0)
    assert comparison["ranking"]["accuracy"]["by"] in ("seeds", "two_way")
    assert comparison["over_blocks"]["accuracy"]["kind"] == "seeds"
    assert comparison["over_blocks"]["accuracy"]["blocks"] == ["seed 0", "seed 1", "seed 2"]
    for row in comparison["over_seeds"]["accuracy"]["pairs"]:
        assert row["welch"]["verdict"] == ("second better" if row["welch"]["p_holm"] < 0.05 else "not distinguishable")
    page = " ".join(page_of(comparison))
    assert comparison["ranking"]["accuracy"]["method"] in page
    assert "of no other images" in page
    fewer = " ".join(printed(capsys, *(folder for folder in folders if not folder.endswith("2"))).split())
    assert "Friedman's test says nothing; with 3 models no ranks reach p < 0.05 below 3 seeds" in fewer


def test_a_verdict_on_seeds_and_images_together_decides_the_groups(tmp_path):
    comparison = compare_runs(read_runs(write_models(tmp_path, 3, seeds=(0, 1), step=0.15)))
    interval = {"level": 0.95, "method": "both"}
    outcomes = ((6.0, 0.001), (9.0, 0.0001), (3.0, 0.2))
    for score in ("accuracy", "f1"):
        for row, (points, p) in zip(comparison["over_seeds"][score]["pairs"], outcomes, strict=True):
            ends = {"points": points, "low": points - 4, "high": points + 4}
            row["two_way"] = {**interval, **ends, "p": p, "p_holm": p}
    add_verdicts(comparison, 1.0)
    ranking = comparison["ranking"]["accuracy"]
    assert ranking["by"] == "two_way"
    assert ranking["tests"] == 3
    assert [pair["verdict"] for pair in ranking["pairs"]] == ["second better", "second better", "not distinguishable"]
    assert {row["letter"]: row["groups"] for row in ranking["rows"]} == {"B": "a", "C": "a", "A": "b"}
    assert ranking["pairs"][2]["detectable"] == pytest.approx(4 / 1.96 * (2.394 + 0.8416), abs=0.01)  # level 0.05 / 3


def test_folds_are_blocks(tmp_path):
    folders = []
    for name, lr, accuracy in (("a", 0.1, 0.6), ("b", 0.2, 0.8)):
        folder = tmp_path / name
        true, predicted = draw(1, accuracy=accuracy)
        write_run(folder, true, predicted, lr=lr)
        for fold in range(3):
            part = slice(100 * fold, 100 * fold + 100)
            write_run(folder / f"f{fold}", true[part], predicted[part], lr=lr)
        manifest = json.loads((folder / "manifest.json").read_text())
        folds = {
            "folds": ["f0", "f1", "f2"],
            "split_hashes": ["1"],
            "not_a_result": [],
            "each_sample_tested_once": True,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest | folds))
        folders.append(folder)
    models = group_models(read_runs(folders))
    blocks = blocks_of_one_dataset(dict(zip("AB", models, strict=True)), "accuracy")
    assert blocks.kind == "folds"
    assert blocks.correlation == pytest.approx(1 / 3)
    expected = [[read_run(folder / f"f{k}").scores["accuracy"] for folder in folders] for k in range(3)]
    assert blocks.scores == pytest.approx(np.array(expected))
    over = compared_datasets.compare_over_blocks(blocks, 1.0, "accuracy")
    assert over["pairs"][0]["bayes"]["second_better"] > 0.9
    assert over["friedman"] is None  # of two models Wilcoxon's test and the Bayesian one


def test_equivalent_is_another_verdict_than_not_distinguishable(tmp_path, capsys):
    true, predicted = draw(1, size=2000, accuracy=0.8)
    changed = predicted.copy()
    changed[:4] = (changed[:4] + 1) % 3
    folders = [
        str(write_run(tmp_path / name, true, p, lr=lr)) for name, p, lr in (("a", predicted, 1), ("b", changed, 2))
    ]
    assert compared(capsys, *folders)["pairs"][0]["accuracy"]["verdict"] == "equivalent"
    assert "equivalent within 1 " in printed(capsys, *folders)
    strict = compared(capsys, *folders, "--margin", "0.1")["pairs"][0]["accuracy"]
    assert strict["verdict"] == "not distinguishable"
    assert strict["equivalence"]["p_holm"] > 0.05
    for margin in ("0", "nan"):
        assert main.call("fer compare", compare, [*folders, "--margin", margin]) == 2


@pytest.mark.parametrize(
    ("change", "message"), [({"size": 200}, "one split, but other sample names"), ({}, "the only run on Others")]
)
def test_what_cannot_be_compared_is_refused(tmp_path, capsys, change, message):
    folders = write_models(tmp_path, 2)
    if change:
        folders.append(write_models(tmp_path / "b", 1, **change)[0])
    else:
        folders += write_models(tmp_path / "b", 1, title="Others")
    assert main.call("fer compare", compare, folders) == 2
    assert message in capsys.readouterr().err
    assert main.call("fer compare", compare, folders[:2]) == 0  # the remedy: leave it out


def test_the_critical_difference_diagram(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [folder for n in range(3) for folder in write_models(tmp_path, 4, title=f"Set{n}" * (n + 1), step=0.12)]
    assert main.call("fer figures", figures, [*folders, "--cd", "cd"]) == 0
    assert capsys.readouterr().out == "cd.png cd.svg\n"
    svg = (tmp_path / "cd.svg").read_text()
    assert "accuracy, mean ranks over 3 datasets; Friedman p" in svg
    assert "CD 2.71" in svg  # 2.569 sqrt(4 * 5 / (6 * 3))
    for number in range(1, 5):
        assert f"net (optimizer.lr 0.{number})" in svg
    by_loss = compared_datasets.rank_over_blocks(read_runs(folders), "loss")
    assert np.argmin(by_loss["friedman"]["mean_ranks"]) == 3  # the smaller loss is the better
    for arguments, message in (
        ([*folders[:4], "--cd", "x"], "three models and two seeds at least, here are 4 on 1"),
        ([*folders, "--cd", "x", "--score", "acuracy"], "did you mean accuracy"),
        ([*folders, "--cd", "x", "--bars", "y"], "--bars and --cd: give one of them"),
    ):
        assert main.call("fer figures", figures, arguments) == 2
        assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("[xy].*"))
    assert main.call("fer compare", compare, [*folders, "--cd", "again", "--score", "accuracy"]) == 0
    assert capsys.readouterr().out == "again.png again.svg\n"
    assert (tmp_path / "again.svg").read_text() == svg


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cd", "x", "--json"], "--cd draws the diagram alone; leave --json out"),
        (["--cd", "x", "--margin", "2", "--pairs"], "--cd draws the diagram alone; leave --margin and --pairs out"),
        (["--score", "f1"], "--score belongs to --cd; add it, or leave --score out"),
    ],
)
def test_the_diagram_takes_no_option_that_it_would_ignore(words, message, capsys):
    assert main.call("fer compare", compare, ["a", "b", *words]) == 2
    assert message in capsys.readouterr().err


def test_the_diagram_says_what_to_install_where_no_plugin_compares(tmp_path, capsys, monkeypatch):
    others = [component for component in registry.available("command") if component.name != "compare"]
    monkeypatch.setattr(registry, "available", lambda kind=None: others)
    folders = write_models(tmp_path, 3)
    assert main.call("fer figures", figures, [*folders, "--cd", str(tmp_path / "cd")]) == 2
    assert capsys.readouterr().err == (
        "fer figures: --cd: no installed plug-in offers the command compare; install fer-run-comparison: "
        "pip install plugins/run_comparison in the sources of fer-plugins, or its wheel\n"
    )


def test_datasets_reported_on_different_splits_are_refused(tmp_path, capsys):
    folders = write_models(tmp_path, 2)
    true, predicted = draw(5)
    for name, lr in (("x", 0.1), ("y", 0.2)):
        folders.append(str(write_run(tmp_path / name, true, predicted, lr=lr, title="Others", split="val")))
    assert main.call("fer compare", compare, folders) == 2
    assert "one is scored on test, the other on val" in capsys.readouterr().err
