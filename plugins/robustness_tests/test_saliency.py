"""Saliency: maps that are known in closed form, hooks that leave the network as it was, sheets that can be drawn."""

import importlib.util

import numpy as np
import pytest
import torch
from fer_robustness_tests.saliency import (
    METHODS,
    Examples,
    check_saliency,
    choose_examples,
    explain,
    find_maps,
    last_convolution,
)
from torch import nn

from fer_plugins.analysis.network import Network
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runtime.errors import InputError

needs_captum = pytest.mark.skipif(importlib.util.find_spec("captum") is None, reason="captum is not installed")
SIDE = 12


def examples(channels=1, count=3, target=1):
    images = torch.rand(count, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    names = ["a"] * count
    return Examples(images, names, names, [0.5] * count, torch.full((count,), target), names)


def linear(channels=1):
    layer = nn.Linear(channels * SIDE * SIDE, 3)
    with torch.no_grad():
        layer.weight[1] = torch.linspace(-1, 1, layer.in_features)
    return nn.Sequential(nn.Flatten(), layer), layer.weight[1].detach().reshape(channels, SIDE, SIDE)


@needs_captum
@pytest.mark.parametrize("method", ["gradient", "smoothgrad"])
def test_the_gradient_of_a_linear_network_is_its_weight(method):
    network, weight = linear(channels=3)
    maps = find_maps(method, Network(network), examples(channels=3), seed=0)
    assert maps.shape == (3, SIDE, SIDE)
    expected = weight.abs().amax(0).numpy()
    assert np.allclose(maps, expected, atol=1e-5)


@needs_captum
def test_occlusion_finds_the_one_place_that_counts():
    class Corner(nn.Module):
        def forward(self, x):
            value = 20 * (x[:, 0, :2, :2].mean((1, 2)) - 0.75)
            return torch.stack([torch.zeros_like(value), value], 1)

    given = examples()
    given.images[:, :, :2, :2] = 1
    maps = find_maps("occlusion", Network(Corner()), given, seed=0)
    assert (maps[:, 0, 0] > 0.9).all()  # p falls from sigmoid(5) to below sigmoid(-2)
    assert np.abs(maps[:, 4:, 4:]).max() == 0


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        self.last = nn.Conv2d(4, 6, 6)  # its map is one pixel
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.last(self.layers(x)).flatten(1))

    def explain(self, x):
        return {"maps": self.layers(x), "strip": self.last(self.layers(x)).flatten(1), "number": x.mean((1, 2, 3))}


@needs_captum
def test_grad_cam_is_the_weighted_map_of_the_last_convolution_that_has_a_map():
    torch.manual_seed(0)
    module, given = Small().eval(), examples()
    assert last_convolution(module, given.images[:1]) is module.layers[0]
    maps = module.layers[0](given.images)
    maps.retain_grad()
    module.head(module.last(nn.MaxPool2d(2)(maps.relu())).flatten(1))[:, 1].sum().backward()
    by_hand = (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1).relu().detach().numpy()
    result = find_maps("grad_cam", Network(module), given, seed=0)
    assert result == pytest.approx(by_hand, abs=1e-6)
    assert by_hand.max() > 0


@needs_captum
@pytest.mark.parametrize("method", ["gradient", "smoothgrad", "occlusion", "grad_cam"])
def test_the_network_and_the_images_stay_as_they_were(method):
    module, given = Small().eval(), examples()
    before = module(given.images)
    images = given.images.clone()
    first = find_maps(method, Network(module), given, seed=0)
    torch.rand(5)
    assert np.array_equal(find_maps(method, Network(module), given, seed=0), first)
    assert module.layers[1].inplace
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not module.layers[0]._forward_hooks
    assert torch.equal(given.images, images)
    assert not given.images.requires_grad
    assert torch.equal(module(given.images), before)


