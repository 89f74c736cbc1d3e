"""The types that a record's files are held to."""

import pytest

from fer_plugins.runs.record_types import find_fault
from fer_plugins.runs.schema import Evaluation, Manifest, Metrics

CLAIM = {"metric": "accuracy", "claimed": 0.7, "source": "Table 1", "notes": []}


@pytest.mark.parametrize(
    ("content", "wanted", "fault"),
    [
        ({"data": {"limit": 0.5}}, Manifest, None),  # a share
        ({"data": {"limit": True}}, Manifest, "data.limit"),
        ({"data": {"limit": None, "something": "else"}}, Manifest, None),
        ({"data": {"classes": ["anger", 3]}}, Manifest, "data.classes[1]"),
        ({"data": {"copies_in_training": {"test": {"exact": 1, "near": None}}}}, Manifest, None),
        ({"data": {"copies_in_training": {"test": {"exact": "1"}}}}, Manifest, "data.copies_in_training.test.exact"),
        ({"folds": ["a", None]}, Manifest, None),
        ({"demonstration": 1}, Manifest, "demonstration"),
        ({"claims": [CLAIM]}, Metrics, None),
        ({"claims": [CLAIM, {**CLAIM, "source": None}]}, Metrics, "claims[1].source"),
        ({"test": {"copies": {"with": {"per_class": []}}}}, Metrics, "test.copies.with.per_class"),
        ({"targets": {"other": {"n": "3"}}}, Metrics, "targets.other.n"),
        ({"checkpoint": {"sha256": 5}}, Evaluation, "checkpoint.sha256"),
    ],
)
def test_the_place_of_the_first_fault_is_named(content, wanted, fault):
    assert find_fault(content, wanted) == fault
