"""Paired comparison: each statistic against an independent computation, each refusal, and real runs end to end."""

import itertools
import json
import math

import numpy as np
import pytest
from fer_run_comparison import comparison
from sklearn.metrics import accuracy_score
from support import written_run
from support.verbs import compare

from fer_plugins.commands import main
from fer_plugins.experiments.run import run as train
from fer_plugins.runs.read_runs import read_run

write_run, draw = written_run.write_run, written_run.draw


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_prediction_that_is_the_same_everywhere_is_not_distinguishable(tmp_path):
    true, answers = draw(1)
    runs = [read_run(write_run(tmp_path / name, true, answers, lr=lr)) for name, lr in (("a", 0.1), ("b", 0.2))]
    (row,) = comparison.compare_pairs([tuple(runs)])
    for score in comparison.PAIRED:
        assert row[score]["difference"]["points"] == 0
        assert row[score]["p"] == row[score]["p_holm"] == 1
        assert row[score]["verdict"] == "not distinguishable"
    assert row["f1"]["difference"]["low"] == row["f1"]["difference"]["high"] == 0


def test_samples_are_paired_by_name_not_by_row(tmp_path):
    true, first = draw(1)
    _, second = draw(2, accuracy=0.85)
    names = [f"{n:04}.png" for n in range(len(true))]
    order = np.random.default_rng(4).permutation(len(true))
    plain = write_run(tmp_path / "a", true, first, lr=0.1), write_run(tmp_path / "b", true, second, lr=0.2)
    mixed = write_run(tmp_path / "c", true[order], second[order], lr=0.2, sources=[names[n] for n in order])
    (one,) = comparison.compare_pairs([tuple(map(read_run, plain))])
    (other,) = comparison.compare_pairs([(read_run(plain[0]), read_run(mixed))])
    assert one["accuracy"] == other["accuracy"]
    assert one["f1"] == other["f1"]
    assert one["accuracy"]["verdict"] == "second better"
    assert one["accuracy"]["difference"]["points"] == pytest.approx(
        100 * (accuracy_score(true, second) - accuracy_score(true, first))
    )


