"""A run's folder that was damaged is refused in one line with nothing written, or what is lost is said."""

import json
import shutil

import pytest
import torch

from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.begun_record import read_begun
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError

FLAGS = {
    "plugin": "toy",
    "data": {"name": "synthetic", "samples": 105, "image_size": 24},
    "trainer": {"epochs": 2, "threads": 1, "progress": "plain", "accelerator": "cpu"},
    "logger": {"name": "csv", "figures": "off"},
}
MORE = {"trainer": {"epochs": 3}}


@pytest.fixture
def folder(toy, tmp_path):
    """The folder of a run that was interrupted after two epochs."""
    record = run({**FLAGS, "run": {"output": str(tmp_path / "runs")}})
    record.write_manifest(status="interrupted")
    return record.folder


def holds(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_last(folder, **changes):
    path = folder / "checkpoints" / "last.ckpt"
    torch.save({**torch.load(path, weights_only=True), **changes}, path)


def cut_config(folder, last):
    """Leave the lines of config.yaml above the section ``last``, or above a key of the section run."""
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text[: text.index(f"\n{last}:") + 1])


def test_damage_is_refused_in_one_line_and_nothing_is_written(folder):
    sound = holds(folder)
    copy = folder.with_name("copy")
    damages = [
        lambda: edit_manifest(copy, sessions=3),
        lambda: edit_manifest(copy, sessions=[3]),
        lambda: edit_manifest(copy, warnings=None),
        lambda: edit_manifest(copy, data=None),
        lambda: edit_manifest(copy, status=None),
        lambda: edit_manifest(copy, threads=5),
        lambda: edit_manifest(copy, threads={"number": "2"}),
        lambda: edit_manifest(copy, folds=None),
        lambda: edit_manifest(copy, folds=[]),
        lambda: edit_manifest(copy, series={"id": "a"}),
        lambda: edit_manifest(copy, series={"id": "a", "number": 3, "count": 3}),
        lambda: edit_manifest(copy, assumed=["a"]),
        lambda: (copy / "manifest.json").unlink(),
        lambda: (copy / "manifest.json").write_text("{}"),
        lambda: cut_config(copy, "optimizer"),
        lambda: cut_config(copy, "run"),
        lambda: cut_config(copy, "  test"),
        lambda: edit_last(copy, loops={}),
        lambda: edit_last(copy, callbacks={}),
        lambda: edit_last(copy, callbacks=5),
        lambda: edit_last(copy, optimizer_states=[]),
        lambda: edit_last(copy, lr_schedulers=[{}]),
        lambda: ((copy / "checkpoints" / "last.ckpt").unlink(), (copy / "checkpoints" / "last.ckpt").mkdir()),
        lambda: ((copy / "metrics.csv").unlink(), (copy / "metrics.csv").mkdir()),
        lambda: (shutil.rmtree(copy / "checkpoints"), (copy / "checkpoints").write_text("")),
    ]
    for number, damage in enumerate(damages):
        shutil.copytree(folder, copy)
        damage()
        before = holds(copy)
        assert before != sound, number
        with pytest.raises(InputError) as refused:
            resume(copy, MORE)
        assert "\n" not in str(refused.value), number
        assert holds(copy) == before, number
        shutil.rmtree(copy)
    resume(folder, MORE)  # and what is sound goes on


def test_remedies_of_lost_files_work(folder, capsys):
    (folder / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"delete .*last.ckpt to start this run over"):
        read_begun(folder)
    (folder / "checkpoints" / "last.ckpt").unlink()
    resume(folder)
    assert "there is no last.ckpt: every epoch is trained again" in capsys.readouterr().out
    assert Record.read(folder).manifest["status"] == "finished"


def test_rows_that_metrics_csv_lost_are_named(folder, capsys):
    header, _, second = (folder / "metrics.csv").read_text().splitlines()
    (folder / "metrics.csv").write_text(f"{header}\n{second}\n")
    done = resume(folder, MORE)
    warning = "metrics.csv had lost rows when the run was resumed, those of epoch 1"
    assert warning in capsys.readouterr().out
    assert warning in done.manifest["warnings"]
