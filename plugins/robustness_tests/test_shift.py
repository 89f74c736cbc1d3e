"""Shift consistency on images and networks whose answers can be counted by hand."""

import numpy as np
import pytest
import torch
from fer_robustness_tests.shift import measure_shift, move_crop, move_zero
from torch import nn

from fer_plugins.analysis.network import Network, Split

SIDE = 16


class Reads(nn.Module):
    """Says class 1 where a function of the image is positive; its logits are 0 and that."""

    def __init__(self, read):
        super().__init__()
        self.read = read

    def forward(self, x):
        value = self.read(x[:, 0])
        return torch.stack([torch.zeros_like(value), value], 1)


def split_of(images, labels):
    rows = np.arange(len(images))
    return Split("test", rows, np.asarray(labels), np.array([str(row) for row in rows]), images.__getitem__, batch=3)


def square(side):
    """A white square in the middle of a black image, around the pixel (8, 8)."""
    image = np.zeros((SIDE, SIDE, 1), dtype=np.uint8)
    reach = side // 2
    image[8 - reach : 8 + reach + 1, 8 - reach : 8 + reach + 1] = 255
    return image


def test_a_network_that_sums_the_image_does_not_see_a_shift_of_what_stays_inside():
    images = np.stack([square(side) for side in (1, 3, 5, 7)])
    network = Network(Reads(lambda x: x.sum((1, 2)) - 10))
    result = measure_shift(network, split_of(images, [0, 0, 1, 1]), seed=0)["zero"]
    for distance in ("1", "2", "3", "4", "all"):
        assert result["consistency"][distance] == pytest.approx(
            {"value": 1, "low": 1, "high": 1, "method": "bootstrap over images"}
        )
        assert result["probability_change"][distance]["value"] < 1e-6
        assert result["accuracy"][distance]["value"] == 1
    assert result["consistency_of_pairs"]["value"] == 1
    assert result["reference_accuracy"]["value"] == 1


def test_no_network_sees_a_shift_of_a_constant_image_without_borders():
    images = np.full((3, SIDE, SIDE, 1), 128, dtype=np.uint8)
    network = Network(nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.LazyLinear(2)))
    result = measure_shift(network, split_of(images, [0, 1, 1]), seed=0)["crop"]
    assert result["consistency"]["all"]["value"] == 1
    assert result["probability_change"]["all"]["value"] < 1e-6


def test_a_network_that_reads_one_pixel_agrees_where_the_square_still_covers_it():
    network = Network(Reads(lambda x: x[:, 8, 8] - 0.5))
    result = measure_shift(network, split_of(square(3)[None], [1]), seed=0)["zero"]
    assert [result["consistency"][k]["value"] for k in ("1", "2", "3", "4", "all")] == [1, 0, 0, 0, 8 / 80]
    # Nine positions say 1 and 72 say 0: ordered pairs of different positions that agree.
    assert result["consistency_of_pairs"]["value"] == pytest.approx((9 * 8 + 72 * 71) / (81 * 80))
    step = 2 / (1 + np.exp(-0.5)) - 1  # p(1) is sigmoid(0.5) where it is covered, sigmoid(-0.5) elsewhere
    assert result["probability_change"]["4"]["value"] == pytest.approx(step)
    assert result["probability_change"]["all"]["value"] == pytest.approx(step * 72 / 80)
    assert result["accuracy"]["all"]["value"] == pytest.approx(8 / 80)


def test_the_interval_is_that_of_the_images():
    """Half of the images never change, half always do: a share of 1/2 of 40 images."""
    images = np.concatenate([np.zeros((20, SIDE, SIDE, 1), np.uint8), np.stack([square(1)] * 20)])
    network = Network(Reads(lambda x: x[:, 8, 8] - 0.5))
    result = measure_shift(network, split_of(images, [0] * 40), seed=0)["zero"]["consistency"]["all"]
    assert result["value"] == 0.5
    spread = 1.96 * np.sqrt(0.25 / 40)
    assert result["low"] == pytest.approx(0.5 - spread, abs=0.03)
    assert result["high"] == pytest.approx(0.5 + spread, abs=0.03)


def test_zero_fill_moves_down_and_right():
    image = torch.arange(1.0, 26).reshape(1, 1, 5, 5)
    moved = move_zero(image)(1, -2)[0, 0]
    assert moved[0].tolist() == [0] * 5
    assert moved[1].tolist() == [3, 4, 5, 0, 0]
    assert torch.equal(move_zero(image)(0, 0), image)


def test_crops_are_windows_of_one_enlarged_image():
    image = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    move = move_crop(image)
    large = nn.functional.interpolate(image, (20, 20), mode="bilinear", align_corners=False)
    assert torch.equal(move(0, 0), large[..., 4:16, 4:16])
    assert torch.equal(move(4, 4), large[..., :12, :12])
    assert torch.equal(move(-4, 3), large[..., 8:, 1:13])
    assert torch.equal(move(1, 0)[..., 1:, :], move(0, 0)[..., :-1, :])
