"""``fer tune``: a range of learning rates is trained on, and what cannot be tuned here is refused in one line."""

import csv

import pytest

from fer_plugins.commands import main

GIVEN = ["--plugin", "toy", "--data", "synthetic", "--data.samples", "126", "--data.batch_size", "6"]


def call(*argv):
    return main.call("fer", main._verb, ["tune", *argv])


def test_the_range_is_tested_and_the_rates_are_written(toy, capsys, tmp_path):
    assert (
        call(
            "lr",
            *GIVEN,
            "--from",
            "1e-5",
            "--to",
            "1",
            "--steps",
            "40",
            "--trainer.devices",
            "1",
            "--out",
            str(tmp_path / "lr.csv"),
        )
        == 0
    )
    out = capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "lr.csv").open()))
    rates = [float(row["lr"]) for row in rows]
    assert out.startswith(f"tested: {len(rates)} rates, 1e-05 to ")
    assert rates == sorted(rates)
    assert "suggestion: " in out
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_file_is_replaced_with_force_alone(toy, capsys, tmp_path):
    file = tmp_path / "lr.csv"
    file.write_text("mine")
    few = ["lr", *GIVEN, "--steps", "20", "--out", str(file)]
    assert call(*few) == 2
    assert "already exists; replace it with --force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert call(*few, "--force") == 0
    assert file.read_text().startswith("lr,loss\n")


def test_the_range_is_longer_than_the_training_of_the_recipe(toy, capsys):
    assert call("lr", *GIVEN, "--steps", "40", "--to", "1e-5", "--trainer.epochs", "1") == 0
    assert capsys.readouterr().out.startswith("tested: 40 rates, 1e-06 to 1e-05")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["lr", *GIVEN, "--from", "1", "--to", "0.1"], "give two learning rates above 0, the lower first"),
        (["lr", *GIVEN, "--steps", "3"], "--steps 3: give at least 20"),
        (["batch-size", *GIVEN, "--trainer.accelerator", "cpu"], "set data.batch_size yourself"),
        (["lr", *GIVEN, "--trainer.devices", "2"], "trainer.devices: fer tune trains in one process; give --"),
        (["lr", *GIVEN, "--trainer.num_nodes", "2"], "trainer.num_nodes: fer tune trains in one process; give --"),
        (["batch-size", *GIVEN, "--out", "x.csv"], "--out: is for lr; leave it out"),
        (["batch-size", *GIVEN, "--steps", "30"], "--steps: is for lr; leave it out"),
        (["lr", *GIVEN, "--largest", "64"], "--largest: is for batch-size; leave it out"),
        (["lr", *GIVEN, "--out", "."], "--out .: is a folder; give the name of a file"),
        (["lr", *GIVEN, "--out", "no/lr.csv"], "there is no folder"),
        (["lr", *GIVEN, "--force"], "--force belongs to --out"),
        (["batch-size", *GIVEN, "--force"], "--force: is for lr; leave it out"),
        (["lr", "--data", "synthetic"], "needs --plugin NAME"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(toy, capsys, argv, message):
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
