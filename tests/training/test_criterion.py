"""The training loss: against soft labels, and checked to be finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import fake_datasets as fake
from torch import nn

from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.training.criterion import FiniteLoss, SoftTargets

SHARES = np.array([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0], [0.2, 0.2, 0.6]])
LOGITS = torch.tensor([[1.0, 2.0, 0.0], [0.5, 0.0, -1.0]])
INDEX = torch.tensor([0, 1])
LOG = np.log(np.exp(LOGITS.numpy()) / np.exp(LOGITS.numpy()).sum(1, keepdims=True))


def loss(mode, criterion=None):
    return float(SoftTargets(SHARES, mode).loss(criterion or nn.CrossEntropyLoss(), LOGITS, INDEX))


def test_distribution_is_the_cross_entropy_with_the_shares():
    assert loss("distribution") == pytest.approx(-(SHARES[:2] * LOG).sum(1).mean(), rel=1e-5)


def test_any_takes_the_best_of_the_classes_with_a_share():
    assert loss("any") == pytest.approx((-LOG[0, 1] - LOG[1, 2]) / 2, rel=1e-5)


def test_draw_averages_to_the_distribution_and_draws_only_what_has_a_share():
    torch.manual_seed(0)
    drawn = [loss("draw") for _ in range(4000)]
    assert set(np.round(drawn, 4)) == {round(float(-LOG[0, k] - LOG[1, 2]) / 2, 4) for k in (0, 1)}
    assert np.mean(drawn) == pytest.approx(loss("distribution"), abs=0.02)


def test_class_weights_and_smoothing_reach_the_loss():
    assert loss("distribution", nn.CrossEntropyLoss(label_smoothing=0.2)) != loss("distribution")
    assert loss("distribution", nn.CrossEntropyLoss(weight=torch.tensor([3.0, 1.0, 1.0]))) != loss("distribution")


@pytest.mark.parametrize("mode", ["majority", "probability", "cross_entropy", "multi_target"])
def test_a_run_on_ferplus_trains_in_every_label_mode(mode, tmp_path):
    root = fake.write_folder(fake.ferplus(6), tmp_path / "data")
    settings = {
        "plugin": "conv_relu_ann",
        "data": {"name": "ferplus", "root": str(root), "label_mode": mode, "cache": "none"},
        "trainer": {"epochs": 1, "progress": "none"},
        "logger": {"name": "csv"},
        "run": {"output": str(tmp_path / "runs")},
    }
    record = run(settings)
    logged = (record.folder / "metrics.csv").read_text()
    assert "train/loss" in logged
    if mode == "multi_target":
        settings["loss"] = {"label_smoothing": 0.1}
        with pytest.raises(InputError, match=r"loss\.label_smoothing: has no meaning"):
            run(settings)


def test_the_modes_train_differently(tmp_path):
    root = fake.write_folder(fake.ferplus(6), tmp_path / "data")
    losses = set()
    for mode in ("majority", "probability", "cross_entropy", "multi_target"):
        record = run(
            {
                "plugin": "conv_relu_ann",
                "data": {"name": "ferplus", "root": str(root), "label_mode": mode, "cache": "none"},
                "trainer": {"epochs": 1, "progress": "none"},
                "logger": {"name": "csv"},
                "run": {"output": str(tmp_path / "runs"), "test": False},
            }
        )
        header, row = (record.folder / "metrics.csv").read_text().splitlines()[:2]
        losses.add(dict(zip(header.split(","), row.split(","), strict=True))["train/loss"])
    assert len(losses) == 4


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
    text = "the loss is not finite at epoch 1, step 1; the checkpoint of the last complete epoch, if any, is kept"
    with pytest.raises(RunError, match=text):
        run(settings | flags)
    assert not list(tmp_path.rglob("*.ckpt"))
