"""check_metric: the core's metric passes, and every rule has a metric that breaks it."""

import numpy as np
import pytest

from fer_plugins.contract import Metric
from fer_plugins.metrics.top2_accuracy import top2_accuracy
from fer_plugins.testing import ContractError, check_metric


def accuracy(labels, probabilities):
    return float((probabilities.argmax(1) == labels).mean())


def metric(compute=accuracy, **fields):
    return lambda: Metric(**{"title": "it", "compute": compute, **fields})


def change(labels, probabilities):
    probabilities[0] = 0
    return 0.5


def refuse_one_class(labels, probabilities):
    if len(np.unique(labels)) < 2:
        raise ZeroDivisionError("no negatives")
    return 0.5


def test_sound_metrics_pass():
    check_metric(top2_accuracy)
    check_metric(metric())
    check_metric(metric(lambda labels, p: None if len(np.unique(labels)) < 2 else np.float64(0.5)))
    check_metric(metric(lambda labels, p: float(-np.log(p.max(1)).mean()), range=(0.0, np.inf), better="lower"))


BROKEN = {
    "called without arguments": (lambda size: Metric("it", accuracy), "it takes size"),
    "builds": (lambda: 1 / 0, "ZeroDivisionError"),
    "returns a Metric": (lambda: accuracy, "it returns a function"),
    "sound fields": (metric(better="more"), "better is 'more'"),
    "lies in the range": (metric(lambda labels, p: 100 * accuracy(labels, p)), "widen the range 0 to 1"),
    "wilson is for a share of the images": (
        metric(lambda labels, p: float(p.max(1).mean()), interval="wilson"),
        'say interval="bootstrap"',
    ),
    "same images, same value": (metric(lambda labels, p: float(p[0, 0])), "in another order"),
    "better is the better direction": (metric(better="lower"), "with 1 where all is right"),
    "serves every split": (metric(refuse_one_class), "ZeroDivisionError"),
    "leaves its arguments alone": (metric(change), "work on a copy"),
    "gives a number": (metric(lambda labels, p: "high"), "'high' for 200 images"),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_has_a_metric_that_breaks_it(rule):
    factory, observed = BROKEN[rule]
    with pytest.raises(ContractError, match=rule) as caught:
        check_metric(factory)
    assert observed in str(caught.value)
