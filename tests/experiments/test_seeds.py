"""``fer-run --seeds``: several trainings and their spread."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.experiments.seeds import run_seeds
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError

QUICK = (
    "--plugin lenet5 --data synthetic --data.samples 420 --data.difficulty 0.1 --data.batch_size 8 --augmentation none "
    "--optimizer.lr 3e-3 --trainer.epochs 2 --trainer.threads 1 --logger none"
).split()


def test_each_seed_is_a_run_and_the_spread_is_students(tmp_path, capsys):
    words = [*QUICK, "--seeds", "3", "--seed", "4", "--run.output", str(tmp_path / "runs")]
    assert main.call("fer-run", main._run, words) == 0
    folders = sorted((tmp_path / "runs").iterdir())
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    assert [manifest["seeds"]["run"] for manifest in manifests] == [4, 5, 6]
    assert len({manifest["data"]["split_hash"] for manifest in manifests}) == 1
    sound = [folder for folder, manifest in zip(folders, manifests, strict=True) if not manifest["not_a_result"]]
    values = [json.loads((folder / "metrics.json").read_text())["test"]["accuracy"] for folder in sound]
    shown = capsys.readouterr().out
    if len(values) < 2:
        pytest.fail("the synthetic faces were not learnt; make the case easier")
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert f"{np.mean(values):.4f}" in shown
    if len(values) < 3:
        assert "too few" in shown
    else:
        assert f"{max(low, 0):.4f} to {min(high, 1):.4f}" in shown
    assert "fer table" in shown


@pytest.mark.parametrize("count", ["1", "0", "many", "2.5", "true"])
def test_a_wrong_number_is_one_line_and_nothing_is_run(count, tmp_path, capsys):
    assert main.call("fer-run", main._run, [*QUICK, "--seeds", count, "--run.output", str(tmp_path)]) == 2
    assert f"--seeds {count}".lower() in capsys.readouterr().err.lower()
    assert list(tmp_path.iterdir()) == []


def resolved_seed(seed):
    return config.Resolved(config.RunConfig(seed=seed))


def test_a_run_that_fails_does_not_stop_the_others():
    tried = []

    def fail(resolved):
        tried.append(resolved.config.seed)
        raise RunError("no")

    with pytest.raises(RunError, match="seed 0, 1, 2 failed"):
        run_seeds(3, resolved_seed, fail)
    assert tried == [0, 1, 2]


def test_wrong_input_stops_at_once():
    def refuse(resolved):
        raise InputError("wrong")

    with pytest.raises(InputError, match="wrong"):
        run_seeds(2, resolved_seed, refuse)


def test_input_that_is_refused_later_does_not_lose_the_summary(capsys):
    """The data may be gone when the second training begins; what is done is summed up all the same."""
    tried = []

    def fail(resolved):
        tried.append(resolved.config.seed)
        raise RunError("no") if len(tried) == 1 else InputError("the data are gone")

    with pytest.raises(RunError, match="seed 0, 1, 2 failed"):
        run_seeds(3, resolved_seed, fail)
    assert tried == [0, 1, 2]
    assert "seed 2 failed: the data are gone" in capsys.readouterr().out


def test_runs_without_a_score_over_all_have_no_spread_and_are_no_error(tmp_path, capsys):
    """Folds that test samples twice are not pooled; the trainings are finished all the same."""
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        record = Record(tmp_path / str(number))
        record.write_config("plugin: net\n")
        record.write_manifest(status="finished", folds=["a", "b"], each_sample_tested_once=False)
        record.write_metrics()
    done = run_seeds(2, resolved_seed, lambda resolved: Record(tmp_path / str(resolved.config.seed)))
    assert len(done) == 2
    assert "no spread: " in capsys.readouterr().out
