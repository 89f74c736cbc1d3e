"""Which parameters training reaches: dead units are not accused, unused layers are."""

import pytest
import torch
from torch import nn

from fer_plugins.testing import ContractError, check_architecture
from fer_plugins.testing.reach import find_unreached


class Squeezed(nn.Module):
    """Its inner ReLU is dead on every image in [0, 1] until the bias changes."""

    def __init__(self, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        self.first, self.inner = nn.Linear(in_channels, 4), nn.Linear(4, 4)
        self.last = nn.Linear(4, num_classes)
        with torch.no_grad():
            self.inner.bias.fill_(-50.0)

    def forward(self, x):
        x = self.first(x.mean((2, 3)))
        return self.last(x + torch.relu(self.inner(x)))


class Unused(Squeezed):
    """Has a layer that forward does not take, and one whose answer is multiplied by 0."""

    def __init__(self, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__(num_classes, in_channels, image_size)
        self.forgotten, self.cancelled = nn.Linear(4, 4), nn.Linear(4, num_classes)

    def forward(self, x):
        return super().forward(x) + 0 * self.cancelled(self.first(x.mean((2, 3))))


def test_dead_units_are_not_accused():
    check_architecture(Squeezed, image_size=8)


def test_unused_layers_are_accused_by_name():
    with pytest.raises(ContractError) as raised:
        check_architecture(Unused, image_size=8)
    message = str(raised.value)
    assert "gradient reaches every parameter" in message
    assert all(name in message for name in ("forgotten.weight", "cancelled.weight"))
    assert "inner" not in message


def test_looking_leaves_the_network_as_it_was():
    network = Unused(3, 1, 8)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    unreached = find_unreached(
        network, ["inner.weight", "forgotten.weight"], lambda x: network(x).sum(), torch.rand(4, 1, 8, 8)
    )
    assert unreached == ["forgotten.weight"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_network_with_squeeze_and_excitation_is_not_accused():
    timm = pytest.importorskip("timm")

    def make(num_classes: int, in_channels: int, image_size: int) -> nn.Module:
        if image_size < 32:
            raise ValueError(f"image_size is {image_size}; use at least 32")
        return timm.create_model("legacy_seresnet18", num_classes=num_classes, in_chans=in_channels)

    check_architecture(make, image_size=48)