def compared(capsys, *folders):
    assert main.call("fer compare", compare, [*map(str, folders), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_seeds_are_grouped_paired_by_seed_and_corrected_together(tmp_path, capsys):
    folders = []
    for lr, accuracy in ((0.1, 0.7), (0.2, 0.72), (0.3, 0.85)):
        for seed in (0, 1):
            true, answers = draw(1000 * int(10 * lr) + seed, accuracy=accuracy)
            folders.append(write_run(tmp_path / f"{lr}-{seed}", true, answers, seed=seed, lr=lr))
    found = compared(capsys, *folders)
    labels = [model["label"] for model in found["models"]]
    assert labels == ["net (optimizer.lr 0.1)", "net (optimizer.lr 0.2)", "net (optimizer.lr 0.3)"]
    assert len(found["pairs"]) == 6
    assert all(row["first_seed"] == row["second_seed"] for row in found["pairs"])
    for score in ("accuracy", "f1"):
        p = sorted((row[score]["p"], row[score]["p_holm"]) for row in found["pairs"])
        running = 0.0
        for place, (raw, corrected) in enumerate(p):
            running = max(running, min(1.0, (6 - place) * raw))
            assert corrected == pytest.approx(running)
    spread = found["models"][0]["over_seeds"]["accuracy"]
    values = [run["accuracy"] for run in found["models"][0]["runs"]]
    assert spread["mean"] == pytest.approx(np.mean(values))
    for run in found["models"][0]["runs"]:  # the interval of a run is that of the test samples, untouched by the seeds
        assert run["intervals"]["accuracy"]["method"] == "wilson"
    anova = found["over_seeds"]["accuracy"]["anova"]
    assert (anova["df_between"], anova["df_within"]) == (2, 3)
    assert not any("in no pair" in note for note in found["notes"])
    wilcoxon = found["over_seeds"]["accuracy"]["pairs"][0]["wilcoxon"]
    assert wilcoxon["n"] == 2
    assert wilcoxon["p"] >= 0.5
    assert compare([*map(str, folders[:4]), "--classes"]) == 0
    shown = capsys.readouterr().out
    for text in ("over seeds: mean", "z form", "not distinguishable", "one-way ANOVA", "chi-square(2)", "at least 6"):
        assert text in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_images_of_one_subject_are_compared_together_and_seeds_with_images(tmp_path, capsys):
    people = [f"S{n // 6:03}" for n in range(300)]
    folders = [
        written_run.write_run(
            tmp_path / f"{lr}-{seed}", *written_run.draw(seed + int(lr * 100), accuracy=0.6 + lr), seed=seed, lr=lr,
            subjects=people,
        )
        for lr in (0.01, 0.1)
        for seed in (0, 1, 2)
    ]  # fmt: skip
    found = compared(capsys, *folders)
    row = found["pairs"][0]
    for score in ("accuracy", "f1"):
        assert (row[score]["unit"], row[score]["clusters"]) == ("subject", 50)
        assert row[score]["by_image"]["difference"]["points"] == pytest.approx(row[score]["difference"]["points"])
        both = found["over_seeds"][score]["pairs"][0]["two_way"]
        assert both["unit"] == "subject"
        assert both["low"] < both["points"] < both["high"]
        assert both["verdict"] in ("second better", "not distinguishable")
    assert compare([str(folder) for folder in folders]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "By subject (50): exchange of",
        "by image",
        "seeds and test images together",
        "these test images only",
    ):
        assert text in shown


def test_two_seeds_of_one_model_can_be_compared_and_models_without_a_common_seed_too(tmp_path, capsys):
    true, one = draw(1)
    _, two = draw(2)
    first = write_run(tmp_path / "a", true, one, seed=0)
    second = write_run(tmp_path / "b", true, two, seed=1)
    found = compared(capsys, first, second)
    assert len(found["models"]) == len(found["pairs"]) == 1
    assert found["over_seeds"] is None
    other = write_run(tmp_path / "c", true, two, seed=7, lr=0.5)
    found = compared(capsys, first, second, other)
    assert len(found["pairs"]) == 2
    assert any("without a common seed" in note for note in found["notes"])
    assert compare([str(first), str(other)]) == 0
    assert "Nothing is said about the next training" in capsys.readouterr().out


def test_a_seed_without_a_partner_is_named(tmp_path, capsys):
    true, one = draw(1)
    runs = [("a", 0, 0.1), ("b", 1, 0.1), ("c", 1, 0.5), ("d", 2, 0.5)]
    found = compared(capsys, *(write_run(tmp_path / name, true, one, seed=seed, lr=lr) for name, seed, lr in runs))
    assert len(found["pairs"]) == 1
    assert found["notes"][-1] == "no run of another model has the same seed, so in no pair: A seed 0, B seed 2"


def refused(capsys, *words):
    assert main.call("fer compare", compare, [str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_runs_on_different_test_sets_are_refused(tmp_path, capsys):
    true, answers = draw(1)
    first = write_run(tmp_path / "a", true, answers)
    names = [f"other/{n}.png" for n in range(len(true))]
    foreign = write_run(tmp_path / "b", true, answers, split_hash="6b6b", sources=names)
    said = refused(capsys, first, foreign)
    assert "different test sets (split 5a5a and 6b6b)" in said
    renamed = write_run(tmp_path / "c", true, answers, sources=names)
    assert "one split, but other sample names" in refused(capsys, first, renamed)
    relabelled = write_run(tmp_path / "d", (true + 1) % 3, answers, split_hash="7c7c")
    assert "different test sets" in refused(capsys, first, relabelled)
    validation = write_run(tmp_path / "e", true, answers, split="val")
    assert "one is scored on test, the other on val" in refused(capsys, first, validation)
    assert "different test sets" in refused(
        capsys, first, write_run(tmp_path / "f", true[:-1], answers[:-1], split_hash="8")
    )


def test_the_same_test_samples_after_other_training_samples_are_compared_with_a_note(tmp_path, capsys):
    true, answers = draw(1)
    folders = [write_run(tmp_path / name, true, answers, split_hash=name) for name in ("a", "b")]
    found = compared(capsys, *folders)
    assert found["split_hashes"] == ["a", "b"]
    assert any("not the samples trained on" in note for note in found["notes"])


def test_a_run_that_is_no_result_is_refused(tmp_path, capsys):
    true, answers = draw(1)
    broken = write_run(tmp_path / "b", true, answers, lr=0.2, faults=["every one of the 300 images is called happy"])
    said = refused(capsys, write_run(tmp_path / "a", true, answers), broken)
    assert "NOT A RESULT: every one of the 300 images is called happy; leave it out" in said


def test_what_makes_numbers_doubtful_is_said(tmp_path, capsys):
    true, answers = draw(1)
    folders = [write_run(tmp_path / name, true, answers, lr=lr) for name, lr in (("a", 0.1), ("b", 0.2))]
    for folder in folders:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["protocol"]["flaw"] = "it selects on the test split"
        manifest["data"]["limit"] = 500
        edit(folder / "manifest.json", **manifest)
    found = compared(capsys, *folders)
    assert "flawed protocol: it selects on the test split" in found["notes"]
    assert "only part of the data (data.limit 500)" in found["notes"]


def make_folds(folder, true, answers, *, once=True, lr=0.001):
    write_run(folder, true, answers, lr=lr)
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["claims"], metrics["not_a_result"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    edit(
        folder / "manifest.json",
        folds=["f0", "f1"],
        split_hashes=["1", "2"],
        not_a_result=[],
        each_sample_tested_once=once,
    )
    return folder


def test_folders_of_folds_are_compared_by_their_pooled_predictions(tmp_path, capsys):
    true, answers = draw(1)
    _, others = draw(2)
    folds = make_folds(tmp_path / "a", true, answers), make_folds(tmp_path / "b", true, others, lr=0.1)
    found = compared(capsys, *folds)
    assert found["split_hashes"] == ["1+2"]
    assert any("pooled over folds" in note for note in found["notes"])
    twice = make_folds(tmp_path / "c", true, answers, once=False)
    assert "so nothing is pooled; give the folders of folds" in refused(capsys, folds[0], twice)


def spoil(folder, how):
    manifest, metrics, predictions = (folder / name for name in ("manifest.json", "metrics.json", "predictions.csv"))
    lines = predictions.read_text().splitlines()
    if how == "running":
        edit(manifest, status="running")
    elif how == "half a manifest":
        manifest.write_text(manifest.read_text()[:99])
    elif how == "a list for a manifest":
        manifest.write_text("[1, 2]")
    elif how == "no seeds":
        edit(manifest, seeds=None)
    elif how == "a seed in words":
        edit(manifest, seeds={"run": "one"})
    elif how == "no data":
        edit(manifest, data="gone")
    elif how == "no metrics":
        metrics.unlink()
    elif how == "no test":
        edit(metrics, test=None)
    elif how == "no predictions":
        predictions.unlink()
    elif how == "another table":
        predictions.write_text("name,age\nx,1\n")
    elif how == "a cut table":
        predictions.write_text("\n".join(lines[:-5]) + "\n")
    elif how == "half a row":
        predictions.write_text("\n".join([*lines[:-1], lines[-1][:6]]))
    elif how == "a foreign class":
        predictions.write_text("\n".join([*lines[:-1], "test,last.png,anger,contempt,0,0,0"]))
    elif how == "a sample twice":
        predictions.write_text("\n".join([*lines[:-1], lines[1]]))
    elif how == "labels shuffled":
        rows = [line.split(",") for line in lines[1:]]
        moved = [[*row[:3], other[3], *row[4:]] for row, other in zip(rows, [*rows[1:], rows[0]], strict=True)]
        predictions.write_text("\n".join([lines[0], *map(",".join, moved)]))
    elif how in ("nan", "balanced_accuracy", "mcc", "interval", "no interval"):
        content = json.loads(metrics.read_text())
        test = content["test"]
        changes = {
            "nan": {"f1": math.nan},
            "interval": {"intervals": test["intervals"] | {"f1": {"low": 2, "high": 1}}},
        }
        changes["no interval"] = {"intervals": test["intervals"] | {"accuracy": None}}
        metrics.write_text(json.dumps(content | {"test": test | changes.get(how, {how: 0.99})}))
    elif how == "val":
        content = json.loads(metrics.read_text())
        metrics.write_text(json.dumps(content | {"val": content["test"] | {"accuracy": 0.99}}))
        val = [f"val,v{line[5:]}" for line in lines[1:]]
        predictions.write_text("\n".join([*lines, *val]) + "\n")
    elif how == "accuracy's interval":
        content = json.loads(metrics.read_text())
        content["test"]["intervals"]["accuracy"] |= {"low": 0.1, "high": 0.99}
        metrics.write_text(json.dumps(content))
    elif how == "no text":
        predictions.write_bytes(b"split,source\xff\xfe\n")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("running", "this run is running, not finished; fer-run --resume"),
        ("half a manifest", "damaged"),
        ("a list for a manifest", "manifest.json holds no mapping"),
        ("no seeds", "manifest.json has no seeds.run"),
        ("a seed in words", "manifest.json has seeds.run of another type than a run writes"),
        ("no data", "manifest.json has data of another type than a run writes"),
        ("no metrics", "metrics.json is missing"),
        ("no test", "metrics.json has no test.n"),
        ("no predictions", "predictions.csv is missing"),
        ("another table", "lacks a column of split, source, true and predicted"),
        ("a cut table", "has 295 rows of test, metrics.json counts 300"),
        ("half a row", "has None, which is not a class of the run"),
        ("a foreign class", "has 'contempt', which is not a class of the run"),
        ("a sample twice", "appears in it twice"),
        ("labels shuffled", "the files do not belong together"),
        ("nan", "metrics.json has nan; the files do not belong together"),
        ("balanced_accuracy", "metrics.json has 0.99; the files do not belong together"),
        ("mcc", "metrics.json has 0.99; the files do not belong together"),
        ("val", "metrics.json has 0.99; the files do not belong together"),
        ("interval", "metrics.json has test.intervals.f1 [2, 1]"),
        ("no interval", "metrics.json has no test.intervals.accuracy"),
        ("accuracy's interval", "is not that of its hits"),
        ("no text", "cannot be read"),
    ],
)
def test_a_foreign_or_half_written_folder_is_one_line(tmp_path, capsys, how, said):
    true, answers = draw(1)
    good, bad = write_run(tmp_path / "a", true, answers), write_run(tmp_path / "b", true, answers, lr=0.2)
    spoil(bad, how)
    line = refused(capsys, good, bad)
    assert said in line
    assert str(bad) in line


def test_wrong_words_are_one_line(tmp_path, capsys):
    true, answers = draw(1)
    run = write_run(tmp_path / "a", true, answers)
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for words, said in (
        ([], "no run is given"),
        ([run], "1 run is given, at least 2 are needed"),
        ([run, run], "the same folder as"),
        ([run, tmp_path / "a" / ".." / "a"], "the same folder as"),
        ([run, tmp_path / "nowhere"], "no such folder"),
        ([run, tmp_path / "file"], "not the folder of a run"),
        ([run, tmp_path / "empty"], "not the folder of a run"),
        ([run, "--jsn"], "unknown option '--jsn'; did you mean --json?"),
        ([run, write_run(tmp_path / "again", true, answers)], "a repetition is not a second training"),
    ):
        assert said in refused(capsys, *words)


def test_the_classes_of_one_run(tmp_path, capsys):
    true, answers = draw(1)
    run = write_run(tmp_path / "a", true, answers)
    remedy = refused(capsys, run).partition("test its classes: ")[2].split()
    assert main.call("fer compare", compare, remedy[2:]) == 0
    printed = capsys.readouterr().out
    for word in ("SS ", "df ", "MS ", "between classes", "within classes", "total", "rank sum +", "does not show"):
        assert word in printed
    found = compared(capsys, run, "--classes", "--median", "0.5")
    assert found["pairs"] == []
    assert found["notes"] == []
    assert found["classes"][str(run)]["wilcoxon"]["median"] == 0.5
    assert "--median belongs to --classes" in refused(capsys, run, "--median", "0.5")


def test_real_runs_end_to_end(toy, tmp_path, capsys):
    folders = []
    for pool, seed in itertools.product(("max", "average"), (0, 1)):
        flags = {
            "plugin": "toy",
            "seed": seed,
            "model": {"pool": pool},
            "data": {"name": "synthetic", "samples": 210, "image_size": 24, "difficulty": 0.1},
            "optimizer": {"lr": 0.0003},  # with a larger one the toy calls all images the same in some versions
            "trainer": {"epochs": 3, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(tmp_path / "runs")},
        }
        folders.append(train(flags).folder)
    capsys.readouterr()
    found = compared(capsys, *folders)
    assert [model["label"] for model in found["models"]] == ["toy (model.pool max)", "toy (model.pool average)"]
    assert [[run["seed"] for run in model["runs"]] for model in found["models"]] == [[0, 1], [0, 1]]
    runs = {str(folder): read_run(folder) for folder in folders}
    for row in found["pairs"]:
        first, second = runs[row["first"]], runs[row["second"]]
        assert first.sources == second.sources
        expected = accuracy_score(second.true, second.predicted) - accuracy_score(first.true, first.predicted)
        assert row["accuracy"]["difference"]["points"] == pytest.approx(100 * expected)
    assert found["n"] == len(runs[str(folders[0])].true)
    assert found["over_seeds"]["accuracy"]["pairs"][0]["shared_seeds"] == [0, 1]
