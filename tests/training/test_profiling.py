"""``trainer.profiler`` and ``trainer.max_time``: where the time went, and a training that ends when it is over."""

import os
import signal

import lightning as L
import pytest
import torch
from lightning.pytorch.profilers import SimpleProfiler
from support.killed_run import ended, flags, in_a_process

from fer_plugins.config import resolve
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.training import profiling
from fer_plugins.training.checkpoints import read_checkpoint
from fer_plugins.training.progress import EpochLog, ResultConsole
from fer_plugins.training.stopping import TimeLimit
from fer_plugins.training.tracking import Tracker

DATA = {"name": "synthetic", "samples": 63, "batch_size": 4}


def train(folder, **trainer):
    config = {"plugin": "toy", "data": DATA, "logger": "none", "trainer": {"epochs": 2, **trainer}}
    return Record.read(run({**config, "run": {"output": str(folder)}}).folder)


@pytest.mark.parametrize(("profiler", "known"), [("simple", "run_training_batch"), ("pytorch", "aten::")])
def test_a_profile_is_written_and_the_stages_are_shown(toy, tmp_path, capsys, profiler, known):
    record = train(tmp_path, profiler=profiler)
    profile = record.folder / "fit-profile.txt"
    out = capsys.readouterr().out
    assert known in profile.read_text()
    assert f"profile: {profile}" in out
    if profiler == "simple":
        rows = [line.split() for line in out.splitlines() if line.strip().endswith("%") and "95" not in line]
        shares = {" ".join(row[:-2]): float(row[-1].rstrip("%")) for row in rows}
        assert {"forward and loss", "backward", "optimiser update", "everything else"} <= set(shares)
        assert sum(shares.values()) == pytest.approx(100.0, abs=1.0)


def test_a_stage_inside_another_is_taken_off_it(toy, tmp_path, monkeypatch):
    """No second counts twice: every nesting that Lightning makes of our stages is one that the table knows."""
    nested, open_actions = set(), []
    start, stop = SimpleProfiler.start, SimpleProfiler.stop

    def stage(action):
        return next(iter(profiling.stage_seconds({action: [1.0]})), None)

    def noted_start(self, action):
        nested.update((stage(outer), stage(action)) for outer in open_actions)
        open_actions.append(action)
        start(self, action)

    def noted_stop(self, action):
        open_actions.remove(action)
        stop(self, action)

    monkeypatch.setattr(SimpleProfiler, "start", noted_start)
    monkeypatch.setattr(SimpleProfiler, "stop", noted_stop)
    train(tmp_path, profiler="simple")
    nested = {(outer, inner) for outer, inner in nested if outer and inner}
    declared = {(outer, inner) for outer, inners in profiling._INSIDE.items() for inner in inners}
    assert ("optimiser update", "backward") in nested
    assert nested <= declared


def test_the_seconds_of_a_stage_are_its_own():
    durations = {
        "[Strategy]SingleDeviceStrategy.batch_to_device": [5.0],
        "[LightningDataModule]FERDataModule.on_after_batch_transfer": [3.0],
        "[LightningModule]FERModule.optimizer_step": [4.0],
        "[Strategy]SingleDeviceStrategy.training_step": [2.5],
    }
    assert profiling.stage_seconds(durations) == {
        "floats and batch augmentation": 3.0,
        "forward and loss": 2.5,
        "batch to the device": 2.0,
        "optimiser update": 1.5,
    }


def test_a_training_ends_with_the_epoch_in_which_its_time_is_over(toy, tmp_path):
    record = train(tmp_path, epochs=5, max_time=1e-6)
    assert record.manifest["epochs"] == 1
    assert "trainer.max_time: 1e-06 minutes are over after 1 of 5 epochs" in record.manifest["warnings"]
    assert train(tmp_path, epochs=1, max_time=60.0).manifest["warnings"] == []
    assert train(tmp_path, epochs=1, max_time=1e30).manifest["warnings"] == []


def test_gradients_of_several_batches_make_one_step(toy, tmp_path, monkeypatch):
    steps = []
    real = torch.optim.Adam.step

    def step(self, *arguments, **options):
        steps.append(1)
        return real(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    monkeypatch.setattr("fer_plugins.training.optim.check", lambda settings: None)
    train(tmp_path, epochs=1)
    alone = len(steps)
    steps.clear()
    train(tmp_path, epochs=1, accumulate_grad_batches=2)
    assert alone > 1
    assert len(steps) == -(-alone // 2)


@pytest.mark.parametrize("batches", [2, 3, 50])
def test_batches_of_one_step_give_the_weights_of_one_batch(tmp_path, batches):
    """The last step of an epoch has fewer batches, and the last of them fewer images."""

    def weights(size, **trainer):
        flags = {"plugin": "lenet5", "data": {"name": "synthetic", "samples": 63, "batch_size": size}, "logger": "none"}
        flags |= {"optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9}}
        flags |= {"augmentation": "none", "trainer": {"epochs": 2, "accelerator": "cpu", **trainer}}
        record = Record.read(run({**flags, "run": {"output": str(tmp_path)}}).folder)
        return read_checkpoint(record.checkpoints / "last.ckpt")["state_dict"]

    accumulated, at_once = weights(8, accumulate_grad_batches=batches), weights(8 * batches)
    for name, value in at_once.items():
        torch.testing.assert_close(accumulated[name], value, rtol=0, atol=1e-6)


@pytest.mark.parametrize("trainer", [{"max_time": 1e-6}, {"epochs": 2}], ids=["max_time", "epochs"])
def test_a_run_that_is_killed_behind_its_last_epoch_ends_as_it_would_have(toy, tmp_path, capsys, trainer):
    changes = {"trainer": {"epochs": 5, "profiler": "simple", "progress": "plain", **trainer}}
    whole = ended(run(flags(tmp_path / "whole", **changes)).folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fer_plugins.experiments.run.score_selected", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        assert in_a_process(lambda: run(flags(tmp_path / "runs", **changes))) == -signal.SIGKILL
    folder = next((tmp_path / "runs").iterdir())
    capsys.readouterr()
    resume(folder)
    assert ended(folder) == whole  # with its number of epochs, and the warning that its time was over
    if "max_time" not in trainer:
        assert "Where the time" not in capsys.readouterr().out  # nothing was trained


def test_the_time_left_is_that_of_the_time_limit():
    settings = resolve({}, plugin="lenet5").config
    log = EpochLog(Tracker(), ResultConsole(settings))
    trainer = L.Trainer(callbacks=[TimeLimit(5.0, print)], logger=False, enable_checkpointing=False, accelerator="cpu")
    log.on_train_start(trainer, None)
    log.pace.begin_epoch(0, 10_000, 10)
    log.pace.end_epoch(90.0)
    assert log.pace.left() == pytest.approx(4 * 90.0, abs=1.0)  # the limit ends the fourth epoch, 300 s of 360
