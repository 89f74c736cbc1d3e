"""fer compare tells other samples from the same ones at another size."""

import pytest

from fer_plugins.experiments.run import run
from fer_plugins.runs.read_runs import check_same_test, read_runs
from fer_plugins.runs.record import Record


def train(place, **data):
    section = {"name": "synthetic", "samples": 21, "subjects": 3, "frames": 1, "image_size": 32, "workers": 0, **data}
    settings = {
        "plugin": "lenet5", "data": section, "trainer": {"epochs": 1, "progress": "none"}, "logger": "none",
        "run": {"output": str(place)},
    }  # fmt: skip
    return run(settings).folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    return [train(place / name, **data) for name, data in (("a", {}), ("b", {"image_size": 48}))]


def test_another_size_of_drawn_images_is_not_called_other_samples(folders):
    runs = read_runs(folders)
    assert len({run.split_hash for run in runs}) == 2
    (note,) = check_same_test(runs)
    assert note.startswith("all samples are the same, trained on and tested")
    assert "32 x 32" in note
    assert "48 x 48" in note


def test_other_training_samples_and_earlier_versions_keep_the_careful_note(folders):
    runs = read_runs(folders)
    record: Record = runs[1].record
    recorded = record.manifest["data"]["names_hash"]
    for changed in ("0123456789abcdef", None):
        record.manifest["data"]["names_hash"] = changed
        assert "not the samples trained on" in check_same_test(runs)[0]
    record.manifest["data"]["names_hash"] = recorded
    record.config["data"]["difficulty"] = 0.0
    assert "not the samples trained on" in check_same_test(runs)[0]
