"""The page of results: the repository's own is current, and says what each number rests on."""

import json

import pytest
import yaml
from support import ROOT
from support.written_run import draw, write_run

from fer_plugins.analysis.results_page import HEAD, results_page
from fer_plugins.runs.kept_record import find_records, keep, opened
from fer_plugins.runtime.errors import InputError

KEPT = [record.relative_to(ROOT) for record in find_records([ROOT / "plugins"])]


def kept(tmp_path, seed, planned=5, **options):
    run = write_run(tmp_path / f"run{seed}", *draw(seed), seed=seed, **options)
    path = run / "manifest.json"
    more = {"best_epoch": 3, "epochs": 5, "sessions": [{"seconds": 600, "device": "cpu, 2 threads"}]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config.setdefault("trainer", {})["epochs"] = planned
    (run / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return keep(run, tmp_path / "results")


def row(page, name="net"):
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_one_training_stands_with_its_interval_over_test_images(tmp_path):
    record = kept(tmp_path, 0)
    with opened(record) as run:
        accuracy, interval = run.scores["accuracy"], run.scores["intervals"]["accuracy"]
    page = results_page([record])
    assert row(page)[3] == f"{accuracy:.4f} [{interval['low']:.4f}, {interval['high']:.4f}]"
    assert row(page)[6:8] == ["0", "3 of 5"]
    assert row(page)[-1] == "10 min"
    assert "Split 5a5a" in page
    assert f"fer reproduce {record.as_posix()}" in page


@pytest.mark.parametrize(
    ("precision", "shown"), [("bf16-mixed", "2 threads, in bf16-mixed."), ("32-true", "2 threads.")]
)
def test_a_precision_other_than_float32_stands_with_the_device(tmp_path, precision, shown):
    kept(tmp_path, 0)
    path = tmp_path / "run0" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["trainer"]["precision"] = precision
    path.write_text(yaml.safe_dump(config))
    assert f"on cpu, {shown} Split" in results_page([keep(tmp_path / "run0", tmp_path / "others")])


def test_a_training_that_ended_before_its_last_epoch_says_so(tmp_path):
    record = kept(tmp_path, 0, planned=9)
    assert row(results_page([record]))[7] == "3 of 5 (9 planned)"


@pytest.mark.parametrize("planned", ["many", [9]])
def test_epochs_that_are_no_numbers_are_one_clear_line(tmp_path, planned):
    with pytest.raises(InputError, match="are not numbers"):
        results_page([kept(tmp_path, 0, planned=planned)])


def test_a_record_without_its_epochs_is_one_clear_line(tmp_path):
    record = keep(write_run(tmp_path / "run", *draw(0)), tmp_path / "results")
    with pytest.raises(InputError, match="best_epoch"):
        results_page([record])


@pytest.mark.parametrize("root", ["faces", None])
def test_the_repetition_asks_for_the_data_only_where_they_lie_somewhere(tmp_path, root):
    kept(tmp_path, 0)
    path = tmp_path / "run0" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["data"].update(root=root, targets={"folder": {"root": "others"}})
    path.write_text(yaml.safe_dump(config))
    page = results_page([keep(tmp_path / "run0", tmp_path / "others")])
    options = "--data.root PATH --data.targets.folder.root PATH" if root else "--data.targets.folder.root PATH"
    assert f"-s0 {options}`" in page


def test_a_claim_whose_split_is_not_stated_is_judged_under_its_condition():
    """The paper of ngo_bilstm names no split: the verdict stands, with what it supposes."""
    (record,) = [record for record in KEPT if "ngo_bilstm-fer2013-official" in record.name]
    page = results_page([record])
    cells = row(page, "ngo_bilstm")
    assert (cells[2], cells[8]) == ("0.8123", "below")
    assert "if the paper's split, which is not stated, was that of official" in page
    assert "assumed: optimizer.name" in page


def test_a_claim_on_another_split_stands_with_the_reason():
    """The paper of conv_relu_ann reports on PublicTest and PrivateTest together; the run on PrivateTest."""
    (record,) = [record for record in KEPT if "conv_relu_ann-fer2013-official" in record.name]
    page = results_page([record])
    cells = row(page, "conv_relu_ann")
    assert (cells[2], cells[8]) == ("0.6538", "not comparable")
    assert "claim: validation split = the test folder, PublicTest and PrivateTest together; measured on test" in page


def test_seeds_are_one_row_with_mean_and_t_interval(tmp_path):
    from scipy import stats

    records = [kept(tmp_path, seed) for seed in range(3)]
    values = []
    for record in records:
        with opened(record) as run:
            values.append(run.scores["accuracy"])
    mean = sum(values) / 3
    low, high = stats.t.interval(0.95, 2, loc=mean, scale=stats.sem(values))
    assert row(results_page(records))[3] == f"{mean:.4f} [{low:.4f}, {high:.4f}]"
    assert row(results_page(records))[6] == "0, 1, 2"


def test_two_trainings_with_one_seed_are_refused(tmp_path):
    first = kept(tmp_path, 0)
    again = write_run(tmp_path / "again", *draw(5), seed=0)
    with pytest.raises(InputError, match="seed 0"):
        results_page([first, keep(again, tmp_path / "other")])


def test_without_a_record_the_page_says_so():
    assert results_page([]) == f"{HEAD}\nNo record is kept yet.\n"


@pytest.mark.parametrize("record", KEPT, ids=lambda path: path.name)
def test_each_record_of_the_repository_is_sound(record):
    with opened(ROOT / record) as run:
        assert run.record.manifest["status"] == "finished"
        assert not run.faults


def test_the_page_of_the_repository_is_current(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert (ROOT / "docs" / "results.md").read_text() == results_page(KEPT), "fer results page --write docs/results.md"