@needs_captum
def test_a_network_without_gradient_or_convolution_is_one_line():
    class Counts(nn.Module):
        def forward(self, x):
            bright = (x > 0.5).float().sum((1, 2, 3))
            return torch.stack([bright, -bright], 1)

    with pytest.raises(InputError, match="--saliency gradient: does not work on this network") as caught:
        find_maps("gradient", Network(Counts()), examples(), seed=0)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no convolution with a map"):
        find_maps("grad_cam", Network(linear()[0]), examples(), seed=0)


def test_what_is_missing_is_said(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "captum" else find(name))
    with pytest.raises(InputError, match=r"captum not installed; pip install 'captum>=[0-9.]+'"):
        check_saliency(["gradient"], Small())
    with pytest.raises(InputError, match="Linear has no explain"):
        check_saliency(["explain"], nn.Linear(1, 1))
    check_saliency(["explain"], Small())


def test_examples_are_right_ones_then_wrong_ones():
    label = np.repeat([0, 1], 50)
    predicted = np.where(np.arange(100) % 10 == 0, 1 - label, label)
    answers = Predictions(np.arange(100), label, predicted, np.full((100, 2), 0.5), np.ones(100), 90)
    chosen = choose_examples(answers, seed=0, count=4)
    assert (predicted[chosen[:4]] == label[chosen[:4]]).all()
    assert (predicted[chosen[4:]] != label[chosen[4:]]).all()
    assert len(set(chosen.tolist())) == 8
    assert np.array_equal(chosen, choose_examples(answers, seed=0, count=4))
    assert not np.array_equal(chosen, choose_examples(answers, seed=1, count=4))
    assert len(choose_examples(answers, seed=0, count=20)) == 20 + 10


def test_sheets_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from fer_robustness_tests.saliency_sheet import draw_maps, draw_pictures

    from fer_plugins.analysis.figures.style import drawing, write_figure

    given = examples(channels=3, count=5)
    maps = np.random.default_rng(0).random((5, SIDE, SIDE))
    maps[4] = 0
    pictures = explain(Small(), examples(count=4).images)
    with drawing():
        sheet = draw_maps("gradient", given, maps, "net, faces, test")
        own, message = draw_pictures(examples(count=4), pictures, "net, faces, test")
    assert len(sheet.axes) == 2 * 2 * 4
    assert [text.get_text() for axis in sheet.axes for text in axis.texts] == ["blank"]
    assert message == {
        "maps": "mean of 4 maps of 6 x 6",
        "strip": "6 values",
        "number": "1 values",
    }
    assert len(own.axes) == 4 * 4
    assert [path.suffix for path in write_figure(sheet, tmp_path / "figures", "saliency_gradient")] == [".png", ".svg"]


def test_attention_is_drawn_as_fer_figures_draws_it():
    """One reading of a tensor, not two: windows over the image, an outline of what is sampled."""
    pytest.importorskip("matplotlib")
    from fer_robustness_tests.saliency_sheet import draw_pictures

    from fer_plugins.analysis.figures.style import drawing

    weights = torch.softmax(torch.rand(4, 4, 3, 9, generator=torch.Generator().manual_seed(0)), -1)
    theta = torch.eye(2, 3).repeat(4, 1, 1)
    with drawing():
        _, message = draw_pictures(
            examples(count=4), {"spatial_weights": weights, "theta": theta, "five": torch.zeros(4, 1, 1, 1, 1)}, "net"
        )
    assert message["spatial_weights"] == "attention, 2x2 windows of 3x3 keys"
    assert message["theta"].startswith("the part of its input")
    assert message["five"] == "left out: (4, 1, 1, 1, 1)"


def test_the_names_of_the_command_are_those_of_the_code():
    from fer_robustness_tests import command as robustness
    from fer_robustness_tests import evaluation, tta

    assert robustness.CHOICES["suite"] == evaluation.SUITES
    assert robustness.CHOICES["tta"] == tuple(tta.WAYS)
    assert robustness.CHOICES["saliency"] == METHODS
