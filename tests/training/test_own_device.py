"""The device that a process computes on: one answer for data, measurements and training."""

import pytest
import torch

from fer_plugins import config
from fer_plugins.training.devices import device_of_one, own_device


@pytest.mark.parametrize(
    ("cuda", "mps", "trainer", "device"),
    [
        (True, False, {}, "cuda:0"),
        (True, False, {"devices": [1]}, "cuda:1"),  # not the first: its images lie where it is trained
        (True, False, {"accelerator": "cpu"}, "cpu"),
        (False, True, {}, "mps"),
        (True, True, {"accelerator": "mps"}, "mps"),
        (False, True, {"accelerator": "cpu"}, "cpu"),
        (False, False, {}, "cpu"),
    ],
)
def test_it_follows_accelerator_and_devices(toy, monkeypatch, cuda, mps, trainer, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2 * cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    section = {"accelerator": "auto", "devices": 1, **trainer}
    assert own_device(config.resolve({"trainer": section}, plugin="toy").config) == torch.device(device)


def test_a_finished_run_is_opened_on_the_first_gpu_whichever_it_was_trained_on(toy, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for trainer, device in (({"devices": [3]}, "cuda:0"), ({"devices": 4, "num_nodes": 2}, "cuda:0")):
        settings = config.resolve({"trainer": {"accelerator": "auto", **trainer}}, plugin="toy").config
        assert device_of_one(settings) == torch.device(device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of_one(settings) == torch.device("cpu")
