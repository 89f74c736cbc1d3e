"""What a resumed run remembers beside its weights, and what may not be changed or damaged in silence."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from support.killed_run import FLAGS, ended, flags, in_a_process, killed, rows

from fer_plugins.commands import main
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.checkpoints import saved_value
from fer_plugins.training.module import FERModule

SCHEDULES = [
    {"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5},
    {"name": "ReduceLROnPlateau", "patience": 2, "factor": 0.5},
    {"name": "StepLR", "step_size": 3, "gamma": 0.5},
    {"name": "CosineAnnealingLR", "warmup_epochs": 3},
    {"name": "inverse_decay", "gamma": 0.5},
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda settings: "-".join(map(str, settings.values())))
def test_a_schedule_goes_on_with_the_rate_that_it_would_have_had(toy, tmp_path, schedule):
    whole = ended(run(flags(tmp_path / "whole", scheduler=schedule)).folder)
    folder = killed(tmp_path, epoch=5, scheduler=schedule)
    resume(folder)
    assert len({row["lr"] for row in whole[3]}) > 1  # else the schedule did nothing
    assert ended(folder) == whole


def test_a_schedule_on_the_loss_outlives_two_interruptions(toy, tmp_path):
    changes = {
        "scheduler": {"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5},
        "selection": {"metric": "val/loss", "mode": "min"},
    }
    whole = ended(run(flags(tmp_path / "whole", **changes)).folder)
    folder = killed(tmp_path, epoch=4, **changes)
    with pytest.MonkeyPatch.context() as patch:
        stop_in(6, patch)
        assert in_a_process(lambda: resume(folder)) == -signal.SIGKILL
    resume(folder)
    assert ended(folder) == whole


def stop_in(epoch, patch, seed=0):
    """Let the run of ``seed`` be killed in ``epoch`` (from 1)."""
    real = FERModule.training_step

    def stop(self, *arguments):
        if self.config.seed == seed and self.current_epoch == epoch - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *arguments)

    patch.setattr(FERModule, "training_step", stop)


def as_lightning_wrote_it(path, score, value):
    """Give a checkpoint the state that version 0.1.0 left: Lightning's own callbacks, with an absolute path."""
    content = torch.load(path, weights_only=True)
    state = {"dirpath": "/gone/checkpoints", "best_model_score": torch.tensor(score)}
    content["callbacks"].pop("BestAndLast")
    content["callbacks"]["ModelCheckpoint{'monitor': 'val/accuracy'}"] = {**state, "current_score": torch.tensor(value)}
    torch.save(content, path)


