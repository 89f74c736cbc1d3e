import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from fer_plugins import config
from fer_plugins.data.seal import TestSplitSealed
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError

FER_RUN = str(Path(sys.executable).parent / "fer-run")
QUICK = {
    "plugin": "toy",
    "data": {"name": "synthetic", "samples": 210, "subjects": 10, "batch_size": 16},
    "optimizer": {"lr": 0.0003},  # with a larger one the toy calls all images the same after two epochs: no result
    "trainer": {"epochs": 2, "threads": 1},
    "logger": {"name": "csv", "figures": "off"},  # saves two seconds a run
}


def settings(tmp_path, **changes):
    flags = {name: dict(value) if isinstance(value, dict) else value for name, value in QUICK.items()}
    flags["run"] = {"output": str(tmp_path / "runs")}
    for section, values in changes.items():
        if isinstance(values, dict):
            flags[section] = {**flags.get(section, {}), **values}
        else:
            flags[section] = values
    return flags


def weights(folder, name="last.ckpt"):
    return torch.load(Path(folder, "checkpoints", name), weights_only=True)["state_dict"]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def done(toy, tmp_path):
    return run(settings(tmp_path))


def test_what_a_run_leaves_behind(done, capsys):
    folder = done.folder
    assert folder.name.startswith("toy-synthetic-official-s0-")
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "config.yaml",
        "manifest.json",
        "metrics.csv",
        "metrics.json",
        "predictions.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    } <= files
    assert not [name for name in files if Path(name).name.startswith(".")]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert len(manifest["data"]["split_hash"]) == 16
    assert manifest["selected_on"]["split"] == "val"
    assert manifest["reported_on"] == "test"
    assert manifest["seeds"] == {"run": 0, "protocol": 0}
    assert manifest["versions"]["torch"] == torch.__version__.partition("+")[0] or manifest["versions"]["torch"]
    assert manifest["assumed"] == {"model.width": "not stated"}
    assert len(manifest["test_opened"]) == 1
    assert Record.read(folder).metrics == done.metrics


