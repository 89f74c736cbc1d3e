"""Test-time augmentation: the views, and that their mean stands beside the plain answer."""

import numpy as np
import pytest
import torch
from fer_robustness_tests.measured import draw_weights, measure_means, measure_share
from fer_robustness_tests.tta import average, five_crop, flip, measure_tta, ten_crop
from torch import nn

from fer_plugins.analysis.network import Network, Split, predict

CLASSES = ["left", "right"]


class Sides(nn.Module):
    """Says on which side of the image there is more light."""

    def forward(self, x):
        half = x.shape[-1] // 2
        return torch.stack([x[..., :half].sum((1, 2, 3)), x[..., half:].sum((1, 2, 3))], 1)


def test_views():
    images = torch.rand(2, 1, 14, 14, generator=torch.Generator().manual_seed(0))
    assert torch.equal(flip(images)[1][..., 0], images[..., -1])
    large = nn.functional.interpolate(images, (16, 16), mode="bilinear", align_corners=False)
    crops = five_crop(images)
    windows = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    for crop, (top, left) in zip(crops, windows, strict=True):
        assert torch.equal(crop, large[..., top : top + 14, left : left + 14])
    assert len(ten_crop(images)) == 10
    assert torch.equal(ten_crop(images)[7], crops[2].flip(-1))


def test_the_mean_is_that_of_probabilities():
    image = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    network = Network(Sides())
    by_hand = (network.logits(image).softmax(1) + network.logits(image.flip(-1)).softmax(1)) / 2
    assert torch.allclose(average(network, image, flip).exp(), by_hand)


def test_a_mirrored_mean_knows_no_sides_and_the_plain_answer_stays():
    images = np.zeros((8, 8, 8, 1), dtype=np.uint8)
    images[:4, :, :4] = images[4:, :, 4:] = 40
    rows = np.arange(8)
    split = Split("test", rows, np.repeat([0, 1], 4), rows.astype(str), images.__getitem__)
    network = Network(Sides())
    plain = predict(network.logits, split, CLASSES)
    result = measure_tta(network, split, CLASSES, plain, "flip", seed=0)
    assert (plain.predicted == plain.label).all()
    assert result["views"] == 2
    assert result["scores"]["loss"] == pytest.approx(np.log(2))
    assert result["loss_gain"]["value"] == pytest.approx(np.log(2) - plain.loss.mean())
    same = measure_tta(Network(nn.Sequential(nn.Flatten(), _sum_twice())), split, CLASSES, plain, "flip", seed=0)
    assert same["scores"]["accuracy"] == 0.5


def _sum_twice():
    layer = nn.Linear(64, 2, bias=False)
    nn.init.ones_(layer.weight)
    return layer


def test_intervals_of_means():
    values = np.random.default_rng(0).normal(3, 2, 400)
    result = measure_means({"value": values, "difference": values - values, "double": 2 * values}, seed=0)
    half = 1.96 * values.std() / 20
    assert result["value"]["value"] == pytest.approx(values.mean())
    assert result["value"]["low"] == pytest.approx(values.mean() - half, abs=0.03)
    assert result["value"]["high"] == pytest.approx(values.mean() + half, abs=0.03)
    assert result["difference"]["low"] == result["difference"]["high"] == 0
    assert result["double"]["low"] == pytest.approx(2 * result["value"]["low"])
    assert measure_means({"value": values}, seed=0)["value"]["low"] == pytest.approx(result["value"]["low"])
    weights = np.concatenate(list(draw_weights(5000, seed=1)), axis=1)
    assert weights.shape == (5000, 2000)
    assert (weights.sum(0) == 5000).all()


def test_a_share_has_wilsons_interval():
    result = measure_share(np.array([True] * 7 + [False] * 3))
    assert result["value"] == 0.7
    assert (round(result["low"], 4), round(result["high"], 4)) == (0.3968, 0.8922)
