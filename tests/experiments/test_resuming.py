"""An interrupted run goes on from its last whole epoch, wherever its folder lies, and ends as one that was not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from support.killed_run import FLAGS, ended, flags, in_a_process, kill_in, killed, rows

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, Interrupted
from fer_plugins.training.checkpoints import BestAndLast
from fer_plugins.training.module import FERModule


@pytest.fixture
def whole(toy, tmp_path, kept):
    return ended(kept("whole", lambda new: run(flags(new)).folder, tmp_path / "whole"))


def test_the_case_is_one_in_which_the_best_is_early(whole):
    assert whole[0]["best_epoch"] < 6


def test_the_last_whole_epoch_is_kept_and_the_first_resumed_one_is_the_next(toy, tmp_path, whole, capsys):
    folder = killed(tmp_path)
    before = rows(folder)
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] + 1 == len(before) == 6
    resume(folder, {"trainer": {"progress": "plain"}})
    first = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch "))
    assert first.startswith("epoch 7/9")
    assert ended(folder) == whole
    assert Record.read(folder).manifest["sessions"][-1]["epochs_before"] == 6


@pytest.mark.parametrize("way", ["moved", "copied", "renamed", "linked"])
def test_a_folder_that_was_moved_ends_as_one_that_was_not(toy, tmp_path, whole, way, monkeypatch):
    folder = killed(tmp_path)
    elsewhere = tmp_path / "elsewhere" / "deep" / folder.name
    elsewhere.parent.mkdir(parents=True)
    if way == "moved":
        shutil.move(folder, elsewhere)
    elif way == "copied":
        shutil.copytree(folder, elsewhere)
    elif way == "renamed":
        elsewhere = folder.with_name("another name")
        folder.rename(elsewhere)
    else:
        elsewhere.symlink_to(folder)
    monkeypatch.chdir(elsewhere.parent)
    untouched = (folder / "checkpoints" / "best.ckpt").read_bytes() if way == "copied" else b""
    resume(elsewhere.name)
    assert ended(elsewhere) == whole
    if way == "copied":
        assert (folder / "checkpoints" / "best.ckpt").read_bytes() == untouched
        assert len(rows(folder)) == 6


def test_nothing_in_the_saved_state_holds_a_path(toy, tmp_path):
    folder = killed(tmp_path)
    for name in ("last", "best"):
        state = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        state.pop("hyper_parameters")  # the configuration: what the user wrote
        assert str(tmp_path) not in repr({**state, "state_dict": None})


@pytest.mark.parametrize("moment", ["before best", "between best and last", "before manifest"])
def test_a_kill_at_any_moment_of_writing(toy, tmp_path, whole, moment):
    with pytest.MonkeyPatch.context() as patch:
        if moment == "before manifest":
            patch.setattr(Record, "write_manifest", lambda *words, **more: os.kill(os.getpid(), signal.SIGKILL))
        else:
            real = torch.save

            def save(content, path, *arguments, **more):
                name = "best" if moment == "before best" else "last"
                if content["epoch"] + 1 == whole[0]["best_epoch"] and name in Path(path).name:
                    Path(path).write_bytes(b"half")
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(content, path, *arguments, **more)

            patch.setattr(torch, "save", save)
        assert in_a_process(lambda: run(flags(tmp_path / "runs"))) == -signal.SIGKILL
    folder = next((tmp_path / "runs").iterdir())
    resume(folder)
    assert ended(folder) == whole


def test_a_run_that_had_stopped_early_does_not_train_on(toy, tmp_path, monkeypatch):
    for stop in ("metric", "metric_and_loss"):
        changes = {"selection": {"patience": 1, "stop": stop}, "trainer": {"epochs": 60}}
        unbroken = ended(run(flags(tmp_path / f"whole {stop}", **changes)).folder)
        assert len(unbroken[3]) < 60
        with monkeypatch.context() as patch:
            patch.setattr(
                "fer_plugins.experiments.scoring.score_split", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            )
            there = tmp_path / stop
            assert in_a_process(lambda: run(flags(there, **changes))) == -signal.SIGKILL  # noqa: B023
        folder = next(there.iterdir())
        resume(folder)
        assert ended(folder) == unbroken


def test_what_the_last_epoch_left_is_said_by_a_run_that_is_resumed_behind_it(toy, tmp_path, monkeypatch):
    passes = []

    def one_class(predictions, classes):
        passes.append(len(predictions.label))
        return ["made-up fault"] if len(passes) == 9 else []  # in the validation pass of the last epoch

    seen = {}

    def unpaired(scores, train_accuracy):
        seen["accuracy"] = train_accuracy
        return None

    with monkeypatch.context() as patch:
        patch.setattr("fer_plugins.training.module.find_collapse", one_class)
        patch.setattr(
            "fer_plugins.experiments.scoring.score_split", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        )
        assert in_a_process(lambda: run(flags(tmp_path))) == -signal.SIGKILL
    (folder,) = tmp_path.glob("toy-*")
    monkeypatch.setattr("fer_plugins.training.module.find_collapse", lambda *_: [])
    monkeypatch.setattr("fer_plugins.experiments.scoring.find_wrong_pairing", unpaired)
    resume(folder)
    assert Record.read(folder).manifest["warnings"] == ["after the last epoch: made-up fault"]
    assert seen["accuracy"] == pytest.approx(float(rows(folder)[-1]["train/accuracy"]), abs=1e-6)


def test_folds_go_on_where_they_were(toy, tmp_path, capsys):
    changes = {"protocol": {"name": "kfold", "k": 3}}
    with pytest.MonkeyPatch.context() as patch:
        real, begun = FERModule.training_step, []

        def stop(self, *arguments):
            begun.append(self.current_epoch)
            if begun.count(0) > 3 and self.current_epoch == 5 and len(set(begun[-2:])) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, *arguments)

        patch.setattr(FERModule, "training_step", stop)
        assert in_a_process(lambda: run(flags(tmp_path / "runs", **changes))) == -signal.SIGKILL
    (folder,) = (tmp_path / "runs").iterdir()
    inner = [path for path in folder.iterdir() if path.is_dir()]
    broken = next(path for path in inner if Record.read(path).manifest["status"] == "running")
    count = len(rows(broken))
    resume(folder, {"trainer": {"progress": "plain"}})
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert lines[0].startswith(f"epoch {count + 1}/9")
    record = Record.read(folder)
    assert record.manifest["status"] == "finished"
    assert len([path for path in folder.iterdir() if path.is_dir() and (path / "manifest.json").exists()]) == 3


def test_seeds_go_on_with_the_one_that_was_interrupted_and_then_the_others(toy, tmp_path, capsys):
    words = ["--plugin", "toy", "--seeds", "3", "--seed", "4", "--run.output", str(tmp_path / "runs")]
    words += ["--trainer.progress", "plain"]
    for section in ("data", "optimizer", "trainer", "logger"):
        for key, value in FLAGS[section].items():
            words += [f"--{section}.{key}", str(value)] if key not in ("progress",) else []
    with pytest.MonkeyPatch.context() as patch:
        real = FERModule.training_step

        def stop(self, *arguments):
            if self.config.seed == 5 and self.current_epoch == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, *arguments)

        patch.setattr(FERModule, "training_step", stop)
        assert in_a_process(lambda: main.call("fer-run", main._run, words)) == -signal.SIGKILL
    folders = sorted((tmp_path / "runs").iterdir())
    assert len(folders) == 2
    capsys.readouterr()
    broken = next(path for path in folders if "-s5-" in path.name)
    assert main.call("fer-run", main._run, ["--resume", str(broken), "--trainer.progress", "plain"]) == 0
    out = capsys.readouterr().out
    assert "seed 4 (1 of 3), finished already" in out
    assert next(line for line in out.splitlines() if line.startswith("epoch ")).startswith("epoch 5/9")
    manifests = [Record.read(path).manifest for path in (tmp_path / "runs").iterdir()]
    assert sorted(manifest["seeds"]["run"] for manifest in manifests) == [4, 5, 6]
    assert {manifest["status"] for manifest in manifests} == {"finished"}
    assert "fer table" in out or "no spread" in out  # the toy may not have learnt
    assert main.call("fer-run", main._run, ["--resume", str(broken)]) == 2
    assert "this run is finished" in capsys.readouterr().err


def test_what_does_not_shape_the_result_may_change_and_is_recorded(toy, tmp_path, whole):
    folder = killed(tmp_path)
    changes = {"data": {"workers": 0, "memory_gb": 1.0}, "trainer": {"progress": "none", "threads": 1}}
    resume(folder, changes)
    assert ended(folder) == whole
    session = Record.read(folder).manifest["sessions"][-1]
    assert session["changed"] == {
        "data.memory_gb": [4.0, 1.0],
        "data.workers": [None, 0],
    }
    assert yaml.safe_load((folder / "config.yaml").read_text())["data"]["memory_gb"] == 1.0


def test_a_session_that_was_killed_stays_in_the_record(toy, tmp_path):
    folder = killed(tmp_path)
    (session,) = Record.read(folder).manifest["sessions"]
    assert session["device"] == "cpu, 1 thread"
    assert "seconds" not in session  # nobody has measured them
    resume(folder, {"trainer": {"threads": 1}, "data": {"workers": 0}})
    sessions = Record.read(folder).manifest["sessions"]
    assert [session["resumed"] for session in sessions] == [False, True]
    assert sessions[0] == session


def test_the_data_may_lie_elsewhere_if_they_are_the_same(toy, tmp_path):
    from PIL import Image

    from fer_plugins.config import registry

    faces = registry.build("dataset", "synthetic", samples=105, image_size=24)
    for place, image in enumerate(range(105)):
        path = tmp_path / "a" / ("train", "val", "test")[place % 3] / faces.classes[faces.table["label"][image]]
        path.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces[image][..., 0]).save(path / f"{image}.png")
    shutil.copytree(tmp_path / "a", tmp_path / "other")
    changes = {"data": {"name": "folder", "root": str(tmp_path / "a"), "image_size": 24, "batch_size": 32}}
    settings = {**flags(tmp_path / "runs"), **changes}
    with pytest.MonkeyPatch.context() as patch:
        kill_in(4, patch)
        assert in_a_process(lambda: run(settings)) == -signal.SIGKILL
    (folder,) = (tmp_path / "runs").iterdir()
    (tmp_path / "a").rename(tmp_path / "gone")
    before = (folder / "config.yaml").read_text(), (folder / "manifest.json").read_text()
    with pytest.raises(InputError, match="does not exist"):
        resume(folder)
    next((tmp_path / "other").rglob("*.png")).unlink()
    with pytest.raises(InputError, match="the data have changed"):
        resume(folder, {"data": {"root": str(tmp_path / "other")}})
    assert ((folder / "config.yaml").read_text(), (folder / "manifest.json").read_text()) == before
    resume(folder, {"data": {"root": str(tmp_path / "gone")}})
    assert Record.read(folder).config["data"]["root"] == str(tmp_path / "gone")
    assert len(rows(folder)) == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": {"lr": 0.1}}, "optimizer.lr is 0.05 in this run and shapes its result.*--optimizer.lr 0.1$"),
        ({"data": {"image_size": 32}}, "data.image_size"),
        ({"seed": 3}, "seed is 0"),
        ({"trainer": {"precision": "bf16-mixed"}}, "trainer.precision"),
        ({"run": {"output": "x"}}, "run.output"),
        ({"trainer": {"epochs": 3}}, "can only be raised"),
        ({"trainer": {"epoch": 30}}, "unknown key.*epochs"),
    ],
)
def test_what_shapes_the_result_is_refused(toy, tmp_path, changes, message):
    folder = tmp_path / "runs" / "begun"
    (folder / "checkpoints").mkdir(parents=True)
    settings = config.resolve(flags(tmp_path / "runs")).config
    (folder / "config.yaml").write_text(config.dump(settings))
    (folder / "manifest.json").write_text(
        json.dumps({"status": "running", "data": {}, "assumed": {}, "sessions": [], "warnings": []})
    )
    with pytest.raises(InputError, match=message) as caught:
        resume(folder, changes)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.yaml", "manifest.json"]


def test_more_epochs_are_as_if_they_had_been_asked_for_at_once(toy, tmp_path, whole):
    folder = killed(tmp_path, epoch=4, trainer={"epochs": 5})
    resume(folder, {"trainer": {"epochs": 9}})
    assert ended(folder) == whole
    assert Record.read(folder).manifest["sessions"][-1]["changed"] == {"trainer.epochs": [5, 9]}
    with pytest.raises(InputError, match="its test split is opened, so train longer in another run") as caught:
        resume(folder, {"trainer": {"epochs": 12}})
    words = str(caught.value).partition("fer-run ")[2].split()
    assert main.call("fer-run", main._run, [*words, "--run.output", str(tmp_path / "longer")]) == 0


def test_a_schedule_that_spans_the_epochs_is_not_stretched(toy, tmp_path):
    folder = killed(tmp_path, epoch=4, trainer={"epochs": 5}, scheduler={"name": "CosineAnnealingLR"})
    with pytest.raises(InputError, match="CosineAnnealingLR spans the 5 epochs"):
        resume(folder, {"trainer": {"epochs": 9}})


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "half": lambda path: path.write_bytes(path.read_bytes()[:2000]),
    "bare dictionary": lambda path: torch.save({}, path),
    "a list": lambda path: torch.save([1, 2], path),
    "payload": lambda path: torch.save({"x": print}, path),
    "another network": lambda path: torch.save(
        {**torch.load(path, weights_only=True), "state_dict": {"network.weight": torch.zeros(3)}}, path
    ),
    "epoch of text": lambda path: torch.save({**torch.load(path, weights_only=True), "epoch": "x"}, path),
}


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_damaged_or_foreign_checkpoint_is_one_line_and_nothing_is_written(toy, tmp_path, name, capsys, whole):
    folder = killed(tmp_path)
    path = folder / "checkpoints" / name
    sound = path.read_bytes()
    manifest = (folder / "manifest.json").read_text()
    for what, spoil in BROKEN.items():
        path.write_bytes(sound)
        spoil(path)
        assert main.call("fer-run", main._run, ["--resume", str(folder)]) == 2, what
        error = capsys.readouterr().err
        assert error.count("\n") == 1, what
        assert f"{name}: the run cannot continue from it" in error, what
        assert (folder / "manifest.json").read_text() == manifest, what
    path.unlink()
    if name == "best.ckpt":
        with pytest.raises(InputError, match="is missing, and with it the best epoch"):
            resume(folder)
        (folder / "checkpoints" / "last.ckpt").unlink()
    resume(folder)  # the remedy: begun anew
    assert ended(folder) == whole


def test_control_c_while_lightning_cleans_up_is_an_interruption(toy, tmp_path, monkeypatch):
    from lightning.pytorch import Trainer

    def teardown(self):
        raise RuntimeError("Please call `iter(combined_loader)` first.")

    def stop(self, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_teardown", teardown)
        patch.setattr(FERModule, "on_train_epoch_start", stop)
        before = signal.getsignal(signal.SIGINT)
        try:
            with pytest.raises(Interrupted, match="continue with: fer-run --resume"):
                run(flags(tmp_path))
        finally:
            signal.signal(signal.SIGINT, before)
    (folder,) = tmp_path.glob("toy-*")
    assert Record.read(folder).manifest["status"] == "interrupted"
    resume(folder)


@pytest.mark.slow
def test_control_c_at_any_second_is_one_line(toy, tmp_path):
    code = "from fer_plugins.commands.main import fer_run; print('begun', flush=True); fer_run()"
    words = ["--plugin", "toy", "--data", "synthetic", "--data.samples", "105", "--trainer.epochs", "2000"]
    words += ["--run.output", str(tmp_path / "runs"), "--logger", "csv", "--augmentation", "light"]
    for seconds in (0.5, 2.5, 4.0, 5.0):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "PYTHONPATH": str(toy)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert process.stdout.readline() == "begun\n"  # Python itself has started, however busy the machine
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=300)
        assert process.returncode == 1, error
        assert "Traceback" not in error
        assert error.strip().splitlines()[-1].startswith("fer-run: interrupted")


def test_the_best_is_kept_through_numbers_that_are_none():
    checkpoints = BestAndLast(Path("x"), "val/loss", "min")
    nan = float("nan")
    assert checkpoints._is_better(1.0, 2.0)
    assert not checkpoints._is_better(2.0, 2.0)
    assert not checkpoints._is_better(nan, 2.0)
    assert checkpoints._is_better(2.0, nan)
    assert not checkpoints._is_better(nan, nan)
