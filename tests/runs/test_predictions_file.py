"""predictions.csv is read once, by name; a run's figures take what it predicted from memory."""

import numpy as np
import pytest
import yaml
from support import written_run

from fer_plugins.analysis.figures import recorded as figures
from fer_plugins.runs.predictions_file import NamedPredictions, PredictionsFile
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError


@pytest.fixture
def folder(tmp_path):
    return written_run.write_run(tmp_path / "run", *written_run.draw(1))


def test_what_was_written_is_read(folder):
    true, predicted = written_run.draw(1)
    predictions = read_run(folder).predictions
    assert predictions.true.tolist() == true.tolist()
    assert predictions.predicted.tolist() == predicted.tolist()
    assert predictions.sources[:2] == ("0000.png", "0001.png")
    assert predictions.probabilities[np.arange(len(true)), predicted] == pytest.approx(np.full(len(true), 0.8))
    assert predictions.to_predictions().correct == (true == predicted).sum()
    twice = NamedPredictions.join([predictions, predictions])
    assert len(twice.sources) == len(twice.true) == len(twice.probabilities) == 2 * len(true)
    assert not (predictions.subjects != "").any()  # as in the files of earlier versions, which lack the columns
    assert "subject" not in (folder / "predictions.csv").read_text().partition("\n")[0]


def test_subjects_and_sequences_are_written_and_read(folder):
    record, recorded = Record.read(folder), read_run(folder).predictions
    people, takes = [f"S{n % 9}" for n in range(300)], [f"S{n % 9}/{n % 3}" for n in range(300)]
    rows = {"test": (recorded.sources, recorded.to_predictions())}
    record.write_predictions(rows, written_run.CLASSES, {"subject": {"test": people}, "sequence": {"test": takes}})
    predictions = read_run(folder).predictions
    assert predictions.subjects.tolist() == people
    assert predictions.choose(np.arange(300) < 5).sequences.tolist() == takes[:5]


def test_a_column_that_no_reader_knows_is_an_error_and_not_left_out(folder):
    record, recorded = Record.read(folder), read_run(folder).predictions
    before = (folder / "predictions.csv").read_text()
    rows = {"test": (recorded.sources, recorded.to_predictions())}
    with pytest.raises(
        ValueError, match=r"predictions\.csv is 'subjects'; use one of dataset, copy, majority, subject"
    ):
        record.write_predictions(rows, written_run.CLASSES, {"subjects": {"test": ["S1"] * 300}})
    assert (folder / "predictions.csv").read_text() == before


def test_every_reader_refuses_a_probability_that_is_none(folder):
    path = folder / "predictions.csv"
    path.write_text(path.read_text().replace("0.8", "1.8", 1))
    with pytest.raises(InputError, match="probabilities outside of 0 to 1"):
        read_run(folder)
    with pytest.raises(InputError, match="probabilities outside of 0 to 1"):
        PredictionsFile.read(Record.read(folder), written_run.CLASSES)


def test_a_finished_run_is_drawn_from_memory(folder, monkeypatch):
    record = Record.read(folder)
    recorded = read_run(folder).predictions
    record.write_predictions({"test": (recorded.sources, recorded.to_predictions())}, written_run.CLASSES)
    monkeypatch.setattr(figures, "recall", lambda record, split, predictions: (split, predictions))
    (folder / "predictions.csv").unlink()
    split, predictions = figures._recorded(record)
    assert split == "test"
    assert predictions.label.tolist() == recorded.true.tolist()


def test_the_configuration_of_a_damaged_record_is_refused_by_the_record_itself(folder):
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, "data": 3}))
    with pytest.raises(InputError, match=r"config\.yaml has data of another type"):
        Record.read(folder)
