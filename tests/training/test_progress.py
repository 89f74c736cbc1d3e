"""What a run says while it goes."""

import re

import pytest

from fer_plugins.experiments.run import run

SETTINGS = {
    "plugin": "lenet5",
    "data": {"name": "synthetic", "samples": 126, "subjects": 6},
    "trainer": {"epochs": 3, "threads": 1},
    "logger": {"name": "csv", "figures": "off"},
}


def said(capfd, tmp_path, **trainer):
    run({**SETTINGS, "trainer": {**SETTINGS["trainer"], **trainer}, "run": {"output": str(tmp_path)}})
    return capfd.readouterr()


def test_one_bar_from_the_first_step_to_the_last(capfd, tmp_path):
    bar = said(capfd, tmp_path, progress="bar").err
    drawn = [split for split in re.split(r"[\r\n]+", bar) if split.startswith("epoch ")]
    assert {split.partition(":")[0] for split in drawn} <= {"epoch 1/3", "epoch 2/3", "epoch 3/3"}
    assert "epoch 3/3" in drawn[-1]
    assert re.search(r"/\d+ \[.*<.*loss=\d", bar)  # steps of the whole training, time left, loss
    assert len({re.search(r"/(\d+) \[", split)[1] for split in drawn if "[" in split}) == 1
    assert "Validation" not in bar


def test_plain_lines_fit_80_columns(capfd, tmp_path):
    captured = said(capfd, tmp_path, progress="plain")
    lines = [line for line in captured.out.splitlines() if line.startswith("epoch ")]
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    assert max(map(len, lines)) <= 80
    assert captured.err == ""


def test_a_change_of_the_learning_rate_is_said(capfd, tmp_path):
    settings = {
        **SETTINGS,
        "scheduler": {"name": "StepLR", "step_size": 2, "gamma": 0.1},
        "optimizer": {"lr": 0.01},
        "run": {"output": str(tmp_path)},
    }
    run({**settings, "trainer": {**SETTINGS["trainer"], "progress": "plain"}})
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if "learning rate" in line] == ["  learning rate 0.001"]
    assert lines[lines.index("  learning rate 0.001") + 1].startswith("epoch 3/3")


@pytest.mark.parametrize("progress", ["none"])
def test_nothing_is_said_where_nothing_is_wanted(capfd, tmp_path, progress):
    captured = said(capfd, tmp_path, progress=progress)
    assert "epoch 1/3" not in captured.out
    assert captured.err == ""


def test_what_is_said_before_the_first_epoch_fits_80_columns(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    flags = {"name": "synthetic", "samples": 1050, "image_size": 24}
    log = {"name": "csv", "figures": "off"}
    run({"plugin": "toy", "data": flags, "trainer": {"epochs": 1}, "logger": log, "run": {"output": str(tmp_path)}})
    lines = capsys.readouterr().out.splitlines()
    assert any("split" in line and "data" in line for line in lines)
    assert not [line for line in lines if len(line) > 80 and str(tmp_path) not in line]
