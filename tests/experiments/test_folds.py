"""Every fold by one command: a record each, pooled scores, a broken fold that does not take the others with it."""

import csv
import json

import numpy as np
import pytest

from fer_plugins.commands import main
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.training.module import FERModule


def flags(tmp_path, **changes):
    return {
        "plugin": "toy",
        "data": {"name": "synthetic", "samples": 210, "subjects": 10, "image_size": 24, "batch_size": 16},
        "protocol": {"name": "subject_kfold", "k": 3},
        "optimizer": {"lr": 0.003},
        "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
        "logger": {"name": "csv", "figures": "off"},  # saves two seconds a run
        "run": {"output": str(tmp_path / "runs")},
    } | changes


def test_a_record_a_fold_and_the_whole(toy, tmp_path, capsys):
    whole = run(flags(tmp_path))
    folders = [whole.folder / name for name in whole.manifest["folds"]]
    assert [Record.read(folder).config["run"]["fold"] for folder in folders] == [0, 1, 2]
    assert whole.manifest["status"] == "finished"
    assert len(set(whole.manifest["split_hashes"])) == 3
    pooled = whole.metrics["test"]
    assert pooled["n"] == 210
    assert whole.manifest["each_sample_tested_once"]
    accuracies = [fold["accuracy"] for fold in whole.metrics["per_fold"]]
    weights = [fold["n"] for fold in whole.metrics["per_fold"]]
    assert pooled["accuracy"] == pytest.approx(np.average(accuracies, weights=weights))
    spread = whole.metrics["between_folds"]["accuracy"]
    assert spread["mean"] == pytest.approx(np.mean(accuracies))
    assert spread["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert pooled["intervals"]["accuracy"]["low"] < pooled["accuracy"] < pooled["intervals"]["accuracy"]["high"]
    with (whole.folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["source"] for row in rows}) == len(rows) == 210
    assert len({row["subject"] for row in rows}) == len({row["sequence"] for row in rows}) / 7  # a take of each class
    losses = [Record.read(folder).metrics["test"]["loss"] for folder in folders]
    assert pooled["loss"] == pytest.approx(np.average(losses, weights=weights), rel=1e-3)
    shown = capsys.readouterr().out
    assert "test, fold by fold" in shown
    assert "not an interval of the score" in " ".join(shown.split())
    assert json.loads((whole.folder / "metrics.json").read_text())["test"]["n"] == 210


def test_one_fold_alone_and_protocols_of_one_fold_are_ordinary_runs(toy, tmp_path):
    single = run(flags(tmp_path, run={"output": str(tmp_path / "runs"), "fold": 1}))
    assert "folds" not in single.manifest
    assert single.config["run"]["fold"] == 1
    plain = run(flags(tmp_path, protocol={"name": "official"}))
    assert "folds" not in plain.manifest
    assert plain.config["run"]["fold"] == 0
    with pytest.raises(InputError, match="run.fold is 3; protocol subject_kfold has folds 0 to 2"):
        run(flags(tmp_path, run={"output": str(tmp_path / "runs"), "fold": 3}))


