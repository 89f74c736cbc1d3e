"""What a network costs: counts that can be worked out by hand."""

import pytest
import torch
from torch import nn

from fer_plugins.runs import cost


class Recurrent(nn.Module):
    """(1, C, H, W) -> a sequence of H * W tokens of C features -> the recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.flatten(2).transpose(1, 2))[0]


def conv_relu_stack() -> nn.Module:
    """Four 3 x 3 convolutions and two dense layers; the 48 x 48 stack of 2,489,095 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Conv2d(64, 128, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Conv2d(128, 256, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Flatten(), nn.Linear(4096, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 7),
    )  # fmt: skip


def test_convolutions_and_dense_layers():
    net = conv_relu_stack()
    assert cost.parameters(net) == 2_489_095
    by_hand = (
        9 * 1 * 32 * 48**2 + 9 * 32 * 64 * 46**2 + 9 * 64 * 128 * 21**2 + 9 * 128 * 256 * 8**2 + 4096 * 512 + 512 * 7
    )
    assert cost.macs(net, (1, 48, 48)) == by_hand
    assert round(by_hand / 1e6, 1) == 93.2


def test_recurrent_layers():
    lstm = Recurrent(nn.LSTM(128, 128, bidirectional=True, batch_first=True))
    assert cost.macs(lstm, (128, 16, 16)) == 2 * 256 * 4 * 128 * (128 + 128) == 67_108_864
    gru = Recurrent(nn.GRU(8, 5, batch_first=True))
    assert cost.macs(gru, (8, 3, 4)) == 12 * 3 * 5 * (8 + 5)
    rnn = Recurrent(nn.RNN(8, 5, num_layers=2, batch_first=True))
    assert cost.macs(rnn, (8, 3, 4)) == 12 * (5 * (8 + 5) + 5 * (5 + 5))


def test_attention():
    class SelfAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(64, 4, batch_first=True)

        def forward(self, x):
            tokens = x.flatten(2).transpose(1, 2)
            return self.attention(tokens, tokens, tokens)[0]

    assert cost.macs(SelfAttention(), (64, 5, 10)) == 4 * 50 * 64 * 64 + 2 * 50 * 50 * 64
    assert torch.backends.mha.get_fastpath_enabled()


def test_depthwise_convolution_counts_its_own_products():
    assert cost.macs(nn.Conv2d(8, 8, 3, padding=1, groups=8), (8, 6, 6)) == 8 * 9 * 36


def test_a_module_without_parameters():
    assert cost.parameters(nn.Flatten()) == 0
    assert cost.macs(nn.Flatten(), (1, 4, 4)) == 0


def test_only_trainable_and_only_once():
    first = nn.Linear(3, 3)
    frozen = nn.Linear(3, 3).requires_grad_(False)
    assert cost.parameters(nn.Sequential(first, first, frozen)) == 12


def test_nothing_is_left_changed():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2))
    net.train()
    net[1].eval()
    modes = [module.training for module in net.modules()]
    state = {name: value.clone() for name, value in net.state_dict().items()}
    random = torch.random.get_rng_state()
    flags = (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled)
    cost.macs(net, (1, 4, 4))
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled) == flags
    assert torch.is_grad_enabled()


def test_modes_come_back_after_a_failure():
    net = nn.Sequential(nn.Dropout(), nn.Linear(5, 2)).train()
    with pytest.raises(RuntimeError):
        cost.macs(net, (1, 4, 4))
    assert all(module.training for module in net.modules())
    assert torch.backends.mkldnn.enabled


def test_a_network_that_draws_at_evaluation_leaves_the_generator():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    before = torch.random.get_rng_state()
    cost.macs(Noisy(), (1, 2, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
