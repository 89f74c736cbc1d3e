"""The size of flattened layers by running one image, and the error that names the smallest image that serves."""

import pytest
import torch
from torch import nn

from fer_plugins.pooling.sizes import fit, flattened_size


def layers(*more):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4), *more)


def test_the_length_is_that_of_one_image_flattened():
    assert flattened_size(layers(), 1, 10) == 4 * 4 * 4
    assert flattened_size(layers(nn.Flatten()), 1, 11) == 4 * 4 * 4


@pytest.mark.parametrize("training", [True, False])
def test_statistics_and_mode_stay_as_they_are(training):
    network = layers().train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flattened_size(network, 1, 10)
    assert network.training == training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_too_small_an_image_is_one_line_with_the_smallest_that_serves():
    with pytest.raises(ValueError, match=r"^image_size 3 is too small: use at least 4 with this pooling$"):
        flattened_size(layers(), 1, 3)
    with pytest.raises(ValueError, match="input_size 2 is too small: use at least 4"):
        flattened_size(layers(), 1, 2, "input_size")


def test_what_the_size_is_not_to_blame_for_is_raised_as_it_is():
    with pytest.raises(RuntimeError, match="expected input"):
        flattened_size(layers(), 3, 10)  # convolutions of one channel
    with pytest.raises(ValueError, match="never"):
        fit(lambda side: (_ for _ in ()).throw(ValueError("never")), 8)
