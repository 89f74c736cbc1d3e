"""``fer results``: add, check, page."""

import pytest
from support.verbs import results
from support.written_run import draw, write_run

from fer_plugins.runtime.errors import InputError


def test_a_run_is_kept_checked_and_shown(tmp_path, capsys):
    run = write_run(tmp_path / "run", *draw(1))
    results(["add", run, "--to", tmp_path / "results"])
    assert capsys.readouterr().out == f"kept in {tmp_path}/results/net-faces-official-s0\n"
    results(["check", tmp_path])
    assert "sound, test accuracy" in capsys.readouterr().out


def test_wrong_folders_are_one_line_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words, what in (
        (["check"], "plugins: there is no such folder"),
        (["page", tmp_path], "fer results add RUN"),
        (["add", tmp_path / "none"], "not the folder of a run"),
    ):
        with pytest.raises(InputError, match=what):
            results(words)


def test_without_a_checkout_the_place_is_asked_for(tmp_path):
    run = write_run(tmp_path / "run", *draw(1))  # of a plug-in that is not installed
    with pytest.raises(InputError, match="net"):
        results(["add", run])
