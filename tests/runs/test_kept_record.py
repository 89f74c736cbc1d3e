"""Kept records: portable, checked by their sums, never overwritten."""

import gzip
import hashlib
import json
import re

import pytest
import yaml
from support.written_run import draw, write_run

from fer_plugins.commands import main
from fer_plugins.runs.kept_record import SUMS, find_records, keep, opened
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", *draw(1))


@pytest.fixture
def record(run, tmp_path):
    return keep(run, tmp_path / "results")


def test_a_kept_record_reads_as_the_run_it_was(run, record):
    before = read_run(run)
    with opened(record) as kept:
        assert kept.scores == before.scores
        assert kept.sources == before.sources
        assert (kept.predicted == before.predicted).all()
        assert kept.split_hash == before.split_hash


def test_it_holds_neither_weights_nor_local_paths(run, record, tmp_path):
    names = {path.name for path in record.iterdir()}
    assert names == {"config.yaml", "manifest.json", "metrics.json", "predictions.csv.gz", SUMS}
    texts = [path.read_text() for path in record.iterdir() if path.suffix != ".gz"]
    assert not any(str(tmp_path) in text for text in texts)
    assert yaml.safe_load((record / "config.yaml").read_text())["data"]["root"] == "run"
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["root"] == str(run)


def test_keeping_twice_gives_the_same_bytes(run, record, tmp_path):
    again = keep(run, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in record.iterdir()
    }
    assert keep(run, tmp_path / "results") == record


def test_a_record_kept_again_keeps_its_predictions(record, tmp_path):
    again = keep(record, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in record.iterdir()
    }


def test_another_run_of_the_same_name_is_refused_and_nothing_is_lost(record, tmp_path):
    other_run = write_run(tmp_path / "other", *draw(2))
    before = (record / SUMS).read_bytes()
    with pytest.raises(InputError, match=re.escape(str(record))):
        keep(other_run, record.parent)
    assert (record / SUMS).read_bytes() == before
    assert [path.name for path in record.parent.iterdir()] == [record.name]
    assert keep(other_run, tmp_path / "elsewhere").is_dir()  # the remedy


def test_what_is_no_result_is_not_kept(tmp_path):
    broken = write_run(tmp_path / "broken", *draw(1), faults=["loss is not finite"])
    with pytest.raises(InputError, match="NOT A RESULT: loss is not finite"):
        keep(broken, tmp_path / "results")
    demonstration = write_run(tmp_path / "demonstration", *draw(1))
    manifest = demonstration / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "demonstration": True}))
    with pytest.raises(InputError, match="synthetic"):
        keep(demonstration, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_changed_missing_or_added_file_is_named(record):
    predictions = record / "predictions.csv.gz"
    content = predictions.read_bytes()
    text = gzip.decompress(content).decode().replace("anger", "happy", 1)
    predictions.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match=r"predictions.csv.gz was changed"), opened(record):
        pass
    predictions.unlink()
    with pytest.raises(InputError, match=r"predictions.csv.gz is missing"), opened(record):
        pass
    predictions.write_bytes(content)
    (record / "weights.ckpt").touch()
    with pytest.raises(InputError, match=r"weights.ckpt is not listed"), opened(record):
        pass
    (record / "weights.ckpt").unlink()
    with opened(record):
        pass


def test_a_folder_without_sums_is_no_record(run):
    with pytest.raises(InputError, match="no kept record"), opened(run):
        pass


def test_records_are_found_below_folders(record, tmp_path):
    assert find_records([tmp_path]) == [record]
    assert find_records([record]) == [record]


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"split,source\n" * 99, mtime=0)[:30], b"\x1f\x8b\x08" + b"\xff" * 40],
    ids=["no gzip", "cut", "no such header"],  # all processes must see the same names
)
def test_damaged_predictions_are_one_line_though_their_sum_is_right(record, content):
    (record / "predictions.csv.gz").write_bytes(content)
    _sum_anew(record)
    with pytest.raises(InputError, match=rf"{re.escape(str(record))}: predictions.csv.gz is damaged"), opened(record):
        pass


def test_a_folder_in_the_place_of_a_file_is_one_line(record):
    (record / "metrics.json").unlink()
    (record / "metrics.json").mkdir()
    with pytest.raises(InputError, match="cannot be read"), opened(record):
        pass


def test_a_fault_names_the_record_and_no_temporary_folder(record):
    (record / "manifest.json").write_text("[]")
    _sum_anew(record)
    with pytest.raises(InputError, match=rf"^{re.escape(str(record))}: manifest.json"), opened(record):
        pass


def test_a_file_is_no_place_for_records(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--to"):
        keep(run, tmp_path / "file")


def _sum_anew(record):
    files = sorted(path for path in record.iterdir() if path.name != SUMS)
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (record / SUMS).write_text("".join(lines))


def test_paths_behind_an_equals_sign_are_cut_too(run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["command"] = [
        f"{tmp_path}/bin/fer-run",
        f"--data.root={tmp_path}/secret",
        "--plugin=lenet5",
        "~/me/x.yaml",
    ]
    (run / "manifest.json").write_text(json.dumps(manifest))
    kept = json.loads((keep(run, tmp_path / "results") / "manifest.json").read_text())
    assert kept["command"] == ["fer-run", "--data.root=secret", "--plugin=lenet5", "x.yaml"]


def test_the_commands_that_read_a_run_read_a_record_and_leave_it_as_it_is(run, record, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_run(record).predictions.sources == read_run(run).predictions.sources
    assert main.call("fer", main._verb, ["table", str(record)]) == 0
    assert main.call("fer", main._verb, ["figures", str(record)]) == 0
    assert (tmp_path / record.name / "figures" / "confusion_counts.png").is_file()
    with opened(record):
        pass  # nothing was added
    (record / "predictions.csv.gz").write_bytes(b"no gzip")
    assert main.call("fer", main._verb, ["table", str(record)]) == 2
    assert "predictions.csv.gz: cannot be read" in capsys.readouterr().err
