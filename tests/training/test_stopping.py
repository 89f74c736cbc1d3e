"""What ends a training early: the metric and the loss together, what they remember, a swallowed Ctrl-C."""

import csv
import os
import signal
import time
from dataclasses import replace

import pytest
import torch

from fer_plugins import config
from fer_plugins.experiments.run import run
from fer_plugins.runtime import process
from fer_plugins.runtime.errors import InputError, Interrupted
from fer_plugins.training.build import check_machine
from fer_plugins.training.stopping import EarlyStopping, StopOnBoth, stopping_callback


def rule(stop, patience=3, mode="max", min_delta=0.0):
    return StopOnBoth("val/accuracy", mode, patience, min_delta, stop)


def stops_at(stopping, history):
    """Number (from 1) of the epoch after which it stops, or None."""
    return next((number for number, values in enumerate(history, 1) if stopping.update(*values)), None)


def test_accuracy_falling_and_loss_rising_for_ten_epochs_stops_there():
    history = [(0.3 + 0.01 * epoch, 2 - 0.05 * epoch) for epoch in range(12)]
    history += [(history[-1][0] - 0.01 * epoch, history[-1][1] + 0.05 * epoch) for epoch in range(1, 20)]
    assert stops_at(rule("metric_and_loss", 10), history) == 22
    assert stops_at(rule("both_worsen", 10), history) == 22
    assert stops_at(rule("both_worsen", 1), history) == 13


def test_an_improvement_of_either_keeps_it_going():
    accuracy_stalls = [(0.5, 2 - 0.01 * epoch) for epoch in range(30)]
    loss_stalls = [(0.3 + 0.01 * epoch, 1.0) for epoch in range(30)]
    assert stops_at(rule("metric_and_loss"), accuracy_stalls) is None
    assert stops_at(rule("metric_and_loss"), loss_stalls) is None
    assert stops_at(rule("metric_and_loss"), [(0.5, 1.0)] * 30) == 4


def test_both_worsen_wants_both_and_consecutive_epochs():
    assert stops_at(rule("both_worsen", 1), [(0.5, 1.0), (0.4, 0.9), (0.5, 1.1), (0.6, 1.2)]) is None
    interrupted = [(0.5, 1.0), (0.4, 1.1), (0.6, 0.9), (0.5, 1.0), (0.4, 1.1)]
    assert stops_at(rule("both_worsen", 2), interrupted) == 5
    assert stops_at(rule("both_worsen", 1), [(0.1, 9.0)]) is None


def test_min_delta_is_what_an_improvement_must_exceed():
    history = [(0.5 + 0.001 * epoch, 1 - 0.001 * epoch) for epoch in range(10)]
    assert stops_at(rule("metric_and_loss", 2), history) is None
    assert stops_at(rule("metric_and_loss", 2, min_delta=0.005), history) == 3


def test_its_memory_goes_through_the_checkpoint():
    history = [(0.5, 1.0), (0.4, 1.1), (0.3, 1.2), (0.2, 1.3)]
    for stop in ("metric_and_loss", "both_worsen"):
        whole, first, second = rule(stop), rule(stop), rule(stop)
        assert stops_at(whole, history) == 4
        assert stops_at(first, history[:2]) is None
        second.load_state_dict(first.state_dict())
        assert stops_at(second, history[2:]) == 2


def test_the_metric_alone_is_lightning_s_own():
    section = config.RunConfig().selection
    assert stopping_callback(section) is None
    assert isinstance(stopping_callback(replace(section, patience=2)), EarlyStopping)
    assert isinstance(stopping_callback(replace(section, patience=2, stop="both_worsen")), StopOnBoth)


def test_a_run_stops_and_keeps_the_epoch_of_the_best_metric(toy, tmp_path):
    record = run(
        {
            "plugin": "toy",
            "data": {"name": "synthetic", "image_size": 24, "samples": 210},
            "trainer": {"epochs": 60, "progress": "none", "threads": 1},
            "optimizer": {"lr": 0.05},
            "selection": {"stop": "metric_and_loss", "patience": 2},
            "logger": {"name": "csv"},
            "run": {"output": str(tmp_path / "runs")},
        }
    )
    with (record.folder / "metrics.csv").open() as file:
        rows = [(float(row["val/accuracy"]), float(row["val/loss"])) for row in csv.DictReader(file)]
    assert len(rows) < 60
    assert stops_at(rule("metric_and_loss", 2), rows) == len(rows)
    values = [accuracy for accuracy, _ in rows]
    assert record.manifest["best_epoch"] == values.index(max(values)) + 1


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"stop": "both_worsen"}, "both_worsen does nothing without selection.patience"),
        ({"stop": "metric_and_loss", "patience": 2, "metric": "val/loss", "mode": "min"}, "set selection.metric"),
        ({"stop": "never"}, "selection.stop: expected"),
    ],
)
def test_rules_that_make_no_sense_are_refused(toy, selection, message):
    with pytest.raises(InputError, match=message):
        check_machine(config.resolve({"plugin": "toy", "selection": selection}).config)


def _swallow_in_the_second_epoch(module):
    module._sums = torch.zeros(4)
    if module.current_epoch == 1:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        except KeyboardInterrupt:  # as Python does where it comes while an object is finalised
            pass


def test_a_swallowed_control_c_ends_the_training_all_the_same(tmp_path, monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr("fer_plugins.training.module.FERModule.on_train_epoch_start", _swallow_in_the_second_epoch)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process.interrupt_on_signals()
    flags = {"plugin": "lenet5", "data": {"name": "synthetic", "samples": 105}, "run": {"output": str(tmp_path)}}
    flags |= {"trainer": {"epochs": 4, "threads": 1, "accelerator": "cpu"}, "logger": {"name": "csv", "figures": "off"}}
    try:
        with pytest.raises(Interrupted):
            run(flags)
    finally:
        process.interrupt_on_signals()  # counts from nothing again
        for number, handler in before.items():
            signal.signal(number, handler)
    (folder,) = tmp_path.glob("lenet5*")
    assert len((folder / "metrics.csv").read_text().splitlines()) == 2  # the names and the first epoch
