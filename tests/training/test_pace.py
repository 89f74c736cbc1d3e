"""The time that a training takes, the time left, and the smaller start."""

import shlex

import pytest
from support.verbs import parse

from fer_plugins.config import resolve
from fer_plugins.training import pace
from fer_plugins.training.pace import Pace, warn_of_hours


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def test_the_first_steps_tell_how_long_all_will_take(clock):
    pace = Pace()
    pace.begin_epoch(0, 4, 10)
    announced = []
    for done in range(1, 11):
        clock[0] += 30.0 if done == 1 else 1.0  # workers start, memory is allocated
        announced.append(pace.step(done))
    estimates = [seconds for seconds in announced if seconds is not None]
    assert estimates == [4 * 10 - 4]  # once, after the fourth step
    assert pace.describe() == "training: epoch 1/4, step 10 of 10, about 30 s left"


def test_from_the_second_epoch_on_whole_epochs_count(clock):
    pace = Pace()
    pace.begin_epoch(0, 4, 10)
    pace.end_epoch(20.0)
    pace.begin_epoch(1, 4, 10)
    clock[0] += 5.0
    assert pace.left() == 55.0
    assert pace.step(4) is None


def test_a_time_limit_ends_the_training_before_its_last_epoch(clock):
    pace = Pace()
    pace.time_limit = lambda: 300.0 - clock[0]
    pace.begin_epoch(0, 400, 10)
    assert pace.left() is None
    pace.end_epoch(20.0)
    clock[0] = 220.0
    pace.begin_epoch(6, 400, 10)
    assert pace.describe().endswith(", about 1 min 20 s left")
    clock[0] = 225.0
    assert pace.left() == 75.0
    pace.begin_epoch(9, 400, 10)  # 75 s are left, and the limit is looked at between epochs only
    assert pace.left() == 80.0
    clock[0] = 310.0
    assert pace.left() == 0.0


def test_a_resumed_run_is_measured_anew(clock):
    pace = Pace()
    pace.begin_epoch(90, 100, 10)
    assert pace.left() is None
    for done in range(1, 5):
        clock[0] += 1.0
        seconds = pace.step(done)
    assert seconds == 10 * 10 - 4


def test_hours_on_a_cpu_name_a_smaller_start_that_is_one():
    settings = resolve({"data": {"name": "fer2013", "root": "my data/fer2013.csv"}}, plugin="conv_relu_ann").config
    assert warn_of_hours(settings, 3_000.0, "cpu", 35_887) is None
    assert warn_of_hours(settings, 90_000.0, "cuda", 35_887) is None
    warning = warn_of_hours(settings, 90_000.0, "cpu", 35_887)
    assert warning.startswith("a CPU needs about 1 d 1 h for this; a smaller start: fer-run --plugin conv_relu_ann ")
    request = parse(shlex.split(warning.partition("fer-run ")[2]))
    smaller = resolve(request.flags, plugin=request.plugin).config
    assert smaller.data.root == "my data/fer2013.csv"
    share = smaller.data.limit / 35_887 * smaller.trainer.epochs / settings.trainer.epochs
    assert 90_000.0 * share == pytest.approx(pace.START, rel=0.01)
