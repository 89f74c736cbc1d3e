"""Occlusion: which pixels are covered, and what a network that looks at one place loses."""

import numpy as np
import pytest
import torch
from fer_robustness_tests.occlusion import BOXES, REGIONS, cover, cover_boxes, measure_occlusion
from torch import nn

from fer_plugins.analysis.network import Network, Split

SIDE = 48


def test_a_region_is_filled_with_the_images_mean():
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    covered = cover(images, (0.25, 0.5, 0.0, 1.0))
    assert torch.allclose(covered[:, :, 12:24], images.mean((2, 3), keepdim=True).expand(-1, -1, 12, SIDE))
    assert torch.equal(covered[:, :, :12], images[:, :, :12])
    assert torch.equal(covered[:, :, 24:], images[:, :, 24:])


def test_halves_are_halves():
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., :24] = 1
    changed = {name: (cover(image, REGIONS[name]) != image).sum().item() for name in REGIONS if "half" in name}
    assert changed == dict.fromkeys(changed, SIDE * SIDE / 2)
    assert torch.equal(cover(image, REGIONS["left_half"])[..., 24:], image[..., 24:])


@pytest.mark.parametrize("side", [0.25, 0.35, 0.5])
def test_boxes_have_their_size_lie_inside_and_come_again(side):
    images = torch.zeros(30, 1, SIDE, SIDE)
    images[:, :, ::2] = 1
    covered = cover_boxes(images, side, list(range(30)))
    size = round(side * SIDE)
    assert ((covered != images).sum((1, 2, 3)) == size * size).all()
    assert torch.equal(covered, cover_boxes(images, side, list(range(30))))
    places = (covered != images).float().argmax(-1).amax((1, 2))
    assert len(set(places.tolist())) > 5


def test_a_network_that_reads_the_mouth_loses_it_and_nothing_else():
    """Class 1 has a bright mouth. Without it every answer is 0, so half of the answers are right."""

    class Mouth(nn.Module):
        def forward(self, x):
            value = x[:, 0, 36:40, 20:28].mean((1, 2)) - 0.7
            return torch.stack([torch.zeros_like(value), value], 1)

    images = np.zeros((20, SIDE, SIDE, 1), dtype=np.uint8)
    images[10:, 34:42, 18:30] = 255
    rows = np.arange(20)
    split = Split("test", rows, (rows >= 10).astype(int), rows.astype(str), images.__getitem__, batch=7)
    result = measure_occlusion(Network(Mouth()), split, seed=0)
    assert result["plain"]["value"] == 1
    covers = result["covers"]
    assert covers["eyes"]["accuracy"]["value"] == covers["upper_half"]["unchanged"]["value"] == 1
    for name in ("mouth", "lower_half"):
        assert covers[name]["accuracy"]["value"] == covers[name]["unchanged"]["value"] == 0.5
        assert covers[name]["drop"]["value"] == 0.5
        assert 0.2 < covers[name]["drop"]["low"] < 0.5 < covers[name]["drop"]["high"] < 0.8
    assert covers["box_0.25"]["accuracy"]["value"] > covers["box_0.5"]["accuracy"]["value"]
    assert covers["box_0.5"]["boxes"] == BOXES