def test_a_run_of_version_0_1_0_keeps_its_best_its_patience_and_its_plateau(toy, tmp_path, recwarn):
    changes = {
        "selection": {"patience": 3},
        "scheduler": {"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5},
    }
    whole = ended(run(flags(tmp_path / "whole", **changes)).folder)
    folder = killed(tmp_path, epoch=len(whole[3]), **changes)
    values = [float(row["val/accuracy"]) for row in rows(folder)]
    for name in ("best", "last"):
        path = folder / "checkpoints" / f"{name}.ckpt"
        keys = list(torch.load(path, weights_only=True)["callbacks"])
        assert "EarlyStopping{'monitor': 'val/accuracy', 'mode': 'max'}" in keys  # its name in version 0.1.0
        as_lightning_wrote_it(path, max(values), values[-1] if name == "last" else max(values))
    assert saved_value(folder / "checkpoints" / "last.ckpt", "value") == pytest.approx(values[-1])
    recwarn.clear()
    resume(folder)
    assert not [warning for warning in recwarn if "callbacks" in str(warning.message)]
    assert ended(folder)[3] == whole[3]
    assert ended(folder)[0] == whole[0]


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_bytes_that_changed_inside_of_a_checkpoint_are_one_line(toy, tmp_path, name, capsys):
    folder = killed(tmp_path)
    path = folder / "checkpoints" / name
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 0x5A for byte in content[middle : middle + 64])
    path.write_bytes(content)
    torch.load(path, weights_only=True)  # torch says nothing
    assert main.call("fer-run", main._run, ["--resume", str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{name}: the run cannot continue from it (it is damaged" in error


@pytest.fixture
def series(toy, tmp_path, capsys):
    """Return a function that leaves a series of seeds 4, 5, 6 killed in the one given, and returns its first run."""

    def make(seed):
        words = ["--plugin", "toy", "--seeds", "3", "--seed", "4", "--run.output", str(tmp_path / "runs")]
        for section in ("data", "optimizer", "trainer", "logger"):
            for key, value in FLAGS[section].items():
                words += [f"--{section}.{key}", str(value)]
        with pytest.MonkeyPatch.context() as patch:
            stop_in(4, patch, seed)
            assert in_a_process(lambda: main.call("fer-run", main._run, words)) == -signal.SIGKILL
        capsys.readouterr()
        return next((tmp_path / "runs").glob("*-s4-*"))

    return make


def test_seeds_that_are_missing_have_the_measurement_of_the_first(series):
    folder = series(5)
    first = Record.read(folder)
    first.write_manifest(arithmetic={"precision": "32-true", "images_per_second": {"32-true": 9.0}})
    resume(folder)
    (last,) = folder.parent.glob("*-s6-*")
    assert Record.read(last).manifest["arithmetic"] == first.manifest["arithmetic"]


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.[yjc][sa]*") if path.is_file()}


@pytest.mark.parametrize("protocol", [{"name": "official"}, {"name": "kfold", "k": 3}], ids=lambda of: of["name"])
@pytest.mark.parametrize(
    "logger",
    [{"name": "wandb", "mode": "online"}, {"name": "wandb", "dir": "/proc/nowhere"}],
    ids=["it cannot log in", "it cannot begin"],
)
def test_a_logger_that_refuses_leaves_an_interrupted_run_as_it_was(toy, tmp_path, protocol, logger):
    folder = killed(tmp_path, epoch=2, protocol=protocol)
    before = files(folder)
    assert any(name.endswith("config.yaml") for name in before)
    with pytest.raises(InputError, match=r"^logger\."):
        resume(folder, {"logger": logger})
    assert {name: content for name, content in files(folder).items() if name in before} == before


def test_what_is_changed_on_a_series_holds_for_the_seeds_that_are_missing(series, capsys):
    folder = series(5)
    assert main.call("fer-run", main._run, ["--resume", str(folder), "--data.memory_gb", "1.0"]) == 0
    capsys.readouterr()
    runs = [Record.read(path) for path in sorted(folder.parent.iterdir())]
    assert [(run.config["seed"], run.config["data"]["memory_gb"]) for run in runs] == [(4, 4.0), (5, 1.0), (6, 1.0)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--optimizer.lr", "0.5"], "optimizer.lr is 0.05 in this run"),
        (["--trainer.epochs", "12"], "trainer.epochs: seeds are finished with the old number; leave it out"),
    ],
)
def test_a_change_that_would_make_the_seeds_differ_is_one_line(series, capsys, words, message):
    folder = series(5)
    before = sorted(path.name for path in folder.parent.iterdir())
    assert main.call("fer-run", main._run, ["--resume", str(folder), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == before
    assert main.call("fer-run", main._run, ["--resume", str(folder)]) == 0  # the remedy


def test_more_epochs_hold_for_every_seed_while_none_is_finished(series, capsys):
    folder = series(4)
    assert main.call("fer-run", main._run, ["--resume", str(folder), "--trainer.epochs", "12"]) == 0
    runs = [Record.read(path) for path in sorted(folder.parent.iterdir())]
    assert [(run.config["seed"], len(rows(run.folder))) for run in runs] == [(4, 12), (5, 12), (6, 12)]


@pytest.mark.parametrize("place", ["elsewhere", "beside"])
def test_the_copy_of_one_seed_goes_on_alone(series, tmp_path, capsys, place):
    folder = next(series(5).parent.glob("*-s5-*"))
    before = {path: (path / "manifest.json").read_bytes() for path in folder.parent.iterdir()}
    copy = tmp_path / "elsewhere" / folder.name if place == "elsewhere" else folder.with_name("copy")
    shutil.copytree(folder, copy)
    assert main.call("fer-run", main._run, ["--resume", str(copy)]) == 0
    assert "it is continued alone" in capsys.readouterr().out
    assert Record.read(copy).manifest["status"] == "finished"
    assert {path: (path / "manifest.json").read_bytes() for path in before} == before
    assert set(copy.parent.iterdir()) == ({copy} if place == "elsewhere" else {*before, copy})


def test_the_first_of_a_series_is_followed_by_the_others_where_the_whole_folder_was_moved(series, tmp_path, capsys):
    folder = series(5).parent
    moved = folder.rename(tmp_path / "moved")
    assert main.call("fer-run", main._run, ["--resume", str(next(moved.glob("*-s5-*")))]) == 0
    assert sorted(Record.read(path).config["seed"] for path in moved.iterdir()) == [4, 5, 6]


def test_flags_that_would_be_passed_over_by_the_listing_are_refused(toy, tmp_path, capsys):
    folder = killed(tmp_path, epoch=2)
    assert main.call("fer-run", main._run, ["--resume", str(folder), "--print-config", "--optimizer.lr", "9"]) == 2
    assert "leave the other flags out" in capsys.readouterr().err
    assert main.call("fer-run", main._run, ["--resume", str(folder), "--print-config"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 2.0, 4.0, 6.5])
def test_sigterm_at_any_second_is_one_line(toy, tmp_path, seconds):
    words = ["--plugin", "toy", "--data", "synthetic", "--data.samples", "105", "--trainer.epochs", "2000"]
    words += ["--run.output", str(tmp_path / "runs"), "--logger", "csv", "--data.workers", "1"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from fer_plugins.commands.main import fer_run; print('begun', flush=True); fer_run()",
            *words,
        ],
        env={**os.environ, "PYTHONPATH": str(toy)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"  # Python itself has started, however busy the machine
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 1, error
    assert error.startswith("fer-run: interrupted")
    assert error.count("\n") == 1
