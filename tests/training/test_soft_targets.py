"""Training against several annotators' votes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import fake_datasets as fake
from torch import nn

from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.criterion import SoftTargets

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
