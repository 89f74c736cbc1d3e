"""The papers' names: each reading's formula is counted image by image and compared with ours."""

import numpy as np
import pytest
import torch
from support import ROOT

from fer_plugins.analysis.claims import aliases as general
from fer_plugins.analysis.claims import read_claims
from fer_plugins.analysis.claims.aliases import ALIASES, measure, measure_interval
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.runtime.errors import InputError

K = 7
CLASSES = [f"class {k}" for k in range(K)]
OWN = tuple(
    reading for path in sorted((ROOT / "plugins").glob("*/*/claims.yaml")) for reading in read_claims(path).aliases
)
READINGS = list(dict.fromkeys((*ALIASES, *OWN)))


def readings(name):
    return general.readings(name, OWN)


def mean(values):
    return np.mean([value for value in values if value is not None])


# What the formulas of the table say, in counts (each (K,)) of one class against the rest.
COUNTED = {
    "TP / (TP + FN), mean over classes": lambda n, tp, fp, fn, tn: mean(tp / (tp + fn)),
    "sum of TP / N": lambda n, tp, fp, fn, tn: tp.sum() / n,
    "FP / (FP + TN), mean over classes": lambda n, tp, fp, fn, tn: mean(fp / (fp + tn)),
    "sum of FP / sum of (FP + TN)": lambda n, tp, fp, fn, tn: fp.sum() / (fp + tn).sum(),
    "FN / (TP + FN), mean over classes": lambda n, tp, fp, fn, tn: mean(fn / (tp + fn)),
    "sum of FN / N": lambda n, tp, fp, fn, tn: fn.sum() / n,
    "sum of FP / N: an attempt is an image": lambda n, tp, fp, fn, tn: fp.sum() / n,
    "sum of FP / (K N): an attempt is an image and a class": lambda n, tp, fp, fn, tn: fp.sum() / (K * n),
    "FP / (TP + FP), mean over classes": lambda n, tp, fp, fn, tn: mean(fp / (tp + fp)),
    "(TP + TN) / (TP + TN + FP + FN), mean over classes": lambda n, tp, fp, fn, tn: mean(
        (tp + tn) / (tp + tn + fp + fn)
    ),
}


def scored(seed, size=400, skill=0.6):
    random = np.random.default_rng(seed)
    label = np.concatenate([np.arange(K), random.choice(K, size - K, p=np.arange(1, K + 1) / 28)])
    predicted = np.where(random.random(size) < skill, label, random.integers(0, K, size))
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(size), torch.eye(K)[predicted], torch.from_numpy(label))
    return scorer.compute(), label, predicted


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reading", READINGS, ids=lambda reading_case: f"{reading_case.name}: {reading_case.ours}")
def test_a_reading_is_what_its_formula_counts(reading, seed):
    scores, label, predicted = scored(seed)
    if reading.score == "loss":
        assert measure(reading, scores) == scores["loss"]
        return
    pairs = [(label == k, predicted == k) for k in range(K)]
    tp, fp, fn, tn = (
        np.array([(a & b).sum() for a, b in pairs]) for pairs in (
            pairs, [(~t, p) for t, p in pairs], [(t, ~p) for t, p in pairs], [(~t, ~p) for t, p in pairs]
        )
    )  # fmt: skip
    wanted = COUNTED[reading.formula](len(label), tp, fp, fn, tn)
    assert measure(reading, scores) == pytest.approx(wanted, abs=1e-12)


def test_the_readings_of_one_name_differ():
    scores, _, _ = scored(0)
    for name in ("far", "false_recognition_rate", "gar", "recognition_rate"):
        values = [measure(reading, scores) for reading in readings(name)]
        assert len({round(value, 6) for value in values}) > 1, name


def test_the_binary_accuracy_of_a_network_at_76_percent():
    scores = {"classes": CLASSES, "accuracy": 0.76}
    assert measure(readings("binary_accuracy")[0], scores) == pytest.approx(0.9314, abs=5e-5)


def test_perfect_and_hopeless():
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(K), torch.eye(K), torch.arange(K))
    perfect = scorer.compute()
    assert [measure(reading, perfect) for reading in readings("far")] == pytest.approx([0, 0, 0, 0])
    scorer.reset()
    scorer.update(torch.arange(K), torch.eye(K).roll(1, 0), torch.arange(K))
    hopeless = scorer.compute()
    assert [measure(reading, hopeless) for reading in readings("far")] == pytest.approx([1 / 6, 1 / 6, 1, 1 / 7])


def test_undefined_stays_undefined():
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(2), torch.eye(K)[:2], torch.tensor([3, 3]))  # one class: no negatives
    standard, pooled, *_ = readings("far")
    assert measure(standard, scorer.compute()) is None
    assert measure_interval(standard, scorer.compute()) is None
    assert measure(pooled, scorer.compute()) == pytest.approx(1 / 6)
    assert measure(standard, {"classes": CLASSES}) is None  # scores of an older version


def test_the_interval_turns_round_with_the_rate():
    scores, _, _ = scored(1)
    ours = scores["intervals"]["accuracy"]
    by_image, by_class = readings("far")[2:]
    assert measure_interval(by_image, scores) == {**ours, "low": 1 - ours["high"], "high": 1 - ours["low"]}
    assert measure_interval(by_class, scores)["low"] == pytest.approx((1 - ours["high"]) / K)
    rejected = scores["intervals"]["specificity_micro"]
    assert measure_interval(readings("far")[1], scores)["high"] == pytest.approx(1 - rejected["low"])
    earlier = {**scores, "intervals": {"accuracy": ours}}  # a record of an earlier version
    assert measure_interval(readings("far")[1], earlier) is None


def test_names_are_found_as_papers_write_them():
    assert readings("False Recognition-Rate") == readings("false_recognition_rate")
    assert readings("GAR")[0].ours == "recall"
    assert [reading.source for reading in general.readings("gar")] == [
        "standard definition",
        "the same, pooled over classes",
    ]
    assert readings("gar")[0].source == "Eq. 31, doi:10.1038/s41598-025-09709-1"
    with pytest.raises(InputError, match="recognition_rate: no alias of a score"):
        general.readings("recognition_rate")  # a paper's own name
    with pytest.raises(InputError, match="frobnication: no alias of a score; known: .*gar"):
        readings("frobnication")


def test_the_document_has_every_reading():
    text = (ROOT / "docs" / "metrics.md").read_text()
    for reading in READINGS:
        assert f"| `{reading.name}` | {reading.formula} | {reading.ours} | {reading.source} |" in text
