"""The table of metrics: what every entry says holds of its values, and the document is made from it."""

import io

import numpy as np
import pytest
import torch
from rich.console import Console
from support import ROOT

from fer_plugins.analysis.seed_spread import range_of
from fer_plugins.metrics.document import MODULE, write_table
from fer_plugins.metrics.installed import RESERVED, all_metrics
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.table import HEADLINE, METRICS, NOT_FINITE, SUMMARY, Entry, may_be_undefined
from fer_plugins.runs.result_table import print_result
from fer_plugins.runtime.generated_text import put_into

CLASSES = ["anger", "disgust", "fear"]


def scored(logits, label, **options):
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(len(label)), torch.as_tensor(logits, dtype=torch.float64), torch.as_tensor(label))
    return score(scorer.predictions(), CLASSES, **options)


def splits():
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 60)
    yield random.normal(size=(60, 3)) + np.eye(3)[label], label
    yield random.normal(size=(40, 3)), np.arange(40) % 2  # a class is absent
    yield random.normal(size=(9, 3)), np.ones(9, dtype=int)  # one class
    yield 9 * np.eye(3)[np.ones(9, dtype=int)], np.ones(9, dtype=int)  # one class, all right
    yield np.zeros((30, 3)), np.arange(30) % 3  # the same answer for all
    yield np.where(np.arange(15)[:, None] == 3, np.nan, random.normal(size=(15, 3))), np.arange(15) % 3
    yield 20 * np.eye(3)[np.arange(12) % 3], np.arange(12) % 3  # all right


def test_values_and_intervals_keep_to_what_the_entries_say():
    undefined = set()
    for logits, label in splits():
        scores = scored(logits, label)
        for name, entry in all_metrics().items():
            value, ends = scores[name], scores["intervals"][name]
            low, high = entry.range
            if value is None:
                assert entry.undefined
                assert ends is None
                undefined.add(name)
            elif np.isfinite(value):
                assert low <= value <= high
                assert ends is None or low <= ends["low"] <= ends["high"] <= high
            for row in scores["per_class"].values():
                assert (name in row) == (entry.of_class is not None)
        assert set(scores) - {"too_few"} == {*all_metrics(), *RESERVED[:7]}
    assert undefined == {name for name, entry in all_metrics().items() if entry.undefined}  # no entry says it in vain
    assert {name for name in METRICS if may_be_undefined(name)} == undefined - {"top2_accuracy"}


def test_the_better_direction_is_that_of_a_network_that_is_always_right():
    label = np.arange(30) % 3
    right, wrong = (scored(9 * np.eye(3)[answer], label, intervals=False) for answer in (label, (label + 1) % 3))
    for name, entry in all_metrics().items():
        assert (right[name] > wrong[name]) == (entry.better == "higher")
    assert {name for name, entry in all_metrics().items() if entry.better == "lower"} == {"loss", "brier", "ece"}


def test_titles_labels_and_ranges_come_from_the_entries():
    assert HEADLINE == {"accuracy": "accuracy", "f1": "macro F1"}
    assert SUMMARY == {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "f1": "F1 (macro)"}
    assert METRICS["brier"].title == "Brier score (0 to 2)"
    assert METRICS["loss"].title == "loss (nats)"
    for name, entry in all_metrics().items():
        assert range_of(name) == entry.range


def test_another_entry_is_all_that_a_further_metric_needs(monkeypatch):
    """It stands in the scores, the result table, the ranges and the document."""
    errors = Entry(
        "errors", "errors", "N (1 - A)", lambda e: float(len(e.predictions) - e.matrix.trace()), lambda e: None,
        "none", range=(0.0, 1e6), better="lower", unit="images",
    )  # fmt: skip
    monkeypatch.setitem(METRICS, "errors", errors)
    label = np.arange(30) % 3
    scores = scored(np.eye(3)[np.where(label == 2, 0, label)], label)
    assert scores["errors"] == 10
    assert scores["intervals"]["errors"] is None
    stream = io.StringIO()
    print_result(Console(file=stream, width=100), {"test": scores}, [], {}, {})
    assert "errors (images)" in stream.getvalue()
    assert range_of("errors") == (0.0, 1e6)
    assert "| `errors` | N (1 - A) | 0 to 1e+06 | lower |" in write_table()


def test_the_document_holds_the_table():
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert put_into(text, MODULE, write_table()) == text, "make it again: python -m fer_plugins.metrics.document"
    assert NOT_FINITE in text
    with pytest.raises(ValueError, match="needs the lines"):
        put_into(text.replace(MODULE, ""), MODULE, write_table())
