"""ConvBlurPool: strided convolutions become convolutions of step 1 and a blur behind their activation."""

from functools import partial

import pytest
import torch
from torch import nn

from fer_plugins.pooling import average_pool, blur_strided_convolutions, max_blur_pool, max_pool

ZHANG = partial(max_blur_pool, preset="zhang")


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3, 2, 1)
    ).eval()  # fmt: skip


def test_the_blur_stands_behind_the_activation():
    changed, plain = network(), network()
    image = torch.rand(2, 1, 33, 33)
    assert blur_strided_convolutions(changed, ZHANG, image[:1]) == 2
    assert [type(layer).__name__ for layer in changed] == ["Conv2d", "BatchNorm2d", "Sequential", "Sequential"]
    weights = plain[0].weight, plain[3].weight
    wanted = nn.functional.conv2d(image, weights[0], plain[0].bias, 1, 1)
    wanted = ZHANG(1, 2)(plain[1](wanted).relu())
    wanted = ZHANG(1, 2)(nn.functional.conv2d(wanted, weights[1], plain[3].bias, 1, 1))
    assert torch.allclose(changed(image), wanted, atol=1e-6)
    assert changed(image).shape == plain(image).shape
    assert sum(p.numel() for p in changed.parameters()) == sum(p.numel() for p in plain.parameters())


def test_a_shift_changes_the_mean_features_less():
    changed, plain = network(), network()
    images = torch.rand(64, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    blur_strided_convolutions(changed, partial(ZHANG, pad_fill="circular"), images[:1])
    moved = images.roll(1, -1)

    def change(net):
        with torch.no_grad():
            return float(
                (net(images)[..., 1:-1, 1:-1].mean((2, 3)) - net(moved)[..., 1:-1, 1:-1].mean((2, 3))).abs().mean()
            )

    assert change(changed) < 0.5 * change(plain)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (max_pool, "takes every 2. pixel"),
        (average_pool, "takes every 2. pixel"),
        (max_blur_pool, "more than a blur"),
    ],
)
def test_what_is_no_blur_is_refused(pool, message):
    changed = network()
    with pytest.raises(ValueError, match=message):
        blur_strided_convolutions(changed, pool, torch.rand(1, 1, 32, 32))
    assert changed[0].stride == (2, 2)
    blur_strided_convolutions(
        changed, partial(pool, max_size=1) if pool is max_blur_pool else ZHANG, torch.rand(1, 1, 32, 32)
    )


def test_a_network_without_strides_is_refused():
    with pytest.raises(ValueError, match="no strided convolution"):
        blur_strided_convolutions(nn.Sequential(nn.Conv2d(1, 1, 3)), ZHANG, torch.rand(1, 1, 8, 8))
