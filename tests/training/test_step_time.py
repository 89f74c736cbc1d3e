"""A training step is timed by its fastest run, and draws from no generator of the process."""

import time

import pytest
import torch
from torch import nn

from fer_plugins.config.schema import DataConfig
from fer_plugins.training.step_time import time_step, training_step


def steps_of(*seconds):
    """Return a step that takes these seconds, one after the other, and the list of those that are left."""
    left = list(seconds)
    return lambda: time.sleep(left.pop(0)), left


@pytest.mark.parametrize(("limit", "most", "left"), [(0.03, None, 1), (9.0, 2, 2), (0.01, 2, 3), (9.0, 4, 0)])
def test_no_step_begins_after_the_limit(limit, most, left):
    step, rest = steps_of(0.02, 0.015, 0.02, 0.02)
    assert time_step(step, limit, most) >= 0.015
    assert len(rest) == left if limit == 9.0 or most else len(rest) >= left


def test_the_fastest_step_counts():
    step, _ = steps_of(0.2, 0.01, 0.1)
    assert 0.01 <= time_step(step, 9.0, most=3) < 0.1


def test_a_step_gives_gradients_and_leaves_the_random_state():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Dropout(0.5), nn.Linear(72, 7))
    state = torch.get_rng_state()
    step = training_step(network, DataConfig(image_size=8, channels=1), 4, precision="64-true", channels_last=True)
    step()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad.dtype == torch.float64 for parameter in network.parameters())
