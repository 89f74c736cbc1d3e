"""No command is silent for more than three seconds."""

import io
import time

import pytest

from fer_plugins.runtime import activity
from fer_plugins.runtime.activity import doing, spoken, watched


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(activity, "QUIET", 0.3)


def lines_of(work):
    stream = io.StringIO()
    with watched(stream):
        work()
    return stream.getvalue().splitlines()


def test_a_stage_that_lasts_is_named_until_it_ends():
    def work():
        with doing("reading fer2013"):
            time.sleep(1.5)

    lines = lines_of(work)
    assert len(lines) >= 2
    assert all(line.startswith("reading fer2013 (") for line in lines)


def test_nothing_is_said_of_what_is_quick_or_has_just_spoken():
    def work():
        for _ in range(12):
            with doing("reading"):
                time.sleep(0.1)
                spoken()

    assert lines_of(work) == []


def test_the_innermost_stage_is_named_and_the_outer_one_after_it():
    def work():
        with doing("outer"):
            with doing(lambda: "inner, step 3 of 7"):
                time.sleep(0.9)
            time.sleep(0.9)

    lines = lines_of(work)
    assert lines[0].startswith("inner, step 3 of 7 (")
    assert lines[-1].startswith("outer (")


def test_pauses_grow_in_a_long_stage(monkeypatch):
    monkeypatch.setattr(activity, "PATIENT", 0.0)

    def work():
        with doing("training"):
            time.sleep(3.2)

    assert 2 <= len(lines_of(work)) <= 4  # ten without growing


def test_a_description_that_fails_ends_the_watch_and_not_the_work():
    def describe():
        raise RuntimeError("changed under my hands")

    def work():
        with doing(describe):
            time.sleep(0.9)

    assert lines_of(work) == []


def test_no_stage_is_left_behind_by_an_error():
    def work():
        with doing("reading"):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        lines_of(work)
    assert activity._stages == []
