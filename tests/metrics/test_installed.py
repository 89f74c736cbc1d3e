"""Metrics of plug-ins: in every score; a broken one costs one line and never the run."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from support import toy_net

from fer_plugins.experiments.run import run
from fer_plugins.metrics.installed import installed
from fer_plugins.metrics.resampling import draw_images
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.top2_accuracy import compute

CLASSES = ["anger", "disgust", "fear"]
SOURCE = """
import numpy as np
from fer_plugins.contract import Metric

def share():
    return Metric("share of anger", lambda labels, p: float((p.argmax(1) == 0).mean()), interval="wilson")

def entropy():
    return Metric("entropy", lambda labels, p: float(-(p * np.log(p)).sum(1).mean()), (0.0, float("inf")), "lower",
                  unit="nats")

def plain():
    return Metric("plain", lambda labels, p: None if len(np.unique(labels)) < 2 else 0.5, interval="none")

def of_all_classes():
    return Metric("of all classes", lambda labels, p: 0.5 if (p[:, 0] == p[0, 0]).all() else float("nan"))

def raises():
    return Metric("raises", lambda labels, p: labels[9999])

def too_large():
    return Metric("too large", lambda labels, p: 1.7)

def writes():
    def compute(labels, p):
        p[:] = 0
        return 0.5
    return Metric("writes", compute, interval="none")

def number():
    return 0.5

def no_title():
    return Metric("", lambda labels, p: 0.5)

def no_range():
    return Metric("no range", lambda labels, p: 0.5, range=(1.0, 0.0))

def no_method():
    return Metric("no method", lambda labels, p: 0.5, interval="guess")

def not_built():
    raise RuntimeError("out of order")
"""


def offer(make_distribution, *names, source=SOURCE):
    make_distribution("fer_offer", [("metrics", name, f"fer_offer:{name}") for name in names], source)


def scored(label=None):
    random = np.random.default_rng(0)
    label = np.arange(30) % 3 if label is None else label
    scorer = Scorer(CLASSES)
    scorer.update(torch.arange(len(label)), torch.as_tensor(random.normal(size=(len(label), 3))), torch.tensor(label))
    return scorer.compute(), scorer.predictions()


def test_a_plug_in_s_metric_stands_among_the_scores_with_its_interval(make_distribution):
    offer(make_distribution, "share", "entropy", "plain", "writes")
    scores, predictions = scored()
    assert "failed_metrics" not in scores
    p = predictions.probabilities
    assert scores["share"] == (p.argmax(1) == 0).mean()
    assert scores["intervals"]["share"]["method"] == "wilson"
    entropies = -(p * np.log(p)).sum(1)
    assert scores["entropy"] == pytest.approx(entropies.mean())
    drawn = np.concatenate(list(draw_images(30, 0, strata=predictions.label)), axis=1)
    ends = np.quantile(drawn.T @ entropies / 30, (0.025, 0.975))
    assert [scores["intervals"]["entropy"][end] for end in ("low", "high")] == pytest.approx(ends)
    assert scores["plain"] == scores["writes"] == 0.5
    assert scores["intervals"]["plain"] is None
    assert (p > 0).all()  # what a metric writes into its arguments is lost
    assert scored(np.ones(9, dtype=int))[0]["plain"] is None


def test_draws_without_a_value_give_no_interval(make_distribution):
    offer(make_distribution, "of_all_classes")
    scores, _ = scored(np.array([0]))
    assert scores["of_all_classes"] == 0.5  # one image, whose draws are all like it
    assert scores["intervals"]["of_all_classes"]["low"] == 0.5
    assert scored()[0]["of_all_classes"] is None


BROKEN = {
    "raises": "metric raises (from fer_offer 1.0) fails: IndexError: index 9999 is out of bounds",
    "too_large": "metric too_large (from fer_offer 1.0) gives 1.7, outside its range 0 to 1",
    "number": "returns a float; the contract wants a fer_plugins.contract.Metric",
    "no_title": "title is '', no text; tell the author of fer_offer",
    "no_range": "range is (1.0, 0.0), not the least value and a larger one",
    "no_method": "interval is 'guess', none of wilson, bootstrap, none",
    "not_built": "cannot be built: RuntimeError: out of order",
}


def test_a_broken_metric_costs_one_line(make_distribution):
    offer(make_distribution, "share", *BROKEN)
    scores, _ = scored()
    assert scores["failed_metrics"].keys() == BROKEN.keys()
    for name, words in BROKEN.items():
        assert words in scores["failed_metrics"][name]
        assert "\n" not in scores["failed_metrics"][name]
        assert name not in scores
        assert name not in scores["intervals"]
    assert scores["share"] is not None


def test_a_name_that_is_taken_is_left_out(make_distribution):
    source = SOURCE + "accuracy = share\nvotes = share\n"
    offer(make_distribution, "accuracy", "votes", "share", source=source)
    make_distribution("fer_other", [("metrics", "share", "fer_other:share")], SOURCE)
    failed = installed().failed
    assert "the core has something of that name" in failed["accuracy"]
    assert "the core has something of that name" in failed["votes"]
    assert "offered by fer_offer 1.0 and fer_other 1.0" in failed["share"]
    assert 0 <= scored()[0]["accuracy"] <= 1


def test_a_module_that_does_not_import_costs_one_line(make_distribution):
    offer(make_distribution, "share", source="import nothing_of_that_name")
    scores, _ = scored()
    assert "does not load: ModuleNotFoundError" in scores["failed_metrics"]["share"]
    assert scores["top2_accuracy"] > 0


def test_a_run_prints_the_metric_and_goes_on_without_the_broken_one(make_distribution, tmp_path, capsys):
    files = {"paper.yaml": toy_net.PAPER, "claims.yaml": toy_net.CLAIMS}
    make_distribution("toy", [("architectures", "toy", "toy:Toy")], toy_net.SOURCE, files=files)
    offer(make_distribution, "share", "raises")
    record = run(
        {
            "plugin": "toy", "data": {"name": "synthetic", "samples": 210, "subjects": 10, "image_size": 24},
            "logger": "csv", "trainer": {"epochs": 1, "threads": 1}, "run": {"output": str(tmp_path)},
        }
    )  # fmt: skip
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if "share of anger" in line)
    assert f"{record.metrics['test']['share']:.4f}" in line
    assert f"{record.metrics['test']['intervals']['share']['low']:.4f}" in line
    assert record.manifest["status"] == "finished"
    (warning,) = (sentence for sentence in record.manifest["warnings"] if "raises" in sentence)
    assert warning.startswith("metric raises is left out: metric raises (from fer_offer 1.0) fails: IndexError")
    assert " ".join(printed.split()).count("metric raises is left out") == 1


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(2, 6))
@settings(deadline=None, max_examples=30)
def test_top_2_accuracy_is_scikit_learns(seed, size, classes):
    random = np.random.default_rng(seed)
    label, p = random.integers(0, classes, size), random.dirichlet(np.ones(classes), size)
    theirs = sk.top_k_accuracy_score(label, p, k=2, labels=range(classes)) if classes > 2 else 1.0
    assert compute(label, p) == pytest.approx(theirs)
    assert math.isclose(compute(label, np.full((size, classes), 1 / classes)), (label < 2).mean())