def test_metrics_agree_with_the_predictions(done):
    rows = [row for row in done.predictions() if row["split"] == "test"]
    test = done.metrics["test"]
    assert test["n"] == len(rows) == sum(done.manifest["data"]["counts"]["test"].values())
    assert test["accuracy"] == sum(row["true"] == row["predicted"] for row in rows) / len(rows)
    assert test["intervals"]["accuracy"]["low"] <= test["accuracy"] <= test["intervals"]["accuracy"]["high"]
    for row in rows:
        shares = {name[2:]: float(value) for name, value in row.items() if name.startswith("p_")}
        assert max(shares, key=shares.get) == row["predicted"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["true"] in row["source"]  # synthetic sources carry the class's name


def test_the_claim_stands_beside_the_number(done):
    claim = done.metrics["claims"][0]
    assert claim["claimed"] == 0.99
    assert claim["measured"] == done.metrics["test"]["accuracy"]
    assert "split not stated" in claim["note"]
    assert "2 of 50 epochs" in claim["note"]


def test_the_table_is_printed(toy, tmp_path, capsys):
    record = run(settings(tmp_path))
    text = capsys.readouterr().out
    for message in (
        "epoch 2/2",
        "happy",
        "accuracy",
        "balanced accuracy",
        "claim",
        record.manifest["data"]["split_hash"],
        "not stated",
        str(record.folder),
    ):
        assert message in text, message
    assert max(map(len, text.splitlines())) <= 160
    assert "GPU available" not in text


def test_an_epoch_a_row(done):
    rows = list(csv.DictReader((done.folder / "metrics.csv").open()))
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    assert {"train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/f1", "lr"} <= set(rows[0])
    best = max(range(2), key=lambda place: float(rows[place]["val/accuracy"]))
    assert done.metrics["val"]["accuracy"] == pytest.approx(float(rows[best]["val/accuracy"]), abs=1e-6)


def test_one_seed_gives_the_same_bits_and_another_does_not(toy, tmp_path, done):
    again = run(settings(tmp_path))
    other_seed = run(settings(tmp_path, seed=1))
    assert same(weights(done.folder), weights(again.folder))
    assert not same(weights(done.folder), weights(other_seed.folder))
    assert done.manifest["data"]["split_hash"] == other_seed.manifest["data"]["split_hash"]
    assert (done.folder / "predictions.csv").read_text() == (again.folder / "predictions.csv").read_text()


def test_the_saved_configuration_repeats_the_run(toy, tmp_path, done):
    again = run(config.resolve(files=[str(done.folder / "config.yaml")]))
    assert same(weights(done.folder), weights(again.folder))


@pytest.mark.parametrize("augmentation", ["flip_affine_erase", "light"])
def test_augmented_runs_are_repeated_bit_for_bit_whatever_the_workers(toy, tmp_path, augmentation):
    first = run(settings(tmp_path, augmentation=augmentation, data={"workers": 0}))
    workers = 2 if augmentation == "light" else 0
    second = run(settings(tmp_path, augmentation=augmentation, data={"workers": workers}))
    plain = run(settings(tmp_path))
    assert same(weights(first.folder), weights(second.folder))
    assert not same(weights(first.folder), weights(plain.folder))


def test_the_test_split_cannot_be_read_while_fitting(toy, tmp_path, monkeypatch):
    from fer_plugins.training.module import FERModule

    asked = []

    def peek(self, batch, batch_idx):
        with pytest.raises(TestSplitSealed):
            self.trainer.datamodule.test_dataloader()
        with pytest.raises(TestSplitSealed):
            self.trainer.datamodule.labels("test")
        asked.append(batch_idx)
        return step(self, batch, batch_idx)

    step = FERModule.training_step
    monkeypatch.setattr(FERModule, "training_step", peek)
    run(settings(tmp_path))
    assert asked


def test_without_the_final_test_the_split_stays_sealed(toy, tmp_path):
    record = run(settings(tmp_path, run={"output": str(tmp_path / "runs"), "test": False}))
    assert "test" not in record.metrics
    assert record.manifest["reported_on"] == "val"
    assert record.manifest["test_opened"] == []
    assert {row["split"] for row in record.predictions()} == {"val"}


def test_early_stopping_and_the_best_checkpoint_follow_validation(toy, tmp_path):
    changes = {"trainer": {"epochs": 30}, "selection": {"patience": 1}, "optimizer": {"lr": 0.05}}
    record = run(settings(tmp_path, **changes))
    rows = list(csv.DictReader((record.folder / "metrics.csv").open()))
    values = [float(row["val/accuracy"]) for row in rows]
    assert len(rows) < 30
    assert record.manifest["best_epoch"] == values.index(max(values)) + 1


def test_a_teacher_is_taken_from_a_run_and_stays_out_of_the_checkpoint(toy, tmp_path, done):
    record = run(settings(tmp_path, recipe="pupil", model={"teacher": str(done.folder)}))
    assert weights(record.folder).keys() == weights(done.folder).keys()
    with pytest.raises(InputError, match="image_size 24, this run has 26"):
        run(settings(tmp_path, recipe="pupil", model={"teacher": str(done.folder)}, data={"image_size": 26}))
    with pytest.raises(InputError, match="model.teacher.*does not exist"):
        run(settings(tmp_path, recipe="pupil", model={"teacher": str(tmp_path / "none")}))


# Faults.


def test_wrong_input_writes_nothing(toy, tmp_path):
    cases = [
        ({"data": {"name": "fer2013", "root": str(tmp_path / "nowhere")}}, "nowhere"),
        ({"data": {"name": "fer2013"}}, "root"),
        ({"optimizer": {"name": "Adamm"}}, "Adamm"),
        ({"selection": {"metric": "test/accuracy"}}, "test split may not select"),
        ({"data": {"balance": "oversample"}, "loss": {"class_weights": "balanced"}}, "correct twice"),
        ({"selection": {"metric": "val/loss"}}, "selection.mode"),
        ({"model": {"teacher": "/nowhere"}}, "model.teacher"),
        ({"run": {"output": "/proc/nowhere"}}, "run.output"),
        ({"run": {"fold": 3}}, "fold"),
        ({"data": {"limit": 3}}, "limit"),
    ]
    if not torch.cuda.is_available():
        cases.append(({"trainer": {"accelerator": "gpu"}}, "no CUDA device found"))
    for changes, message in cases:
        flags = settings(tmp_path)
        for section, values in changes.items():
            flags[section] = {**flags.get(section, {}), **values} if "name" not in values else values
        with pytest.raises(InputError) as caught:
            run(flags)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_nan_loss_fails_the_run_and_keeps_the_last_whole_epoch(toy, tmp_path):
    steps = -(-sum(run(settings(tmp_path)).manifest["data"]["counts"]["train"].values()) // QUICK["data"]["batch_size"])
    with pytest.raises(RunError, match="nan at epoch 2, step 3"):
        run(settings(tmp_path, model={"explode_at": steps + 3}, trainer={"epochs": 4}))
    folder = max((tmp_path / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    record = Record.read(folder)
    assert record.manifest["status"] == "failed"
    assert "nan at epoch 2" in record.manifest["error"]
    assert all(value.isfinite().all() for value in weights(folder).values())


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(toy, tmp_path, monkeypatch):
    real = torch.save

    def full(value, path, *rest, **more):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fer_plugins.training.checkpoints.torch.save", full)
    with pytest.raises(RunError, match=r"cannot write .*best.ckpt: No space left on device"):
        run(settings(tmp_path))
    monkeypatch.setattr("fer_plugins.training.checkpoints.torch.save", real)
    folder = next((tmp_path / "runs").iterdir())
    assert list((folder / "checkpoints").iterdir()) == []
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"


def start(toy, tmp_path, flags, ready):
    """Start fer-run in a process of its own and wait for the line ``ready``.

    Its steps are slow, so that it has not finished when a busy machine lets this process go on.
    """
    path = tmp_path / "flags.yaml"
    path.write_text(yaml.safe_dump(flags))
    environment = {**os.environ, "PYTHONPATH": str(toy), "PYTHONUNBUFFERED": "1", "TOY_PAUSE": "0.05"}
    process = subprocess.Popen(
        [FER_RUN, "--config", str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(ready):
            return process, seen
    raise AssertionError("".join(seen))


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(toy, tmp_path):
    changes = {
        "trainer": {"epochs": 40},
        "augmentation": "flip_affine_erase",
        "scheduler": {"name": "CosineAnnealingLR"},
    }
    whole = run(settings(tmp_path, **changes))
    elsewhere = tmp_path / "killed"
    flags = settings(tmp_path, **changes, run={"output": str(elsewhere)})
    process, _ = start(toy, tmp_path, flags, "epoch 4/40")
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = next(elsewhere.iterdir())
    before = Record.read(folder)
    assert before.manifest["status"] == "running"
    rows = len((folder / "metrics.csv").read_text().splitlines()) - 1
    assert 4 <= rows < 40
    record = resume(folder)
    assert record.manifest["status"] == "finished"
    assert same(weights(whole.folder), weights(folder))
    assert same(weights(whole.folder, "best.ckpt"), weights(folder, "best.ckpt"))
    read = [list(csv.DictReader((path / "metrics.csv").open())) for path in (whole.folder, folder)]
    for killed, whole_run in zip(*read, strict=True):
        assert {**killed, "seconds": 0} == {**whole_run, "seconds": 0}
    assert (whole.folder / "predictions.csv").read_text() == (folder / "predictions.csv").read_text()
    with pytest.raises(InputError, match="finished"):
        resume(folder)


def test_control_c_leaves_a_usable_folder(toy, tmp_path):
    flags = settings(tmp_path, trainer={"epochs": 400})
    process, _ = start(toy, tmp_path, flags, "epoch 2/400")
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "interrupted; continue with: fer-run --resume" in rest
    assert "Traceback" not in rest
    folder = next((tmp_path / "runs").iterdir())
    assert Record.read(folder).manifest["status"] == "interrupted"
    assert weights(folder)


def test_a_run_on_other_data_is_not_gone_on_with(toy, tmp_path):
    process, _ = start(toy, tmp_path, settings(tmp_path, trainer={"epochs": 400}), "epoch 1/400")
    process.kill()
    process.wait()
    folder = next((tmp_path / "runs").iterdir())
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("difficulty: 0.5", "difficulty: 0.4"))
    with pytest.raises(InputError, match="the data have changed"):
        resume(folder)


def test_two_runs_that_start_together_do_not_share_a_folder(toy, tmp_path, monkeypatch):
    from fer_plugins.runs import record

    monkeypatch.setattr(record.time, "strftime", lambda pattern: "now")
    full = config.resolve(settings(tmp_path)).config
    assert record.create_folder(full) != record.create_folder(full)


def test_loader_processes_that_die_fail_the_run_with_one_line(toy, tmp_path, make_distribution, monkeypatch):
    monkeypatch.setattr("fer_plugins.data.loaders.workers.PATIENCE", 3)
    make_distribution(
        "deadly",
        [("augmentations", "deadly", "deadly:Deadly")],
        '''
        import os

        class Deadly:
            """Ends the loader process, not the run's own."""

            def __init__(self, *, image_size: int):
                self.parent = os.getpid()

            def __call__(self, *, image):
                if os.getpid() != self.parent:
                    os._exit(1)
                return {"image": image}
        ''',
    )
    with pytest.raises(RunError, match="loader processes do not deliver.*try --data.workers 0"):
        run(settings(tmp_path, augmentation="deadly", data={"workers": 1}))
    assert Record.read(next((tmp_path / "runs").iterdir())).manifest["status"] == "failed"


def test_batch_transforms_and_csv_need_neither_albumentations_nor_wandb(toy, tmp_path, monkeypatch):
    for name in ("albumentations", "cv2", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError
    record = run(settings(tmp_path, augmentation="flip_affine_erase"))
    assert record.manifest["status"] == "finished"
    for changes, split in [({"augmentation": "light"}, "albumentations"), ({"logger": "wandb"}, "wandb")]:
        with pytest.raises(InputError, match=rf"pip install '{split}[<>=]"):
            run({**settings(tmp_path / "none"), **changes})
    assert not list((tmp_path / "none").glob("runs/*"))


def test_a_damaged_checkpoint_of_the_run_is_one_line(tmp_path):
    from fer_plugins.training.checkpoints import read_checkpoint

    (tmp_path / "best.ckpt").write_bytes(b"half")
    with pytest.raises(RunError, match="cannot read .*best.ckpt") as caught:
        read_checkpoint(tmp_path / "best.ckpt")
    assert "\n" not in str(caught.value)
