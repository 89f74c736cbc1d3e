"""``fer results``: add, check, page."""

import pytest
from support.verbs import results
from support.written_run import draw, write_run

from fer_plugins.runtime.errors import InputError


def test_a_run_is_kept_checked_and_shown(tmp_path, capsys):
    run = write_run(tmp_path / "run", *draw(1))
    results(["add", run, "--to", tmp_path / "results"])
    kept, note = capsys.readouterr().out.splitlines()
    assert kept == f"kept in {tmp_path}/results/net-faces-official-s0"
    assert note.startswith("  without metrics.csv")
    results(["check", tmp_path])
    assert "sound, test accuracy" in capsys.readouterr().out


def test_a_record_with_its_epochs_is_kept_without_a_remark(tmp_path, capsys):
    run = write_run(tmp_path / "run", *draw(1))
    (run / "metrics.csv").write_text("epoch,val/accuracy\n1,0.5\n")
    results(["add", run, "--to", tmp_path / "results"])
    assert capsys.readouterr().out == f"kept in {tmp_path}/results/net-faces-official-s0\n"


def test_every_record_is_checked_where_one_is_damaged(tmp_path, capsys):
    for seed in range(3):
        results(["add", write_run(tmp_path / f"run{seed}", *draw(1), seed=seed), "--to", tmp_path / "results"])
    damaged = tmp_path / "results" / "net-faces-official-s1" / "metrics.json"
    content = damaged.read_text()
    damaged.write_text(content + " ")
    capsys.readouterr()
    assert results(["check", tmp_path / "results"]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("sound, test accuracy") == 2
    assert "s1: metrics.json was changed after it was kept; take the record as it was kept" in captured.err
    assert "1 of 3 records are not sound" in captured.err
    damaged.write_text(content)  # the remedy
    assert results(["check", tmp_path / "results"]) == 0


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
