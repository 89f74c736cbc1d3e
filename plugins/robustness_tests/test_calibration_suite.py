"""Temperature scaling recovers what was put in, is fitted on validation alone, and changes no answer."""

import numpy as np
import pytest
import torch
from fer_robustness_tests.calibration_suite import (
    HIGHEST,
    LOWEST,
    _draw_ece,
    fit_temperature,
    mean_loss,
    measure_calibration,
    scale,
)
from scipy.special import log_softmax, softmax
from support.scored import score_calibration
from torch import nn

from fer_plugins.analysis.network import Network, Split, predict

CLASSES = ["a", "b", "c", "d"]


def draw(size, seed):
    """Logits, and labels that were drawn from their softmax: perfectly calibrated."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (size, 4))
    cumulative = softmax(logits, axis=1).cumsum(1)
    return logits, (random.random(size)[:, None] > cumulative).sum(1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_recovered(temperature):
    logits, labels = draw(20_000, seed=0)
    assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_has_the_least_loss():
    logits, labels = draw(500, seed=1)
    best = fit_temperature(3 * logits, labels)
    losses = [mean_loss(3 * logits / (best * factor), labels) for factor in (0.98, 1, 1.02)]
    assert losses[1] == min(losses)
    grid = [mean_loss(3 * logits / one, labels) for one in np.geomspace(0.1, 10, 200)]
    assert losses[1] <= min(grid) + 1e-9


def test_the_ends_of_the_range():
    logits = np.eye(4).repeat(5, axis=0)
    right = np.arange(4).repeat(5)
    assert fit_temperature(logits, right) == LOWEST
    assert fit_temperature(logits, (right + 1) % 4) == pytest.approx(HIGHEST, rel=0.01)


class Stored(nn.Module):
    """Answers with stored logits: the image's first two pixels say which row."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.from_numpy(logits)

    def forward(self, x):
        pixels = (x[:, 0, 0, :2] * 255).round().long()
        return self.logits[pixels[:, 0] * 256 + pixels[:, 1]]


def split_of(name, rows, labels):
    images = np.zeros((len(rows), 2, 2, 1), dtype=np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = rows // 256, rows % 256
    return Split(name, rows, labels, rows.astype(str), images.__getitem__)


@pytest.fixture(scope="module")
def measured():
    logits, labels = draw(4000, seed=2)
    network = Network(Stored(3 * logits))
    test, val = (
        split_of(name, rows, labels[rows]) for name, rows in (("test", np.arange(2000)), ("val", np.arange(2000, 4000)))
    )
    plain = predict(network.logits, test, CLASSES)
    return network, test, val, plain, measure_calibration(network, test, val, plain, seed=0)


def test_scaling_mends_what_was_overconfident(measured):
    *_, plain, result = measured
    assert result["temperature"] == pytest.approx(3, rel=0.1)
    assert not result["at_the_end_of_the_range"]
    assert result["fitted_on"]["loss_after"] < result["fitted_on"]["loss_before"]
    for score in ("ece", "loss", "brier"):
        assert result["after"][score]["high"] < result["before"][score]["low"]
        assert result["change"][score]["high"] < 0
        assert result["change"][score]["value"] == pytest.approx(
            result["after"][score]["value"] - result["before"][score]["value"]
        )
    assert result["before"]["ece"]["value"] == pytest.approx(score_calibration(plain)["ece"], abs=1e-9)
    assert result["before"]["brier"]["value"] == pytest.approx(score_calibration(plain)["brier"])
    assert result["before"]["loss"]["value"] == pytest.approx(plain.loss.mean())


def test_the_temperature_does_not_depend_on_the_test_part(measured):
    network, test, val, _, result = measured
    other = split_of("test", test.rows, (test.labels + 1) % 4)
    again = measure_calibration(network, other, val, predict(network.logits, other, CLASSES), seed=0)
    assert again["temperature"] == result["temperature"]
    assert again["before"]["loss"]["value"] != result["before"]["loss"]["value"]


def test_scaling_changes_no_answer_and_keeps_the_definition(measured):
    network, test, _, plain, _ = measured
    logits = network.logits(torch.cat([images for _, images in test.batches()])).numpy()
    cool = scale(plain, logits, 3.0)
    assert np.array_equal(cool.predicted, plain.predicted)
    assert np.array_equal(cool.probabilities.argmax(1), plain.probabilities.argmax(1))
    assert cool.loss == pytest.approx(-log_softmax(logits / 3, axis=1)[np.arange(2000), test.labels])


def test_the_resampled_error_of_all_images_is_the_error(measured, monkeypatch):
    """With every image drawn once, the sum over bins must be torchmetrics' calibration error."""
    *_, plain, _ = measured
    monkeypatch.setattr(
        "fer_robustness_tests.calibration_suite.draw_weights", lambda size, seed: iter([np.ones((size, 1))])
    )
    assert _draw_ece(plain, 0) == pytest.approx([score_calibration(plain)["ece"]], abs=1e-9)
