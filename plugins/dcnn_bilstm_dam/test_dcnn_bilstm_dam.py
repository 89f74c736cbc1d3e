"""Hard facts of the DCNN-BiLSTM-DAM network, every switch, and the contract of fer-plugins."""

from __future__ import annotations

import copy
import io
import math
import pickle
from pathlib import Path

import fer_dcnn_bilstm_dam
import numpy as np
import pytest
import torch
import yaml
from fer_dcnn_bilstm_dam import DCNNBiLSTMDAM
from fer_dcnn_bilstm_dam.attention import DualAttention, join_windows, legal_windows, split_windows
from fer_dcnn_bilstm_dam.hog import HOGInput, cell_histograms, descriptor, line_masks, luma, normalise_cells
from fer_dcnn_bilstm_dam.landmarks import POINTS, landmark_map
from fer_dcnn_bilstm_dam.pcp import PCP, PCP01
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut
from skimage.feature import hog as skimage_hog
from skimage.transform import resize
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from fer_plugins.data.detectors.crop import EYE_DISTANCE, EYE_HEIGHT
from fer_plugins.testing import check_architecture

PACKAGE = Path(fer_dcnn_bilstm_dam.__file__).parent
SMALL = {"num_classes": 7, "image_size": 48}  # the smallest that suits the defaults


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def build(**options) -> DCNNBiLSTMDAM:
    return DCNNBiLSTMDAM(**{"num_classes": 7, **options})


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def face(size: int = 64) -> np.ndarray:
    """A photographed face, float64 in [0, 1], of 8-bit values."""
    picture = resize(astronaut()[0:256, 100:356, 0], (size, size), anti_aliasing=True)
    return np.round(picture * 255) / 255


# --- the size of things


def test_parameters_of_each_part():
    network = build()
    convolutions = {name: stage[0] for name, stage in network.dcnn.stages.named_children() if name[0] == "c"}
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {name: count(module) for name, module in convolutions.items()} == {"c1": 832, "c2": 51264, "c3": 204928}
    assert sum(count(norm) for norm in norms) == 448
    assert count(network.bilstm) == 264192
    for layer in network.attention:
        assert count(layer) == 214592
        assert {count(p) for p in [*layer.project_spatial, *layer.project_channel]} == {16512}
        assert count(layer.distil_spatial) == 73888
        assert count(layer.distil_channel) == 41120
    assert count(network.fusion) == 33024
    assert count(network.hidden) == 9830700
    assert count(network.classifier) == 2107
    assert count(network) == 10816679
    assert sum(buffer.numel() for name, buffer in network.named_buffers() if "hog" not in name) == 451
    table_2 = [*convolutions.values(), network.hidden, network.classifier]
    assert sum(map(count, table_2)) == 10089831  # x 4 bytes = the 40 MB after Eq. 25
    assert round(10089831 * 4 / 1e6, 2) == 40.36


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"head": "gap_vector"}, 1024679),
        ({"dcnn_separable": True}, 10572673),
        ({"dcnn_separable": True, "head": "gap_vector"}, 780673),
        ({"attn_layers": 1}, 10602087),
        ({"dcnn_padding": "valid", "attn_windows": 1}, 4096679),
        ({"dcnn_padding": "valid", "dcnn_order": "c1c2c3s1s2", "attn_windows": 1}, 7475879),
        ({"hog_mode": "grad_stack"}, 10818279),
        ({"hog_mode": "cells_up"}, 10823079),
        ({"hog_mode": "descriptor"}, 11345879),
        ({"hog_mode": "none", "in_channels": 3}, 10818279),
        ({"hog_mode": "none"}, 10816679),
        ({"bilstm_sequence": "rows"}, 10816679),
        ({"attn_cross": False}, 10816679),
        ({"bilstm_merge": "concat"}, 10816679 + 256 * 128 + 128),
    ],
)
def test_parameters_of_the_readings(options, expected):
    assert count(build(**options)) == expected


