"""Several loggers at once, TensorBoard's own reader, and loggers that fail at any moment."""

import sys

import pytest
from support.killed_run import flags, in_a_process, kill_in, rows

from fer_plugins import config
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError

# Raises in the method that its option names; otherwise writes down what was called.
SOURCE = '''
from pathlib import Path
from lightning.pytorch.loggers import Logger


class Fragile(Logger):
    """Fails where it is told to.

    Args:
        folder: folder of the run.
        at: method that raises.
        note: word that is written first.
        mode: how it fails.
    """

    name, version = "fragile", ""

    def __init__(self, *, folder: Path, at: str = "nowhere", note: str = "begun", mode: str = "offline"):
        super().__init__()
        self.folder, self.at = folder, at
        self._call("__init__", note)

    def _call(self, name, word=""):
        with (self.folder / "calls.txt").open("a") as file:
            file.write(f"{name} {word}".strip() + "\\n")
        if name == self.at:
            raise RuntimeError("the server\\nis gone")

    def log_hyperparams(self, params, *args, **kwargs):
        self._call("log_hyperparams", params["seed"])

    def log_metrics(self, metrics, step=None):
        self._call("log_metrics", step)

    def finalize(self, status):
        self._call("finalize", status)
'''


@pytest.fixture
def fragile(make_distribution):
    make_distribution("fragile", [("loggers", "fragile", "fragile:Fragile")], SOURCE)


def settings(tmp_path, logger):
    section = logger if isinstance(logger, dict) else {"name": logger}
    return flags(tmp_path / "runs", trainer={"epochs": 2}, logger={**section, "figures": "off"})


def names(loggers):
    return config.resolve({"logger": loggers}, plugin="lenet5").config.as_dict()["logger"]["name"]


def test_spellings():
    assert names("wandb, tensorboard") == names(["wandb", "tensorboard"]) == ["wandb", "tensorboard"]
    assert names({"name": "csv,wandb", "project": "mine"}) == ["csv", "wandb"]
    assert (names("csv"), names(["none"]), names("wandb")) == ("csv", "none", "wandb")


@pytest.mark.parametrize(
    ("loggers", "says"),
    [
        ("wandb,none", "logger.name: none stands in wandb, none; leave it out"),
        ("csv,csv", "logger.name: one name is there twice in csv, csv"),
        ("", "logger.name: expected a name"),
        (
            "wandbb",
            "logger.name: unknown logger 'wandbb'; did you mean wandb?; installed: csv, mlflow, tensorboard, wandb",
        ),
        (
            {"name": "tensorboard,csv", "project": "x"},
            "logger.project: has no effect with logger.name tensorboard, csv",
        ),
        ({"name": "tensorboard", "flush": 1}, "logger.flush: unknown key (from the command line)"),
    ],
)
def test_wrong_loggers_are_refused(loggers, says):
    with pytest.raises(InputError) as caught:
        names(loggers)
    assert says in str(caught.value)


def test_each_epoch_the_scores_and_the_configuration_reach_a_logger(toy, fragile, tmp_path):
    record = run(settings(tmp_path, {"name": "fragile", "note": "hello"}))
    calls = (record.folder / "calls.txt").read_text().splitlines()
    expected = ["__init__ hello", "log_hyperparams 0", "log_metrics 1", "log_metrics 2", "log_metrics 2"]
    assert calls == [*expected, "finalize success"]
    assert len(rows(record.folder)) == 2  # metrics.csv as well
    assert record.config["logger"]["note"] == "hello"


@pytest.mark.parametrize("at", ["log_hyperparams", "log_metrics", "finalize"])
def test_no_logger_can_fail_a_run(toy, fragile, tmp_path, at):
    plain = run(settings(tmp_path, "csv"))
    record = run(settings(tmp_path, {"name": "fragile", "at": at}))
    assert record.manifest["status"] == "finished"
    assert record.metrics == plain.metrics
    (logger_warning,) = [warning for warning in record.manifest["warnings"] if "fragile" in warning]
    assert "(the server is gone); the run went on without it" in logger_warning


def test_one_that_fails_leaves_the_others(toy, fragile, tmp_path):
    pytest.importorskip("tensorboard")
    record = run(settings(tmp_path, {"name": "fragile,tensorboard", "at": "log_metrics"}))
    assert scalars(record.folder)["val/accuracy"] == [float(row["val/accuracy"]) for row in rows(record.folder)]


def test_one_that_does_not_start_leaves_nothing(toy, fragile, tmp_path):
    with pytest.raises(InputError, match="fragile .*cannot be built: RuntimeError: the server is gone"):
        run(settings(tmp_path, {"name": "csv,fragile", "at": "__init__"}))
    assert not list((tmp_path / "runs").iterdir())


def test_without_tensorboard_installed_the_remedy_is_named(toy, tmp_path, monkeypatch):
    monkeypatch.setattr("fer_plugins.training.tensorboard_board.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"name tensorboard: .*pip install 'tensorboard>=[0-9.]+', or take --logger csv"
    ):
        run(settings(tmp_path, "csv,tensorboard"))
    assert not (tmp_path / "runs").exists()


def scalars(folder):
    """Return tag -> values by step, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    read = {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    return {tag: [pytest.approx(value, rel=1e-6) for _, value in sorted(by.items())] for tag, by in read.items()}


def test_tensorboard_holds_the_curves_and_the_scores_of_a_resumed_run(toy, tmp_path):
    pytest.importorskip("tensorboard")
    changes = flags(tmp_path / "runs", trainer={"epochs": 3}, logger={"name": "tensorboard,csv"})
    with pytest.MonkeyPatch.context() as patch:
        kill_in(3, patch)
        in_a_process(lambda: run(changes))
    folder = next((tmp_path / "runs").iterdir())
    resume(folder)
    record, read = Record.read(folder), scalars(folder)
    for key in ("val/loss", "train/loss", "lr"):
        assert read[key] == [float(row[key]) for row in rows(folder)]
    assert read["result/test/accuracy"] == [record.metrics["test"]["accuracy"]]
    assert not [path for path in folder.parent.iterdir() if path != folder]
    assert "wandb" not in {path.name for path in folder.iterdir()}
    assert sys.modules["tensorboard"]
