"""Which images have a copy in training."""

import numpy as np

from fer_plugins.contract import Fold
from fer_plugins.data.copies.copy_status import copy_status, count_copies
from fer_plugins.data.table import SampleTable


def test_an_identical_image_goes_before_a_near_copy_and_only_training_counts():
    table = SampleTable(
        label=np.zeros(7, np.int64),
        source=np.array(list("abcdefg")),
        digest=np.array(["p", "q", "p", "r", "s", "s", "t"]),
        near=np.array([0, 1, 0, 1, 2, 2, 3]),
    )
    fold = Fold(train=np.array([0, 1]), val=np.array([4]), test=np.array([2, 3, 5, 6]))
    assert copy_status(table, fold.train, fold.test).tolist() == ["exact", "near", "", ""]
    assert count_copies(table, fold) == {"val": {"exact": 0, "near": 0}, "test": {"exact": 1, "near": 1}}
    unsearched = SampleTable(label=table.label, source=table.source, digest=table.digest)
    assert copy_status(unsearched, fold.train, fold.test).tolist() == ["exact", "", "", ""]
    assert count_copies(unsearched, fold)["test"] == {"exact": 1, "near": None}
