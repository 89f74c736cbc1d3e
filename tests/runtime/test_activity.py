"""No command is silent for more than three seconds."""

import io
import time
from types import SimpleNamespace

import pytest

from fer_plugins.runtime import activity
from fer_plugins.runtime.activity import doing, spoken, watched


class Clock:
    """Seconds that pass only while a test sleeps, during which the watch looks four times a second."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        self.stream = io.StringIO()
        monkeypatch.setattr(activity, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.watch = activity._Watch(self.stream)  # not started: a busy machine would make it late
        monkeypatch.setattr(activity, "_watch", self.watch)
        self.goes_on = True

    def sleep(self, seconds):
        for _ in range(round(seconds / 0.25)):
            self.now += 0.25
            self.goes_on = self.goes_on and self.watch.look()

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_a_stage_that_lasts_is_named_until_it_ends(monkeypatch):
    """With the thread and the time of a command."""
    monkeypatch.setattr(activity, "QUIET", 0.3)
    stream, end = io.StringIO(), time.monotonic() + 300
    with watched(stream), doing("reading fer2013"):
        while stream.getvalue().count("\n") < 2 and time.monotonic() < end:
            time.sleep(0.05)
    lines = stream.getvalue().splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("reading fer2013 (") for line in lines)


def test_a_line_comes_after_two_and_a_half_seconds_of_silence(clock):
    with doing("reading"):
        clock.sleep(2.25)
        assert clock.lines == []
        clock.sleep(0.25)
        assert clock.lines == ["reading (2 s)"]
        clock.sleep(2.5)
    assert clock.lines == ["reading (2 s)", "reading (5 s)"]
    clock.sleep(60)
    assert len(clock.lines) == 2  # nothing is being done


def test_nothing_is_said_of_what_is_quick_or_has_just_spoken(clock):
    for _ in range(12):
        with doing("reading"):
            clock.sleep(1)
            spoken()
    assert clock.lines == []


def test_the_innermost_stage_is_named_and_the_outer_one_after_it(clock):
    with doing("outer"):
        with doing(lambda: "inner, step 3 of 7"):
            clock.sleep(3)
        clock.sleep(3)
    assert clock.lines == ["inner, step 3 of 7 (2 s)", "outer (5 s)"]


def test_pauses_grow_in_a_long_stage(clock):
    with doing("training"):
        clock.sleep(600)
    assert len(clock.lines) == 19  # 240 without growing
    assert clock.lines[-1] == "training (9 min 32 s)"


def test_a_description_that_fails_ends_the_watch_and_not_the_work(clock):
    def describe():
        raise RuntimeError("changed under my hands")

    with doing(describe):
        clock.sleep(9)
    assert clock.lines == []
    assert not clock.goes_on


def test_no_stage_is_left_behind_by_an_error(clock):
    with pytest.raises(ValueError), doing("reading"):  # noqa: PT011
        raise ValueError
    assert activity._stages == []