def test_a_broken_fold_does_not_stop_the_others_and_is_made_good(toy, tmp_path, monkeypatch, capsys):
    real, begun = FERModule.training_step, []

    def breaks_in_the_second(self, batch, batch_idx):
        if batch_idx == 0 and self.current_epoch == 0:
            begun.append(1)
        if len(begun) == 2:
            raise RunError("the loss is nan")
        return real(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(FERModule, "training_step", breaks_in_the_second)
        with pytest.raises(RunError, match="fold 1 failed, the others are finished; continue with: fer-run --resume"):
            run(flags(tmp_path))
    (folder,) = (tmp_path / "runs").iterdir()
    broken = Record.read(folder)
    assert broken.manifest["status"] == "failed"
    assert [name is not None for name in broken.manifest["folds"]] == [True, False, True]
    kept = {name for name in broken.manifest["folds"] if name}
    (folder / "odd").mkdir()
    (folder / "odd" / "config.yaml").write_text("{")
    before = (folder / "manifest.json").read_text()
    with pytest.raises(InputError, match="odd: damaged; move it away, and resume again"):
        resume(folder)
    assert (folder / "manifest.json").read_text() == before
    (folder / "odd").rename(tmp_path / "away")
    whole = resume(folder)
    assert kept < set(whole.manifest["folds"])
    assert whole.metrics["test"]["n"] == 210
    with pytest.raises(InputError, match="every fold is finished"):
        resume(folder)


def test_an_interrupted_fold_is_gone_on_with(toy, tmp_path, monkeypatch):
    real = FERModule.training_step

    def stop(self, batch, batch_idx):
        if self.current_epoch == 1:
            raise KeyboardInterrupt
        return real(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(FERModule, "training_step", stop)
        with pytest.raises(RunError, match="interrupted in fold 0"):
            run(flags(tmp_path))
    (folder,) = (tmp_path / "runs").iterdir()
    assert Record.read(folder).manifest["status"] == "interrupted"
    begun = [path.name for path in folder.iterdir() if path.is_dir()]
    whole = resume(folder)
    assert whole.manifest["folds"][0] == begun[0]
    first = Record.read(folder / begun[0])
    assert [session["resumed"] for session in first.manifest["sessions"]] == [False, True]


def test_wrong_input_leaves_no_folder(toy, tmp_path, capsys):
    words = "--plugin toy --data synthetic --data.samples 210 --protocol subject_kfold --protocol.k 99 --run.output"
    assert main.call("fer-run", main._run, [*words.split(), str(tmp_path / "runs")]) == 2
    assert "subjects make no 99 folds" in capsys.readouterr().err
    small = "--plugin toy --data synthetic --data.samples 210 --data.image_size 1 --protocol kfold --run.output"
    assert main.call("fer-run", main._run, [*small.split(), str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_samples_that_are_tested_more_than_once_are_not_pooled(toy, make_distribution, tmp_path, capsys):
    source = '''
        import numpy as np
        from fer_plugins.contract import Fold

        def twice(table, seed):
            """Twice."""
            splits = [np.flatnonzero(table.split == name) for name in ("train", "val", "test")]
            return [Fold(*splits), Fold(*splits)]
    '''
    make_distribution("twice", [("protocols", "twice", "twice:twice")], source)
    whole = run(flags(tmp_path, protocol={"name": "twice"}))
    assert "test" not in whole.metrics
    assert whole.manifest["each_sample_tested_once"] is False
    assert not (whole.folder / "predictions.csv").exists()
    assert "are not pooled" in capsys.readouterr().out


def test_the_dataset_is_read_once_and_a_fold_is_as_if_it_were_run_alone(toy, tmp_path, monkeypatch):
    from fer_plugins.config import registry
    from fer_plugins.data import images

    read, built, load, build = [], [], images._load, registry.build

    def count_loads(*arguments):
        read.append(arguments[1])
        return load(*arguments)

    def count_datasets(kind, *arguments, **options):
        built.extend([arguments[0]] if kind == "dataset" else [])
        return build(kind, *arguments, **options)

    alone = Record.read(run(flags(tmp_path, run={"output": str(tmp_path / "alone"), "fold": 1})).folder)
    monkeypatch.setattr(images, "_load", count_loads)
    monkeypatch.setattr(registry, "build", count_datasets)
    whole = run(flags(tmp_path))
    assert read == built == ["synthetic"]
    fold = Record.read(whole.folder / whole.manifest["folds"][1])
    assert fold.metrics == alone.metrics
    assert (fold.folder / "predictions.csv").read_text() == (alone.folder / "predictions.csv").read_text()
    assert fold.manifest["data"] == alone.manifest["data"]
    run(flags(tmp_path, protocol={"name": "official"}))  # another command reads anew
    assert read == ["synthetic"] * 2
