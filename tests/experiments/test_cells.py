"""The one runner: goes on after failures, ends where the first refuses, keeps what is finished."""

import pytest

from fer_plugins import config
from fer_plugins.experiments.cells import Cell, in_process, run_cells
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, Interrupted, RunError


def cells(tmp_path, count=3, **more):
    return [
        Cell(f"cell {number}", config.Resolved({"number": number, "at": tmp_path}), f"title {number}", **more)
        for number in range(count)
    ]


def begin_unless(problems, tried):
    def begin(resolved):
        number = resolved.config["number"]
        tried.append(number)
        if number in problems:
            raise problems[number]
        return Record(resolved.config["at"] / str(number))

    return begin


def test_a_cell_that_fails_or_refuses_later_stops_no_other(tmp_path, capsys):
    tried = []
    begin = begin_unless({0: RunError("no"), 1: InputError("the data are gone")}, tried)
    outcomes = list(run_cells(cells(tmp_path), in_process(begin)))
    assert tried == [0, 1, 2]
    assert [str(outcome.error) for outcome in outcomes] == ["no", "the data are gone", "None"]
    assert [outcome.record and outcome.record.folder.name for outcome in outcomes] == [None, None, "2"]
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["title 0", "cell 0 failed: no", "title 1", "cell 1 failed: the data are gone", "title 2"]


@pytest.mark.parametrize(
    ("problems", "error", "begun"),
    [({0: InputError("wrong")}, InputError, [0]), ({1: Interrupted("stop")}, Interrupted, [0, 1])],
)
def test_what_the_first_refuses_and_an_interruption_end_all(tmp_path, problems, error, begun):
    tried = []
    with pytest.raises(error):
        list(run_cells(cells(tmp_path), in_process(begin_unless(problems, tried))))
    assert tried == begun


def test_what_is_finished_is_kept_and_what_is_begun_is_gone_on_with(tmp_path):
    kept, begun = Record(tmp_path / "kept"), Record(tmp_path / "begun")
    (cell,) = cells(tmp_path, 1, begun=kept, finished=True)
    (two,) = cells(tmp_path, 1, begun=begun)
    tried, gone_on = [], []

    def go_on(record):
        gone_on.append(record)
        return record

    outcomes = list(run_cells([cell, two], in_process(begin_unless({}, tried), go_on)))
    assert [outcome.record for outcome in outcomes] == [kept, begun]
    assert (tried, gone_on) == ([], [begun])


def test_silence_covers_the_runs_too(tmp_path, capsys):
    def begin(resolved):
        print("an epoch")
        raise RunError("no")

    assert len(list(run_cells(cells(tmp_path), in_process(begin), silent=True))) == 3
    assert capsys.readouterr().out == ""
