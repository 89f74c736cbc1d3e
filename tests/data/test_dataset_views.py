"""Classes are left out of a dataset by name."""

from __future__ import annotations

import numpy as np
import pytest
from support import fake_datasets as fake
from support.verbs import parse

from fer_plugins import config
from fer_plugins.data.dataset_views import WithoutClasses
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_dataset
from fer_plugins.training.build import build_data


class Shares:
    """Six images of three classes whose annotators disagree."""

    classes = ("anger", "contempt", "happy")
    title, target_mode, cache_key = "shares", "distribution", "shares"
    table = {  # noqa: RUF012
        "label": [0, 1, 2, 0, 1, 2],
        "source": list("abcdef"),
        "target": [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 0]],
    }

    def __getitem__(self, index):
        return np.full((4, 4, 1), index, np.uint8)


def test_images_labels_and_shares_of_the_other_classes_stay():
    dataset = WithoutClasses(Shares(), ["contempt"])
    check_dataset(dataset)
    assert dataset.classes == ("anger", "happy")
    assert dataset.table["label"].tolist() == [0, 1, 0, 1]
    assert dataset.table["source"].tolist() == ["a", "c", "d", "f"]
    assert [int(dataset[row][0, 0, 0]) for row in range(4)] == [0, 2, 3, 5]
    assert dataset.table["target"].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]  # the last: its label, nothing is left
    assert dataset.notes == ["Classes left out (data.drop_classes): contempt (2)."]
    assert dataset.cache_key != Shares.cache_key


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["contemt"],
            "'contemt' is not a class of the dataset; did you mean contempt?; its classes: anger, contempt, happy",
        ),
        (["anger", "happy"], "leaves 1 of 3 classes; keep two"),
    ],
)
def test_wrong_names_are_one_line(names, message):
    with pytest.raises(InputError) as caught:
        WithoutClasses(Shares(), names)
    assert str(caught.value) == f"data.drop_classes: {message}"


def test_the_csv_of_ck_plus_without_contempt_has_seven_classes(tmp_path):
    """Table 3 of the DCNN-BiLSTM-DAM paper counts that file without contempt: 902 images, seven classes."""
    root = fake.write_folder(fake.ckplus_csv(each=2), tmp_path / "ck")
    words = ["--data", "ckplus", "--data.root", str(root), "--data.check", "off", "--data.cache", "none"]
    flags = parse(words).flags
    data = build_data(config.resolve(flags, plugin="dcnn_bilstm_dam", recipe="ckplus_csv").config)
    assert "contempt" not in data.classes
    assert len(data.classes) == 7
    assert set(data.labels("train")) == set(range(7))
    assert sum(data.sizes.values()) == 42
    assert any("contempt (6)" in note for note in data.notes)
    shown = parse([*words, "--data.drop_classes", "[contempt, anger]"]).flags
    assert len(build_data(config.resolve(shown, plugin="lenet5").config).classes) == 6
