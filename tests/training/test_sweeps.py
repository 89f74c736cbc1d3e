"""The sweeps of configs/sweeps: command lines as W&B's own agent builds them, without its server."""

import itertools
import os
import sys
from pathlib import Path

import pytest
import yaml
from support import ROOT
from support.wandb_records import run_of, summary_of

from fer_plugins.commands import main
from fer_plugins.runs.record import Record

pytest.importorskip("wandb")
SWEEPS = sorted((ROOT / "configs" / "sweeps").glob("*.yaml"))
BY_NAME = pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)


def read(path):
    return yaml.safe_load(path.read_text())


def cells(sweep):
    """Return the parameters of every run of a grid; of a range, its two ends."""
    choices = {
        name: parameter.get("values")
        or ([parameter["value"]] if "value" in parameter else [parameter["min"], parameter["max"]])
        for name, parameter in sweep["parameters"].items()
    }
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def flags(parameters):
    """Return ${args} as W&B writes it."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    return create_sweep_command_args({"args": {name: {"value": value} for name, value in parameters.items()}})["args"]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that lets W&B's agent start a run, as it does for its server, and returns the exit code."""
    from wandb.wandb_agent import Agent

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):  # the agent sets them for the process that it starts
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep001")
    monkeypatch.setenv("WANDB_MODE", "offline")

    def start(sweep, parameters):
        agent = Agent(None, None, sweep_id="sweep001")
        agent._sweep_command = list(sweep["command"])
        values = {name: {"value": value} for name, value in parameters.items()}
        agent._command_run({"run_id": "run00001", "program": sweep["program"], "args": values})
        return agent._run_processes["run00001"].wait(timeout=300)

    return start


def test_there_is_one_for_a_rate_for_poolings_and_for_seeds():
    assert [path.stem for path in SWEEPS] == ["learning_rate", "pooling", "seeds"]
    assert len(cells(read(SWEEPS[1]))) == 9
    assert {cell["model.pool"] for cell in cells(read(SWEEPS[1]))} == {"max", "average", "max_blur"}
    assert [cell["seed"] for cell in cells(read(SWEEPS[2]))] == [0, 1, 2, 3, 4]


@BY_NAME
def test_every_run_of_a_sweep_is_a_configuration(path, capsys):
    for parameters in cells(read(path)):
        assert main.call("fer-run", main._run, [*flags(parameters), "--print-config"]) == 0, capsys.readouterr().err
        printed = yaml.safe_load(capsys.readouterr().out)
        for name, value in parameters.items():
            section, _, key = name.partition(".")
            written = printed[section][key] if key else printed[section]
            assert (written["name"] if isinstance(written, dict) else written) == value


@pytest.fixture
def violations():
    """W&B's own check of a sweep, which its server makes when the sweep is created."""
    return pytest.importorskip("sweeps.config.cfg").schema_violations_from_proposed_config


@BY_NAME
def test_wandbs_schema_finds_no_fault(path, violations):
    assert violations(read(path)) == []


def test_wandbs_schema_does_find_faults(violations):
    sweep = read(SWEEPS[2])
    assert violations({**sweep, "method": "gird"})
    assert violations({**sweep, "parameters": {"seed": {"valuess": [1]}}})


def test_an_agent_trains_a_run_of_a_sweep_offline(start, tmp_path, capfd):
    sweep = read(SWEEPS[0])
    parameters = cells(sweep)[-1]
    assert start(sweep, parameters) == 0, capfd.readouterr().err
    (folder,) = (tmp_path / "runs").iterdir()
    record = Record.read(folder)
    assert record.manifest["status"] == "finished"
    assert record.manifest["tracking_id"] == "run00001"
    assert record.config["optimizer"]["lr"] == parameters["optimizer.lr"] == 0.1
    assert record.config["logger"]["mode"] == "offline"
    assert "test" not in record.metrics
    begun = run_of(tmp_path)  # where the agent wants W&B's files
    assert (begun["run_id"], begun["sweep_id"]) == ("run00001", "sweep001")
    assert begun["config"]["update"]["optimizer.lr"] == 0.1  # under its own name, for W&B's charts of a sweep
    assert summary_of(tmp_path)[sweep["metric"]["name"]] == pytest.approx(record.metrics["val"]["accuracy"])


def test_a_parameter_that_is_no_option_is_named_with_those_that_are(capsys):
    parameters = {**cells(read(SWEEPS[0]))[0], "optimizer.learning_rate": 0.1}
    assert main.call("fer-run", main._run, flags(parameters)) == 2
    message = capsys.readouterr().err
    assert message.startswith("fer-run: optimizer.learning_rate: unknown argument of SGD; known: lr, ")
    assert main.call("fer-run", main._run, flags({"plugin": "lenet5", "learning_rate": 0.1})) == 2
    assert capsys.readouterr().err.startswith("fer-run: --learning_rate: unknown key (from the command line); did you")
