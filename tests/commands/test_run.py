"""Flags of ``fer-run`` that are short for settings."""

import pytest
import yaml

from fer_plugins.commands import main


def config_of(capsys, *argv):
    assert main.call("fer-run", main._run, ["--plugin", "toy", *argv, "--print-config"]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_each_writes_its_settings(toy, capsys):
    settings = config_of(capsys, "--fast-dev-run", "--profile", "--max-time", "30")
    assert (settings["trainer"]["epochs"], settings["data"]["limit"], settings["logger"]["name"]) == (1, 140, "csv")
    assert (settings["trainer"]["profiler"], settings["trainer"]["max_time"]) == ("simple", 30.0)
    plain = config_of(capsys)
    assert (plain["trainer"]["profiler"], plain["trainer"]["max_time"], plain["data"]["limit"]) == ("none", None, None)


def test_the_setting_itself_wins(toy, capsys):
    argv = ["--trainer.epochs", "2", "--data.limit", "0.5", "--trainer.profiler", "pytorch"]
    settings = config_of(capsys, "--fast-dev-run", "--profile", *argv)
    assert (settings["trainer"]["epochs"], settings["data"]["limit"]) == (2, 0.5)
    assert settings["trainer"]["profiler"] == "pytorch"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--plugin", "toy", "--max-time", "soon"], "trainer.max_time: expected a number or null, got"),
        (["--plugin", "toy", "--max-time", "0"], "trainer.max_time: expected float > 0"),
        (["--resume", "run", "--fast-dev-run"], "--resume takes the run's own configuration"),
    ],
)
def test_wrong_ones_are_one_line(toy, capsys, argv, message):
    assert main.call("fer-run", main._run, argv) == 2
    assert message in capsys.readouterr().err
