"""A loss that is not finite is found: at once on a CPU, and before the epoch's weights are scored elsewhere."""

import pytest
import torch

from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import RunError
from fer_plugins.training.criterion import FiniteLoss

CPU = torch.device("cpu")


def test_a_cpu_looks_in_every_step():
    losses = FiniteLoss(CPU)
    losses.note(torch.tensor(1.0), 0, 0)
    with pytest.raises(RunError, match="the loss is inf at epoch 3, step 2"):
        losses.note(torch.tensor(torch.inf), 2, 1)


@pytest.mark.parametrize(("first", "noticed"), [(0, 3), (2, 3), (5, 7)])
def test_an_accelerator_looks_now_and_then_and_names_the_first_step(first, noticed):
    losses = FiniteLoss(CPU, every=4)
    for step in range(noticed):
        losses.note(torch.tensor(torch.nan if step >= first else 1.0), 0, step)
    with pytest.raises(RunError, match=f"the loss is not finite at epoch 1, step {first + 1};"):
        losses.note(torch.tensor(1.0), 0, noticed)


def test_the_last_steps_are_looked_at_before_the_weights_are_scored(toy, monkeypatch, tmp_path):
    late = FiniteLoss.__init__
    monkeypatch.setattr(FiniteLoss, "__init__", lambda self, device: late(self, device, every=64))
    settings = {"data": {"name": "synthetic", "samples": 63}, "trainer": {"epochs": 1}, "logger": "none"}
    flags = {"plugin": "toy", "model": {"explode_at": 1}, "run": {"output": str(tmp_path)}}
    with pytest.raises(RunError, match="the loss is not finite at epoch 1, step 1; the checkpoint of the last whole"):
        run(settings | flags)
    assert not list(tmp_path.rglob("*.ckpt"))