def run_with_shapes(network: nn.Module, x: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Shape of every module's output, by name; of a tuple the first tensor's."""
    shapes: dict[str, tuple[int, ...]] = {}

    def keep(name: str):
        def hook(module, inputs, output):
            shapes[name] = tuple((output[0] if isinstance(output, tuple) else output).shape)

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in network.named_modules()]
    with torch.no_grad():
        shapes["logits"] = tuple(network(x).shape)
    for handle in handles:
        handle.remove()
    return shapes


def test_shapes_of_the_default():
    network = build().eval()
    x = torch.rand(2, 1, 64, 64)
    shapes = run_with_shapes(network, x)
    stages = [shapes[f"dcnn.stages.{name}"] for name in ("c1", "s1", "c2", "s2", "c3")]
    assert [shape[1:] for shape in stages] == [(32, 64, 64), (32, 32, 32), (64, 32, 32), (64, 16, 16), (128, 16, 16)]
    for name in ("bilstm", "attention.0", "attention.1", "fusion"):
        assert shapes[name] == (2, 16, 16, 128), "maps are kept with the channels last from the BiLSTM on"
    assert network.hidden[1].in_features == 32768
    assert shapes["logits"] == (2, 7)


@pytest.mark.parametrize(
    ("order", "sides"),
    [("c1s1c2s2c3", [60, 30, 26, 13, 9]), ("c1c2s1c3s2", [60, 56, 28, 24, 12]), ("c1c2c3s1s2", [60, 56, 52, 26, 13])],
)
def test_valid_padding_takes_the_sides_of_table_2(order, sides):
    network = build(dcnn_padding="valid", dcnn_order=order, attn_windows=1).eval()
    shapes = run_with_shapes(network, torch.rand(1, 1, 64, 64))
    assert [shapes[f"dcnn.stages.{name}"][-1] for name in network.dcnn.stages._modules] == sides


def test_cost_is_364_million_multiply_adds_of_which_the_paper_claims_one():
    network = build().eval()
    macs: list[int] = []

    def cost(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            macs.append(output.numel() // module.out_channels * module.weight.numel())
        elif isinstance(module, nn.Linear):
            macs.append(module.weight.numel())
        elif isinstance(module, nn.LSTM):
            weights = sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))
            macs.append(inputs[0].shape[1] * weights)
        elif isinstance(module, DualAttention):  # scores and weighted values
            for weights, width in ((output.spatial_weights, 128), (output.channel_weights, 256)):
                macs.append(2 * weights.numel() * width)

    for module in network.modules():
        module.register_forward_hook(cost)
    with torch.no_grad():
        network(torch.rand(1, 1, 64, 64))
    total = sum(macs)
    assert total == 363857972
    with FlopCounterMode(display=False) as counter, torch.no_grad():  # it does not see into the LSTM
        network(torch.rand(1, 1, 64, 64))
    assert counter.get_total_flops() == 2 * (total - 256 * 2 * 4 * 128 * (128 + 128))


def test_cost_section_of_the_paper_describes_a_toy_network():
    """28x28x1, two convolutions of five 3x3 kernels, FC128, FC7: Eqs. 21 and 22 nearly give the printed 1,060,400."""

    def flops(classes: int) -> int:
        convolutions = 2 * 5 * (3 * 3 * 1) * 26 * 26 + 2 * 5 * (3 * 3 * 5) * 24 * 24
        return convolutions + 2 * (24 * 24 * 5) * 128 + 2 * 128 * classes

    toy = nn.Sequential(nn.Conv2d(1, 5, 3), nn.Conv2d(5, 5, 3), nn.Flatten(), nn.Linear(2880, 128), nn.Linear(128, 7))
    assert toy(torch.rand(1, 1, 28, 28)).shape == (1, 7)
    assert (flops(7), flops(10)) == (1059112, 1059880)
    assert count(toy) == 369951


# --- dual attention


def test_attention_rows_sum_to_one_and_layers_are_normalised():
    layer = DualAttention(128, cross=True)
    out = layer(torch.randn(2, 16, 16, 128), torch.randn(2, 16, 16, 128))
    assert out.spatial_weights.shape == (2, 16, 16, 4)
    assert out.channel_weights.shape == (2, 8, 16, 16)
    for weights in (out.spatial_weights, out.channel_weights):
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=1e-6, rtol=0)
    for tokens in (out.spatial, out.channel):
        torch.testing.assert_close(tokens.mean(-1), torch.zeros(2, 16, 16), atol=1e-5, rtol=0)
        torch.testing.assert_close(tokens.var(-1, correction=0), torch.ones(2, 16, 16), atol=1e-3, rtol=0)


@given(st.integers(1, 3), st.sampled_from([(4, 1), (4, 2), (9, 3), (12, 4), (13, 1), (16, 4)]), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_windows_join_to_what_was_split(batch, sizes, channels):
    side, windows = sizes
    x = torch.randn(batch, side, side, channels)
    tokens = split_windows(x, windows)
    assert tokens.shape == (batch, windows**2, (side // windows) ** 2, channels)
    assert torch.equal(join_windows(tokens, windows, side, side), x)
    part = side // windows
    assert torch.equal(tokens[:, 0].reshape(batch, part, part, channels), x[:, :part, :part])


def test_attention_stays_inside_its_window_and_its_group():
    layer = DualAttention(16, windows=2, groups=4, distil=False).eval()
    x = torch.randn(1, 8, 8, 16)
    changed = x.clone()
    changed[:, 4:, 4:] += 1.0
    with torch.no_grad():
        moved = (layer(x, x).spatial - layer(changed, changed).spatial).abs().amax(-1)[0]
    assert moved[4:, 4:].min() > 0
    assert torch.equal(moved[:4], torch.zeros(4, 8))


def test_one_window_without_reduction_is_the_literal_algorithm_1():
    layer = DualAttention(128, windows=1, distil=False)
    x = torch.randn(1, 16, 16, 128)
    assert layer(x, x).spatial_weights.shape == (1, 1, 256, 256)


def test_pooled_windows_agree_with_each_window_pooled_alone():
    layer = DualAttention(8, windows=3, groups=2)
    for side in (9, 12):  # odd windows of 3 positions, even ones of 4
        x = torch.randn(2, side, side, 8)
        part, pooled = side // 3, layer._pool_windows(x)
        assert pooled.shape == (2, 9, math.ceil(part / 2) ** 2, 8)
        last = F.max_pool2d(x[:, -part:, -part:].permute(0, 3, 1, 2), 2, ceil_mode=True).permute(0, 2, 3, 1)
        assert torch.equal(pooled[:, -1], last.flatten(1, 2))


def test_crossing_the_keys_changes_the_second_layer_only():
    plain, crossed = build(attn_cross=False).eval(), build(attn_cross=True).eval()
    crossed.load_state_dict(plain.state_dict())
    x = torch.rand(1, 1, 64, 64)
    a, b = plain.explain(x), crossed.explain(x)
    assert torch.equal(a["spatial_weights_1"], b["spatial_weights_1"])
    assert not torch.allclose(a["spatial_weights_2"], b["spatial_weights_2"])
    assert not torch.allclose(a["channel_weights_2"], b["channel_weights_2"])


# --- the activation


@pytest.mark.parametrize("way", ["module", "plain"])
def test_pcp_values_and_slopes(way):
    pcp = PCP()
    f = pcp if way == "module" else pcp.curve
    x = torch.tensor([0.0, 0.5, -0.5, 1.0, 2.5, -2.5, 3.0, -9.0], dtype=torch.float64, requires_grad=True)
    y = f(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    wanted = torch.tensor([0, 7 / 15, -7 / 15, 0.775, 1, -1, 1, -1], dtype=torch.float64)
    torch.testing.assert_close(y.detach(), wanted, atol=1e-12, rtol=0)
    torch.testing.assert_close(slope, torch.tensor([1, 0.8, 0.8, 0.45, 0, 0, 0, 0], dtype=torch.float64))
    assert y[0] == 0
    assert slope[0] == 1, "sign(x) g(|x|) has slope 0 there"
    assert torch.equal(slope[6:], torch.zeros(2, dtype=torch.float64))


def test_pcp_is_twice_continuously_differentiable():
    f = PCP().curve

    def second(at: float) -> float:
        x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(f(x), x, create_graph=True)
        return torch.autograd.grad(slope, x)[0].item()

    for side in (-1e-9, 1e-9):
        assert second(0.5 + side) == pytest.approx(-0.8, abs=1e-6)
        assert second(2.5 + side) == pytest.approx(0.0, abs=1e-6)
        assert second(0.0 + side) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(("knots", "error"), [((0.5, 2.5, 1.0), 0.0305), ((0.3, 2.7, 1.0), 0.0185), ((1, 2, 1), 0.081)])
def test_pcp_is_odd_monotone_and_near_tanh(knots, error):
    pcp = PCP(knots)
    x = torch.linspace(-6, 6, 100001, dtype=torch.float64)
    y = pcp(x)
    torch.testing.assert_close(y, -y.flip(0), atol=1e-12, rtol=0)
    assert y.diff().min() >= -1e-12
    assert (y - x.tanh()).abs().max().item() == pytest.approx(error, abs=5e-4 if error > 0.08 else 5e-5)


def test_pcp01_replaces_the_sigmoid():
    gate = PCP01()
    x = torch.linspace(-12, 12, 100001, dtype=torch.float64)
    assert gate(torch.zeros(1)).item() == 0.5
    assert (gate(x) - x.sigmoid()).abs().max().item() == pytest.approx(0.0153, abs=5e-5)
    assert gate(x).min() >= -1e-12
    assert gate(x).max() <= 1 + 1e-12


@given(st.tuples(st.floats(0.1, 2), st.floats(0.2, 3), st.floats(0.2, 4)), st.sampled_from([0.0, 0.01, 0.3]))
@settings(max_examples=30, deadline=None)
def test_pcp_in_training_equals_the_plain_formula_and_the_two_cubics(numbers, leak):
    inner, gap, level = numbers
    outer = inner + gap
    pcp = PCP((inner, outer, level), leak)
    x = torch.linspace(-2 * outer, 2 * outer, 401, dtype=torch.float64, requires_grad=True)
    grad = torch.randn(401, dtype=torch.float64)
    (fused,) = torch.autograd.grad(pcp(x), x, grad)
    (plain,) = torch.autograd.grad(pcp.curve(x), x, grad)
    torch.testing.assert_close(fused, plain)
    magnitude = x.detach().abs()
    bend = level / (gap * outer * (inner + outer))
    near = pcp.slope * magnitude - pcp.cubic * magnitude**3
    far = level - bend * (outer - magnitude).clamp(min=0) ** 3
    cubics = torch.where(magnitude <= inner, near, far) * x.detach().sign() + leak * x.detach()
    torch.testing.assert_close(pcp(x).detach(), cubics)


@pytest.mark.parametrize("leak", [0.0, 0.1])
def test_pcp_in_training_has_the_second_derivative_of_the_plain_formula(leak):
    pcp = PCP(leak=leak)
    weight = torch.randn(4, 4, dtype=torch.float64, requires_grad=True)
    x = torch.randn(50, 4, dtype=torch.float64, requires_grad=True) * 2

    def penalty(f) -> torch.Tensor:
        (slope,) = torch.autograd.grad(f(x @ weight).sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), weight)[0]

    torch.testing.assert_close(penalty(pcp), penalty(pcp.curve))


# --- HOG


def test_hog_numbers_of_64_pixels():
    cells = cell_histograms(torch.rand(3, 1, 64, 64))
    assert cells.shape == (3, 9, 8, 8)
    vector = descriptor(cells)
    assert vector.shape == (3, 1764)
    norms = vector.reshape(3, 7, 7, 36).norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones(3, 7, 7), atol=1e-3, rtol=0)


def test_hog_equals_scikit_image():
    for picture in (face(), np.random.default_rng(0).integers(0, 256, (64, 64)) / 255):
        settings_ = {"cells_per_block": (2, 2), "visualize": True}
        pictures = [skimage_hog(picture, block_norm=norm, **settings_)[1] for norm in ("L1", "L2", "L2-Hys")]
        assert all(np.array_equal(pictures[0], picture) for picture in pictures), "skimage draws before it normalises"
        cells = cell_histograms(torch.tensor(picture, dtype=torch.float32)[None, None])
        lines = HOGInput().draw_lines(cells)[0, 0].numpy()
        assert np.abs(lines - pictures[0]).max() <= 1e-6 * pictures[0].max()


def test_descriptor_equals_scikit_image_apart_from_its_smaller_epsilon():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64)) / 255  # textured: epsilon hardly counts
    theirs = skimage_hog(picture, block_norm="L2", cells_per_block=(2, 2))
    ours = descriptor(cell_histograms(torch.tensor(picture)[None, None]))[0]
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


def test_raw_drawing_is_scikit_images_divided_by_its_maximum():
    picture = torch.tensor(face(), dtype=torch.float32)[None, None]
    theirs = skimage_hog(face(), cells_per_block=(2, 2), visualize=True)[1]
    raw, normalised = HOGInput(draw_from="raw")(picture)[0], HOGInput()(picture)[0]
    np.testing.assert_allclose(raw[0, 0].numpy(), theirs / theirs.max(), atol=1e-6)
    assert raw.max() == 1
    assert normalised.max() == 1
    assert not torch.allclose(raw, normalised, atol=0.05)


def test_eq_4_as_printed_leaves_four_bins_empty_and_cannot_see_a_mirror():
    picture = torch.tensor(face())[None, None]
    cells = cell_histograms(picture, "paper_abs")
    assert torch.count_nonzero(cells[:, 5:]) == 0
    assert torch.count_nonzero(cells[:, :5].sum((0, 2, 3))) == 5
    block = descriptor(cells).reshape(49, 36)
    assert (block == 0).all(0).sum() == 16
    mirrored = cell_histograms(picture.flip(-1), "paper_abs").flip(-1)
    torch.testing.assert_close(mirrored, cells, atol=1e-12, rtol=0)
    assert not torch.allclose(cell_histograms(picture.flip(-1)).flip(-1), cell_histograms(picture))


def test_normalised_cells_are_the_mean_of_their_copies_in_the_blocks():
    cells = cell_histograms(torch.tensor(face())[None, None])
    blocks = descriptor(cells).reshape(7, 7, 2, 2, 9)
    total, copies = torch.zeros(8, 8, 9, dtype=torch.float64), torch.zeros(8, 8, 1)
    for row in range(7):
        for column in range(7):
            total[row : row + 2, column : column + 2] += blocks[row, column]
            copies[row : row + 2, column : column + 2] += 1
    torch.testing.assert_close(normalise_cells(cells)[0].permute(1, 2, 0), total / copies)


def test_nine_lines_carry_seven_numbers():
    masks = line_masks()
    assert torch.linalg.matrix_rank(masks.flatten(1).double()) == 7
    assert torch.equal(masks[2], masks[3])
    assert torch.equal(masks[5], masks[6])


def test_luma_and_blank_images():
    torch.testing.assert_close(luma(torch.eye(3).view(3, 3, 1, 1)).flatten(), torch.tensor([0.299, 0.587, 0.114]))
    for mode in ("image", "grad_stack", "cells_up", "descriptor"):
        seen, vector = HOGInput(mode=mode)(torch.full((1, 1, 64, 64), 0.3))
        assert seen.isfinite().all()
        assert vector is None or not vector.any()


# --- every switch

SWITCHES = [
    *({"hog_mode": mode} for mode in ("image", "grad_stack", "cells_up", "descriptor", "none")),
    {"hog_mode": "none", "in_channels": 3},
    {"hog_angle": "paper_abs"},
    {"hog_draw_from": "raw"},
    {"dcnn_padding": "valid", "attn_windows": 1},
    {"dcnn_order": "c1c2s1c3s2"},
    {"dcnn_order": "c1c2c3s1s2"},
    {"dcnn_separable": True},
    {"batch_norm": False},
    {"bilstm_sequence": "rows"},
    {"bilstm_sequence": "none"},
    {"bilstm_merge": "mean"},
    {"bilstm_merge": "concat"},
    *({"attn_layers": layers} for layers in (0, 1, 3)),
    *({"attn_windows": windows} for windows in (1, 2, 3)),
    {"attn_channel_groups": 2},
    {"attn_reduction": 8},
    {"attn_share_kv": False},
    {"attn_cross": False},
    {"attn_distill": False},
    {"landmark_weighting": 0.15},
    {"act": "relu"},
    {"pcp_knots": (0.3, 2.7, 1.0)},
    {"pcp_leak": 0.01},
    {"head": "gap_vector"},
    {"gap_weights": False},
    {"dropout": 0.0},
    {"fc_step": 0.5},
]


@pytest.mark.parametrize("options", SWITCHES, ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()))
def test_switch_builds_trains_and_changes_the_network(options):
    network = build(**{**SMALL, **options}).train()
    x = torch.rand(2, options.get("in_channels", 1), 48, 48)
    F.cross_entropy(network(x), torch.tensor([0, 3])).backward()
    dead = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not dead
    assert all(p.grad.isfinite().all() for p in network.parameters())
    with torch.no_grad():
        together = network.eval()(x)
        alone = torch.cat([network(image[None]) for image in x])
    assert together.shape == (2, 7)
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    if options in ({"hog_mode": "image"}, {"dropout": 0.0}):
        return
    torch.manual_seed(0)
    default = build(**SMALL).eval()
    if network.state_dict().keys() != default.state_dict().keys() or count(network) != count(default):
        return  # another network by its parameters
    default.load_state_dict(network.state_dict())
    with torch.no_grad():
        assert not torch.allclose(default(x), together, atol=1e-6), "the option does nothing"


@pytest.mark.parametrize(
    ("options", "name", "remedy"),
    [
        ({"image_size": 1}, "image_size=1", "image_size=48"),
        ({"image_size": 32}, "attn_windows=4", "attn_windows=1 or 2 or image_size=48"),
        ({"image_size": 50}, "image_size=50", "multiple of 8"),
        ({"image_size": 10, "hog_mode": "none", "dcnn_padding": "valid"}, "image_size=10", "image_size=76"),
        ({"dcnn_padding": "valid"}, "9x9", "attn_windows=1 or 3"),
        ({"dcnn_padding": "valid", "dcnn_order": "c1c2c3s1s2"}, "13x13", "attn_windows=1"),
        ({"in_channels": 2}, "in_channels=2", "1 (grey) or 3"),
        ({"num_classes": 0}, "num_classes=0", "1 or more"),
        ({"attn_layers": -1}, "attn_layers=-1", "0 or more"),
        ({"attn_windows": 0}, "attn_windows=0", "1 or more"),
        ({"attn_channel_groups": 3}, "attn_channel_groups=3", "divisor"),
        ({"attn_reduction": 0}, "attn_reduction=0", "divisor"),
        ({"head": "mean"}, "head='mean'", "map, gap_vector"),
        ({"pcp_knots": (1.0, 1.0, 1.0)}, "pcp_knots", "inner < outer"),
        ({"pcp_leak": -0.1}, "pcp_leak=-0.1", "0 or more"),
        ({"dropout": 1.0}, "dropout=1.0", "below 1"),
        ({"fc_step": 0.0}, "fc_step=0.0", "above 0"),
        ({"kd_alpha": 1.5}, "kd_alpha=1.5", "0 to 1"),
        ({"kd_temperature": 0.0}, "kd_temperature=0.0", "above 0"),
        ({"hog_mode": "none", "hog_angle": "paper_abs"}, "hog_angle=paper_abs", "with hog_mode=none: leave"),
        (
            {"hog_mode": "cells_up", "hog_draw_from": "raw"},
            "hog_draw_from=raw",
            "with hog_mode=cells_up: leave",
        ),
        ({"attn_layers": 0, "attn_windows": 2}, "attn_windows=2", "attn_layers=0"),
        ({"attn_layers": 1, "attn_cross": False}, "attn_cross=False", "attn_layers=1"),
        ({"attn_distill": False, "attn_reduction": 2}, "attn_reduction=2", "attn_distill=False"),
        ({"act": "relu", "pcp_leak": 0.1}, "pcp_leak=0.1", "act=relu"),
        ({"bilstm_sequence": "none", "bilstm_merge": "mean"}, "bilstm_merge=mean", "bilstm_sequence=none"),
        ({"head": "gap_vector", "gap_weights": False}, "gap_weights=False", "head=gap_vector"),
    ],
)
def test_illegal_option_is_refused_in_one_line(options, name, remedy):
    with pytest.raises(ValueError, match=r"[a-z_]+=") as caught:
        build(**options)
    text = str(caught.value)
    assert name in text
    assert remedy in text
    assert "\n" not in text


def test_the_size_that_a_refusal_names_is_legal_and_the_smallest():
    for windows, distil in ((1, True), (2, True), (4, True), (4, False)):
        for padding in ("same", "valid"):
            options = {"attn_windows": windows, "attn_distill": distil, "dcnn_padding": padding, "hog_mode": "none"}
            with pytest.raises(ValueError, match="image_size=1 ") as caught:
                build(image_size=1, **options)
            size = int(str(caught.value).split("use image_size=")[1].split()[0])
            build(image_size=size, **options)
            assert size == min(s for s in range(1, size + 1) if _is_exact(s, padding, windows, distil))


def _is_exact(size: int, padding: str, windows: int, distil: bool) -> bool:
    cut = 4 if padding == "valid" else 0
    first = size - cut
    second = first // 2 - cut
    side = second // 2 - cut
    return first % 2 == 0 and second % 2 == 0 and side > 0 and windows in legal_windows(side, distil)


# --- landmarks


def test_landmarks_weigh_keys_and_values_by_their_distance_and_a_mirror_changes_nothing():
    weights = landmark_map(16, 0.15)
    assert weights.shape == (16, 16, 1)
    torch.testing.assert_close(weights, weights.flip(1))
    centre = (torch.tensor([0.5, 0.6]) * 16).int().tolist()  # the nose
    corner = math.hypot(0.5 / 16 - 0.315, 0.5 / 16 - 0.39)  # of the corner to the nearest point, an eye
    assert weights[centre[1], centre[0]] > 0.95
    assert weights[0, 0].item() == pytest.approx(math.exp(-(corner**2) / (2 * 0.15**2)), rel=1e-4)
    assert POINTS[1][0] - POINTS[0][0] == pytest.approx(EYE_DISTANCE)  # where the crop's alignment puts the eyes
    assert {y for _, y in POINTS[:2]} == {EYE_HEIGHT}


def test_a_very_wide_landmark_map_is_the_network_without_one_and_loads_its_weights():
    plain, x = build(**SMALL).eval(), torch.rand(2, 1, 48, 48)
    for deviation, same in ((1e4, True), (0.15, False)):
        weighted = build(**SMALL, landmark_weighting=deviation).eval()
        weighted.load_state_dict(plain.state_dict())  # no parameters and no stored buffers of its own
        with torch.no_grad():
            assert torch.allclose(weighted(x), plain(x), atol=1e-5) == same
    seen = weighted.explain(x)["landmark_weights"]
    assert seen.shape == (2, 1, 12, 12)
    assert torch.equal(seen[0, 0, ..., None], landmark_map(12, 0.15))


def test_a_landmark_weighting_that_could_do_nothing_is_refused():
    for options, name in (({"landmark_weighting": 0.0}, "above 0"), ({"attn_layers": 0}, "landmark_weighting")):
        with pytest.raises(ValueError, match=name):
            build(**{**SMALL, "landmark_weighting": 0.15, **options})


# --- learning from a teacher


def test_distillation_term_equals_the_hand_computation():
    teacher = build(**SMALL, head="gap_vector").train()
    student = build(**SMALL, head="gap_vector", dcnn_separable=True, teacher=teacher, kd_alpha=0.6, kd_temperature=3.0)
    x = torch.rand(3, 1, 48, 48)
    logits = student.train()(x)
    term = student.auxiliary_loss()
    with torch.no_grad():
        s, t = logits.double() / 3, teacher.eval()(x).double() / 3
    p, q = torch.exp(t) / torch.exp(t).sum(1, keepdim=True), torch.exp(s) / torch.exp(s).sum(1, keepdim=True)
    by_hand = 0.6 * 9 * (p * (p / q).log()).sum(1).mean()
    assert by_hand > 0
    torch.testing.assert_close(term.double(), by_hand, atol=1e-6, rtol=1e-4)
    assert student.criterion_weight == pytest.approx(0.4)
    term.backward()
    assert student.classifier.weight.grad.any()
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_teacher_like_the_student_adds_nothing():
    teacher = build(**SMALL, dropout=0.0)
    student = build(**SMALL, dropout=0.0, batch_norm=True, teacher=teacher)
    student.load_state_dict(teacher.state_dict())
    student.train()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    student(torch.rand(2, 1, 48, 48))
    assert student.auxiliary_loss().item() == pytest.approx(0.0, abs=1e-5)


def test_teacher_is_no_part_of_the_student():
    teacher = build(**SMALL, head="gap_vector")
    student = build(**SMALL, head="gap_vector", teacher=teacher)
    alone = build(**SMALL, head="gap_vector")
    assert student.state_dict().keys() == alone.state_dict().keys()
    assert count(student) == count(alone)
    assert not any(module is teacher for module in student.modules())
    student.train()
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    alone.load_state_dict(student.state_dict())
    with pytest.raises(RuntimeError, match="before the first forward pass"):
        student.auxiliary_loss()
    student(torch.rand(2, 1, 48, 48))
    torch.testing.assert_close(copy.deepcopy(student).state_dict(), student.state_dict())
    pickle.dumps(student)


def test_without_a_teacher_there_is_no_term():
    network = build(**SMALL)
    assert network.criterion_weight == 1.0
    assert network.auxiliary_loss().shape == ()
    assert network.auxiliary_loss().item() == 0.0


def test_teacher_of_other_classes_is_refused():
    student = build(**SMALL, teacher=build(**{**SMALL, "num_classes": 8})).train()
    with pytest.raises(ValueError, match="teacher: it tells 8 classes apart, this network 7"):
        student(torch.rand(2, 1, 48, 48))


# --- pictures, export, training


def test_explain_shows_what_the_network_sees_and_weighs():
    network = build().train()
    x = torch.rand(2, 1, 64, 64)
    pictures = network.explain(x)
    assert {name: tuple(tensor.shape) for name, tensor in pictures.items()} == {
        "grey": (2, 1, 64, 64),
        "gradient": (2, 1, 64, 64),
        "hog": (2, 1, 64, 64),
        "spatial_weights_1": (2, 16, 16, 4),
        "channel_weights_1": (2, 8, 16, 16),
        "spatial_weights_2": (2, 16, 16, 4),
        "channel_weights_2": (2, 8, 16, 16),
        "gap_weights": (2, 128),
    }
    assert network.training
    assert torch.equal(pictures["hog"], network.hog(x)[0])
    assert pictures["gap_weights"].min() >= 0
    assert pictures["gap_weights"].max() <= 1
    few = build(**SMALL, hog_mode="none", head="gap_vector", attn_layers=0).explain(torch.rand(1, 1, 48, 48))
    assert set(few) == {"grey"}


@pytest.mark.filterwarnings("ignore:The tensor attributes self.bilstm.lstm")  # torch's own, about any LSTM
@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # sizes of the image are meant to be constants
def test_exported_and_traced_networks_give_the_same_logits_at_any_batch_size():
    network = build(**SMALL, pool=nn.MaxPool2d).eval()  # the core's poolings check sizes, of which a trace warns
    x = torch.rand(3, 1, 48, 48)
    exported = torch.export.export(network, (x[:2],), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    traced = torch.jit.trace(network, x[:1])
    with torch.no_grad():
        expected = network(x)
        torch.testing.assert_close(exported(x), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(traced(x), expected, atol=1e-5, rtol=1e-5)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)  # no Python left in it


def saturated(options) -> float:
    """Share of FC300's outputs beyond the outer knot after nine steps of Adam with the paper's rate."""
    torch.manual_seed(0)
    network = build(hog_mode="none", bilstm_sequence="rows", **options).train()
    x, labels = torch.rand(8, 1, 64, 64), torch.arange(8) % 7
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    sums: list[torch.Tensor] = []
    network.hidden[1].register_forward_hook(lambda module, inputs, output: sums.append(output.detach()))
    for _ in range(9):
        optimizer.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimizer.step()
    return (sums[-1].abs() >= 2.5).float().mean().item()


def test_fc300_stays_alive_under_the_papers_learning_rate():
    assert saturated({"fc_step": 1.0}) > 0.5, "the layer as written: why fc_step is there"
    assert saturated({}) < 0.05


def test_slow_fc300_starts_as_the_plain_layer():
    networks = []
    for fc_step in (1.0, None):
        torch.manual_seed(0)
        networks.append(build(fc_step=fc_step).eval())
    assert networks[1].hidden[1].step == 1 / 16
    x = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(networks[0](x), networks[1](x), atol=1e-5, rtol=1e-5)
    assert build(head="gap_vector").hidden[1].step == 1


@pytest.mark.parametrize("head", ["map", "gap_vector"])
def test_seven_random_images_are_learnt_by_heart(head):
    network = build(head=head, dropout=0.0).train()
    x, labels = torch.rand(7, 1, 64, 64), torch.arange(7)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    while len(losses) <= 30 and (not losses or losses[-1] >= 0.05):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05


# --- the package


@pytest.mark.parametrize("options", [{}, {"hog_mode": "none", "head": "gap_vector", "bilstm_sequence": "rows"}])
def test_keeps_the_contract_under_every_installed_pooling(options):
    check_architecture(DCNNBiLSTMDAM, options=options)


def test_recipes_build_and_name_what_is_assumed():
    described = yaml.safe_load((PACKAGE / "paper.yaml").read_text(encoding="utf-8"))["architectures"]["dcnn_bilstm_dam"]
    base = described["recipe"]
    expected = {"gap_vector": 1024679, "student": 780673}
    for name, variant in {"default": {}, **described["variants"]}.items():
        options = {**base["model"], **(variant or {}).get("model", {})}
        assert options.pop("name") == "dcnn_bilstm_dam"
        if options.pop("teacher", None) is not None:
            assert name == "student"
        network = build(image_size=base["data"]["image_size"], in_channels=base["data"]["channels"], **options)
        assert count(network) == expected.get(name, count(network))
    signature = DCNNBiLSTMDAM.__init__.__kwdefaults__
    for key in described["assumed"]:
        section, _, option = key.partition(".")
        assert section != "model" or option in signature, key


def test_claims_carry_table_4():
    claims = yaml.safe_load((PACKAGE / "claims.yaml").read_text(encoding="utf-8"))["claims"]
    accuracy = {
        c["dataset"]: c["value"] for c in claims if c["metric"] == "accuracy" and c["model"] == "DCNN-BiLSTM-DAM"
    }
    assert accuracy == {"FER2013": 0.8289, "CK+": 0.9678, "RAF-DB": 0.9578, "JAFFE": 0.9587}


def test_the_gain_and_bias_of_a_pooling_are_left_out_and_said_to_be():
    network = DCNNBiLSTMDAM(num_classes=7, in_channels=1, image_size=64)
    pools = [module for name, module in network.named_modules() if name.rpartition(".")[2].lower() in ("s1", "s2")]
    assert len(pools) == 2
    assert not [*pools[0].parameters(), *pools[1].parameters()]
    folder = Path(fer_dcnn_bilstm_dam.__file__).parent
    card = yaml.safe_load((folder / "paper.yaml").read_text(encoding="utf-8"))
    said = card["architectures"]["dcnn_bilstm_dam"]["assumed"]["model.pool"]
    assert "Eq. 10 multiplies the pooled maps by a gain and adds a bias" in said
    assert "left out" in said
    assert "Eq. 10 has a trainable gain and bias behind each pooling" in (
        (folder.parent / "README.md").read_text(encoding="utf-8")
    )
