"""Hard facts of DCN and AA-DCN, every reading and pooling preset, the recipes, and the contract of fer-plugins."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import fer_aa_dcn
import numpy as np
import pytest
import torch
import yaml
from fer_aa_dcn import DCN, aa_dcn
from fer_aa_dcn.max_blur import aa_dcn_max_blur
from fer_aa_dcn.protocol import paper_aa_dcn
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from fer_plugins import config
from fer_plugins.data.table import SampleTable
from fer_plugins.pooling import average_pool, max_pool
from fer_plugins.testing import check_architecture, check_protocol
from fer_plugins.training.module import build_network

PACKAGE = Path(fer_aa_dcn.__file__).parent
BOTH = [DCN, aa_dcn]
INPUTS = {"CK+": (1, 48), "JAFFE": (1, 128), "RAF-DB": (3, 100)}  # channels, side
TOTALS = {DCN: (377_851, 4_256_251, 2_415_163), aa_dcn: (474_811, 4_999_611, 2_964_603)}
MORE_IN_AA = (96_960, 743_360, 549_440)
FLATTENED = {DCN: (16, 1_936, 1_024), aa_dcn: (64, 2_304, 1_296)}
# Filters, and the side behind each layer: CK+ of DCN and AA-DCN, JAFFE of both, RAF-DB of both.
SHAPES = {
    "conv1": (64, 46, 46, 126, 126, 98, 98),
    "conv2": (64, 44, 44, 124, 124, 96, 96),
    "conv3": (32, 42, 42, 122, 122, 94, 94),
    "bn3": (32, 42, 42, 122, 122, 94, 94),
    "pool1": (32, 21, 21, 61, 61, 47, 47),
    "dropout1": (32, 21, 21, 61, 61, 47, 47),
    "conv4": (32, 19, 19, 59, 59, 45, 45),
    "conv5": (32, 17, 17, 57, 57, 43, 43),
    "conv6": (16, 15, 15, 55, 55, 41, 41),
    "bn6": (16, 15, 15, 55, 55, 41, 41),
    "pool2": (16, 7, 8, 27, 28, 20, 21),
    "dropout2": (16, 7, 8, 27, 28, 20, 21),
    "conv7": (16, 5, 6, 25, 26, 18, 19),
    "conv8": (16, 3, 4, 23, 24, 16, 17),
    "bn8": (16, 3, 4, 23, 24, 16, 17),
    "pool3": (16, 1, 2, 11, 12, 8, 9),
    "dropout3": (16, 1, 2, 11, 12, 8, 9),
}
PARAMETERS = {  # with one input channel; conv1 has 1,792 with three
    "conv1": 640,
    "conv2": 36_928,
    "conv3": 18_464,
    "bn3": 64,
    "conv4": 9_248,
    "conv5": 9_248,
    "conv6": 4_624,
    "bn6": 32,
    "conv7": 2_320,
    "conv8": 2_320,
    "bn8": 32,
}
DENSE_1 = {DCN: (34_340, 3_912_740, 2_070_500), aa_dcn: (131_300, 4_656_100, 2_619_940)}


def build(factory=DCN, dataset="CK+", **options) -> DCN:
    channels, side = INPUTS[dataset]
    return factory(**{"num_classes": 7, "in_channels": channels, "image_size": side, **options})


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def totals(factory, **options) -> tuple[int, ...]:
    return tuple(count(build(factory, dataset, **options)) for dataset in INPUTS)


def flattened(factory, **options) -> tuple[int, ...]:
    return tuple(build(factory, dataset, **options).dense1.in_features for dataset in INPUTS)


def names(network: DCN) -> list[str]:
    return [name for name, _ in network.features.named_children()]


def pooled_sides(network: DCN, side: int) -> list[int]:
    with torch.no_grad():
        return [maps.shape[-1] for maps in network.eval().explain(torch.zeros(1, 1, side, side)).values()]


# --- totals and shapes


@pytest.mark.parametrize("factory", BOTH)
def test_totals_and_flattened_sizes(factory):
    assert totals(factory) == TOTALS[factory]
    assert flattened(factory) == FLATTENED[factory]
    assert count(build(factory, num_classes=8)) == TOTALS[factory][0] + 129
    assert count(build(factory, in_channels=3)) == TOTALS[factory][0] + 1_152
    for place, dataset in enumerate(INPUTS):
        rgb = 1_152 * (dataset == "RAF-DB")
        assert TOTALS[factory][place] == 83_920 + rgb + 2_020 * (FLATTENED[factory][place] + 1) + 258_688 + 903


@pytest.mark.parametrize("dataset", INPUTS)
@pytest.mark.parametrize("factory", BOTH)
def test_layer_by_layer(factory, dataset):
    network, (channels, side) = build(factory, dataset).eval(), INPUTS[dataset]
    column = 1 + 2 * list(INPUTS).index(dataset) + BOTH.index(factory)
    x = torch.rand(1, channels, side, side)
    shapes, parameters = {}, {}
    with torch.no_grad():
        for name, layer in network.features.named_children():
            x = layer(x)
            if not name.startswith("relu"):
                shapes[name] = tuple(x.shape[1:])
                parameters[name] = count(layer)
    assert list(shapes) == list(SHAPES)
    assert shapes == {name: (row[0], row[column], row[column]) for name, row in SHAPES.items()}
    first = {"conv1": 640 if channels == 1 else 1_792}
    assert parameters == {**dict.fromkeys(SHAPES, 0), **PARAMETERS, **first}
    dense = (network.dense1, network.dense2, network.output)
    assert [count(layer) for layer in dense] == [DENSE_1[factory][list(INPUTS).index(dataset)], 258_688, 903]


@pytest.mark.parametrize(
    ("factory", "expected"), [(DCN, (112.5e6, 933.1e6, 566.3e6)), (aa_dcn, (112.6e6, 934.1e6, 567.0e6))]
)
def test_multiply_adds_of_convolutions_and_dense_layers(factory, expected):
    for dataset, macs in zip(INPUTS, expected, strict=True):
        network, (channels, side) = build(factory, dataset).eval(), INPUTS[dataset]
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.rand(1, channels, side, side))
        blurs = 0
        for row, filters in ((SHAPES[f"pool{n}"], SHAPES[f"pool{n}"][0]) for n in (1, 2, 3)):
            out = row[1 + 2 * list(INPUTS).index(dataset) + BOTH.index(factory)]
            blurs += filters * out * out * 2 * 2 * (factory is aa_dcn)
        assert counter.get_total_flops() / 2 - blurs == pytest.approx(macs, abs=0.05e6)


def test_nothing_but_weights_and_batch_norm_is_stored():
    """128 moving values of BN (and three counters of torch's); blur kernels are neither learnt nor stored."""
    for factory in BOTH:
        network = build(factory)
        stored = network.state_dict()
        learnt = {name for name, _ in network.named_parameters()}
        moving = [value.numel() for name, value in stored.items() if "running" in name]
        assert sum(moving) == 128
        assert set(stored) == learnt | {name for name in stored if "running" in name or "num_batches" in name}
    kernels = [buffer for name, buffer in build(aa_dcn).named_buffers() if name.endswith("kernel")]
    assert [tuple(kernel.shape[-2:]) for kernel in kernels] == [(2, 2)] * 3


# --- AA-DCN differs by its pooling alone


def test_the_two_signatures_differ_by_the_pooling_alone():
    of_dcn, of_aa_dcn = (inspect.signature(factory).parameters for factory in BOTH)
    assert list(of_dcn) == list(of_aa_dcn)
    differing = {name for name in of_dcn if of_dcn[name] != of_aa_dcn[name]}
    assert differing == {"pool"}
    assert (of_dcn["pool"].default, of_aa_dcn["pool"].default) == (max_pool, aa_dcn_max_blur)


@pytest.mark.parametrize("pool", [max_pool, aa_dcn_max_blur])
def test_the_two_are_one_network_under_one_pooling(pool):
    options = {"pool": pool, "stage1_filters": (8, 8, 4), "padding": "same", "dropout_place": "dense"}
    networks = []
    for factory in BOTH:
        torch.manual_seed(0)
        networks.append(build(factory, batch_norm="every_conv", dense_units=(20, 10), **options).eval())
    x = torch.rand(2, 1, 48, 48)
    assert str(networks[0]) == str(networks[1])
    torch.testing.assert_close(networks[0](x), networks[1](x), rtol=0, atol=0)


def test_aa_dcn_pools_by_the_preset_paper_text():
    network = build(aa_dcn).eval()
    x = torch.rand(2, 32, 42, 42)
    spread = F.max_pool2d(F.pad(x, (1, 2, 1, 2), value=-torch.inf), 4, 1)
    torch.testing.assert_close(network.features.pool1(x), F.avg_pool2d(spread, 2, 2))


# --- readings of the text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stage1_filters": (64, 64, 32)}, TOTALS[DCN]),
        ({"stage1_filters": (32, 32, 32)}, (340_635, 4_219_035, 2_377_371)),
        ({"stage1_filters": (32, 32, 16)}, (331_371, 4_209_771, 2_368_107)),
        ({"stage1_filters": (64, 64, 64)}, (405_595, 4_283_995, 2_442_907)),
        ({"stage1_filters": (128, 64, 32)}, (415_355, 4_293_755, 2_453_819)),
        ({"batch_norm": "every_conv"}, tuple(total + 416 for total in TOTALS[DCN])),
        ({"batch_norm": "first"}, tuple(total - 64 for total in TOTALS[DCN])),
        ({"batch_norm": "none"}, tuple(total - 128 for total in TOTALS[DCN])),
        ({"batch_norm_place": "before"}, TOTALS[DCN]),
        ({"dropout": 0.7}, TOTALS[DCN]),
        ({"dropout_place": "convolution"}, TOTALS[DCN]),
        ({"dropout_place": "dense"}, TOTALS[DCN]),
    ],
    ids=str,
)
def test_readings_have_their_totals(options, expected):
    assert totals(DCN, **options) == expected
    difference = tuple(aa - dcn for aa, dcn in zip(totals(aa_dcn, **options), expected, strict=True))
    assert difference == MORE_IN_AA


def test_same_padding():
    assert totals(DCN, padding="same") == (1_509_051, 8_619_451, 5_000_763)
    assert flattened(DCN, padding="same") == (576, 4_096, 2_304)
    assert flattened(aa_dcn, padding="same") == (576, 4_096, 2_704)


def test_an_extra_first_convolution():
    for factory in BOTH:
        network = build(factory, extra_first_conv=True)
        assert names(network)[:4] == ["conv0", "relu0", "conv1", "relu1"]
        assert (count(network.features.conv0), count(network.features.conv1)) == (640, 36_928)
        assert count(network) == TOTALS[factory][0] + 36_928  # at 48 pixels the flattened size stays
    assert flattened(aa_dcn, extra_first_conv=True)[2] == 1_024
    assert count(build(extra_first_conv=True, stage1_filters=(32, 32, 32)).features.conv0) == 320


@pytest.mark.parametrize("widths", [(2048, 128), (1024, 64)])
def test_dense_widths(widths):
    network = build(dense_units=widths)
    assert [layer.out_features for layer in (network.dense1, network.dense2, network.output)] == [*widths, 7]
    first, second = widths
    assert count(network) == 83_920 + first * 17 + (first + 1) * second + (second + 1) * 7


def test_batch_norm_stands_where_it_is_said_to():
    behind = {  # the layers of stage 1 that are no dropout
        ("per_stage", "after"): ["conv1", "relu1", "conv2", "relu2", "conv3", "relu3", "bn3", "pool1"],
        ("per_stage", "before"): ["conv1", "relu1", "conv2", "relu2", "conv3", "bn3", "relu3", "pool1"],
        ("none", "after"): ["conv1", "relu1", "conv2", "relu2", "conv3", "relu3", "pool1"],
    }
    for (batch_norm, place), expected in behind.items():
        layers = names(build(batch_norm=batch_norm, batch_norm_place=place, dropout_place="dense"))
        assert layers[: len(expected)] == expected
    norms = {kind: [name for name in names(build(batch_norm=kind)) if "bn" in name] for kind in ("first", "every_conv")}
    assert norms == {"first": ["bn3"], "every_conv": [f"bn{number}" for number in range(1, 9)]}


def test_dropout_stands_where_it_is_said_to_and_acts_on_single_units():
    def dropouts(**options):
        network = build(**options)
        return {name: layer.p for name, layer in network.named_modules() if type(layer) is nn.Dropout}

    assert dropouts() == {f"features.dropout{stage}": 0.3 for stage in (1, 2, 3)}
    place = names(build())
    assert [place[place.index(f"dropout{n}") - 1] for n in (1, 2, 3)] == ["pool1", "pool2", "pool3"]
    assert dropouts(dropout=0.7, dropout_place="convolution") == {f"features.dropout{n}": 0.7 for n in range(1, 9)}
    assert dropouts(dropout_place="dense") == {"dense_dropout": 0.3}

    torch.manual_seed(0)
    network = build(dropout=0.5, dropout_place="dense").train()
    shares = []

    def note(_, inputs, output):
        alive = inputs[0] != 0
        shares.append((output[alive] == 0).float().mean().item())

    network.dense_dropout.register_forward_hook(note)
    network(torch.rand(64, 1, 48, 48))
    assert shares == pytest.approx([0.5, 0.5], abs=0.05)  # behind dense1 and behind dense2


def test_weights_start_glorot_uniform_and_batch_norm_is_keras():
    torch.manual_seed(0)
    for name, layer in build(aa_dcn).named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            window = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
            bound = (6 / (window * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
            largest = layer.weight.abs().max().item()
            assert 0.95 * bound < largest <= bound, name
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1), name
            assert not layer.bias.any(), name
        elif isinstance(layer, nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (1e-3, 0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage1_filters": (64, 64)}, r"stage1_filters is \[64, 64\]; give 3 whole numbers of at least 1"),
        ({"stage1_filters": (64, 0, 32)}, "give 3 whole numbers of at least 1"),
        ({"dense_units": (2020,)}, "dense_units is .*give 2 whole numbers"),
        ({"padding": "full"}, "padding is 'full'; use one of valid, same"),
        ({"batch_norm": "all"}, "use one of per_stage, every_conv, first, none"),
        ({"batch_norm_place": "behind"}, "use one of before, after"),
        ({"dropout_place": "everywhere"}, "use one of pooling, convolution, dense"),
        ({"dropout": 1.0}, "dropout is 1.0; give a rate from 0 to below 1"),
        ({"dropout": -0.1}, "give a rate from 0 to below 1"),
        (
            {"batch_norm": "none", "batch_norm_place": "before"},
            "batch_norm_place=before has no effect with batch_norm=none",
        ),
        ({"dropout": 0.0, "dropout_place": "dense"}, "dropout_place=dense has no effect with dropout=0"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        build(**options)
    assert "\n" not in str(caught.value)


# --- poolings


@pytest.mark.parametrize(
    ("preset", "sides", "total"),
    [
        ("paper_text", [21, 8, 2], 474_811),
        ("paper_kernel4", [21, 8, 2], 474_811),
        ("paper_both4", [21, 8, 2], 474_811),
        ("paper_step2", [21, 7, 1], 377_851),
        ("zhang", [21, 7, 1], 377_851),
        ("kornia", [21, 7, 1], 377_851),
    ],
)
def test_presets_at_48_pixels_and_above(preset, sides, total):
    pool = partial(aa_dcn_max_blur, preset=preset)
    network = build(aa_dcn, pool=pool)
    assert (pooled_sides(network, 48), count(network)) == (sides, total)
    assert totals(aa_dcn, pool=pool) == TOTALS[aa_dcn if total == 474_811 else DCN]


@pytest.mark.parametrize("preset", ["paper_literal_stride", "paper_stacked"])
def test_presets_that_shrink_fourfold_serve_the_larger_images_only(preset):
    pool = partial(aa_dcn_max_blur, preset=preset)
    with pytest.raises(ValueError, match=r"^image_size 48 is too small: use at least 95 with this pooling") as caught:
        build(aa_dcn, pool=pool)
    assert "\n" not in str(caught.value)
    for side in (100, 128):
        network = build(aa_dcn, pool=pool, image_size=side)
        assert count(network) == 377_851
        assert pooled_sides(network, side)[-1] == 1


@pytest.mark.parametrize(
    ("options", "smallest"),
    [
        ({"preset": "zhang", "blur_size": 4}, 50),
        ({"preset": "zhang", "blur_size": 5}, 50),
        *(({"preset": "zhang", "max_size": 4, "blur_size": k}, None) for k in (2, 3, 4, 5)),
        ({"preset": "kornia", "blur_size": 2}, 49),
        ({"preset": "kornia", "blur_size": 4}, 49),
    ],
)
def test_settings_that_fail_at_48_pixels_name_the_smallest_size(options, smallest):
    pool = partial(aa_dcn_max_blur, **options)
    with pytest.raises(ValueError, match=r"^image_size 48 is too small: use at least \d+ ") as caught:
        build(aa_dcn, pool=pool)
    named = int(str(caught.value).split("at least ")[1].split()[0])
    assert smallest in (None, named)
    with pytest.raises(ValueError, match=f"use at least {named} "):
        build(aa_dcn, pool=pool, image_size=named - 1)
    for side in (named, 100, 128):
        network = build(aa_dcn, pool=pool, image_size=side).eval()
        assert network(torch.rand(1, 1, side, side)).shape == (1, 7)
    if smallest == 50:
        assert [count(build(aa_dcn, name, pool=pool)) for name in ("JAFFE", "RAF-DB")] == [*TOTALS[DCN][1:]]


@pytest.mark.parametrize("factory", BOTH)
def test_average_pooling_of_table_17_has_the_totals_of_dcn(factory):
    network = build(factory, pool=average_pool).eval()
    assert totals(factory, pool=average_pool) == TOTALS[DCN]
    x = torch.rand(2, 32, 42, 42)
    assert torch.equal(network.features.pool1(x), F.avg_pool2d(x, 2, 2))


@pytest.mark.parametrize(
    ("factory", "options", "smallest"),
    [
        (DCN, {}, 42),
        (aa_dcn, {}, 35),
        (DCN, {"extra_first_conv": True}, 44),
        (aa_dcn, {"extra_first_conv": True}, 37),
        (DCN, {"padding": "same"}, 8),
        (DCN, {"pool": nn.MaxPool2d}, 42),  # says that a map is too small by a RuntimeError of torch's
    ],
)
def test_smallest_image(factory, options, smallest):
    network = build(factory, image_size=smallest, **options).eval()
    assert network(torch.rand(1, 1, smallest, smallest)).shape == (1, 7)
    for side in (smallest - 1, 1):
        message = f"^image_size {side} is too small: use at least {smallest} with this pooling and padding$"
        with pytest.raises(ValueError, match=message):
            build(factory, image_size=side, **options)


def test_a_pooling_that_never_serves_speaks_for_itself():
    def broken(kernel_size: int, stride: int | None = None) -> nn.Module:
        return nn.Conv2d(5, 5, kernel_size, stride)

    with pytest.raises(RuntimeError, match="channels"):
        build(pool=broken)


# --- behaviour


def test_explain_gives_the_maps_that_the_head_sees():
    network, x = build().eval(), torch.rand(2, 1, 48, 48)
    maps = network.explain(x)
    assert {name: tuple(value.shape) for name, value in maps.items()} == {
        "pool1": (2, 32, 21, 21),
        "pool2": (2, 16, 7, 7),
        "pool3": (2, 16, 1, 1),
    }
    head = nn.Sequential(network.dense1, nn.ReLU(), network.dense2, nn.ReLU(), network.output)
    torch.testing.assert_close(head(maps["pool3"].flatten(1)), network(x))


@pytest.mark.parametrize("factory", BOTH)
def test_a_few_images_are_learnt_under_the_recipe_s_optimizer(factory):
    torch.manual_seed(0)
    name = "dcn" if factory is DCN else "aa_dcn"
    settings = dict(described()[name]["recipe"]["optimizer"])
    network = build(factory, stage1_filters=(8, 8, 8), dropout=0.0, dense_units=(100, 32)).train()
    optimizer = getattr(torch.optim, settings.pop("name"))(network.parameters(), **settings)
    x, labels = torch.rand(7, 1, 48, 48), torch.arange(7)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


CONTRACT = [
    {},
    {"extra_first_conv": True, "padding": "same", "batch_norm": "first", "dropout_place": "dense"},
    {"stage1_filters": (16, 16, 8), "batch_norm": "every_conv", "batch_norm_place": "before"},
    {"stage1_filters": (16, 16, 8), "batch_norm": "none", "dropout": 0.7, "dropout_place": "convolution"},
]


@pytest.mark.parametrize("options", CONTRACT, ids=lambda options: ",".join(options) or "defaults")
@pytest.mark.parametrize("factory", BOTH)
def test_keeps_the_contract_under_every_installed_pooling(factory, options):
    check_architecture(factory, options={"dense_units": (64, 32), **options} if options else {})


# --- recipes and claims


def described() -> dict:
    return yaml.safe_load((PACKAGE / "paper.yaml").read_text(encoding="utf-8"))["architectures"]


def resolve(plugin: str, recipe: str | None = None) -> config.RunConfig:
    return config.resolve({"data": {"name": "fer2013", "root": "none"}}, plugin=plugin, recipe=recipe).config


def test_recipes_are_the_paper_s():
    dcn, aa = resolve("dcn").as_dict(), resolve("aa_dcn").as_dict()
    assert (dcn["optimizer"]["name"], dcn["optimizer"]["lr"], dcn["trainer"]["epochs"]) == ("Adam", 6e-4, 30)
    assert {key: aa["optimizer"][key] for key in ("name", "lr", "momentum")} == {
        "name": "SGD",
        "lr": 6e-2,
        "momentum": 0.9,
    }
    assert aa["trainer"]["epochs"] == 75
    assert dcn["data"]["batch_size"] == aa["data"]["batch_size"] == 32
    assert resolve("dcn", "paper_literal").optimizer.lr == 6e-3
    rates = [resolve("aa_dcn", name).optimizer.lr for name in ("paper_literal", "lr_6e-3", "lr_6e-4")]
    assert rates == [6e-2, 6e-3, 6e-4]
    augmentation = {key: value for key, value in aa["augmentation"].items() if value is not None}
    assert augmentation == {
        "name": "keras",
        "preset": "moderate",
        "rotation_range": 15,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "shear_range": 10,
        "zoom_range": 0.1,
        "horizontal_flip": True,
        "brightness_range": [0.8, 1.2],
        "channel_shift_range": 0.0,
        "fill_mode": "nearest",
    }


def test_confounds_removed_leaves_the_pooling_as_the_only_difference():
    for alone, stacked in (
        (resolve("dcn", "confounds_removed").as_dict(), resolve("aa_dcn").as_dict()),
        (resolve("dcn").as_dict(), resolve("aa_dcn", "confounds_removed").as_dict()),
    ):
        for settings in (alone, stacked):
            del settings["model"]["name"], settings["model"]["pool"], settings["plugin"], settings["recipe"]
        assert alone == stacked


def test_every_recipe_builds_with_its_total():
    expected = {
        ("aa_dcn", "average_pool"): 377_851,
        ("aa_dcn", "zhang"): 377_851,
        ("dcn", "jaffe"): 4_256_251,
        ("dcn", "rafdb"): 2_415_163,
        ("aa_dcn", "jaffe"): 4_999_611,
        ("aa_dcn", "rafdb"): 2_964_603,
    }
    expected |= {
        (name, f"paper_{data}"): total for (name, data), total in expected.items() if data in ("jaffe", "rafdb")
    }
    expected |= {(name, "rafdb_80_20"): expected[name, "rafdb"] for name in ("dcn", "aa_dcn")}
    for name, own in described().items():
        default = count(build_network(resolve(name), 7))
        for variant in own["variants"]:
            network = build_network(resolve(name, variant), 7)
            assert count(network) == expected.get((name, variant), default), (name, variant)
        sections = set(own["recipe"])
        for key in own["assumed"]:
            section, _, option = key.partition(".")
            assert section in sections | {"selection"}, key
            assert section != "model" or option in own["recipe"]["model"], key
        assert set(own["recipe"]["model"]) - {"name"} == set(inspect.signature(DCN).parameters) - {
            "num_classes",
            "in_channels",
            "image_size",
        }


def claims() -> list[dict]:
    return yaml.safe_load((PACKAGE / "claims.yaml").read_text(encoding="utf-8"))["claims"]


def test_three_f1_values_cannot_come_from_the_precision_and_recall_beside_them():
    """Each is off by more than the rounding of precision and recall to two digits allows; 91 rows in Tables 5 to 15."""
    rows: dict[tuple, dict[str, float]] = {}
    for claim in claims():
        if claim.get("class") is not None and claim["metric"] in ("precision", "recall", "f1"):
            rows.setdefault((claim["source"], claim["model"], claim["class"]), {})[claim["metric"]] = claim["value"]
    assert len(rows) == 91

    def f1(precision: float, recall: float) -> float:
        return 2 * precision * recall / (precision + recall)

    impossible = set()
    for key, row in rows.items():
        low = f1(row["precision"] - 0.005, row["recall"] - 0.005)
        high = f1(min(row["precision"] + 0.005, 1), min(row["recall"] + 0.005, 1))
        if not low - 0.005 <= row["f1"] <= high + 0.005:
            impossible.add((key[0], key[2]))
    assert impossible == {("Table 8", "fear"), ("Table 9", "happy"), ("Table 10", "disgust")}


def test_which_accuracies_on_ck_plus_are_whole_counts():
    """Of 407 test images, which the ANOVA implies; 402 and 403 are 10 % of 4,021."""

    def counts(accuracy: float, images: int) -> list[int]:
        return [right for right in range(images + 1) if round(right / images, 4) == accuracy]

    assert [counts(accuracy, 407) for accuracy in (0.9926, 0.9803)] == [[404], [399]]
    assert not any(counts(0.9832, images) for images in (402, 403, 407))
    printed = {claim["value"] for claim in claims() if claim["dataset"] == "CK+" and claim["metric"] == "accuracy"}
    assert {0.9926, 0.9803, 0.9832} <= printed


def test_times_are_epochs_times_epoch_time():
    rows = [claim for claim in claims() if claim["source"] == "Table 16" and claim["metric"] == "epoch_time_s"]
    epochs = {claim["model"]: claim["value"] for claim in claims() if claim["metric"] == "epochs"}
    seconds = [round(epochs[row["model"]] * row["value"], 1) for row in rows]
    assert seconds == [199.2, 360, 540, 315, 487.5, 727.5]


def test_headline_claims_are_carried_over():
    actual = {
        (claim["model"], claim["dataset"]): claim["value"]
        for claim in claims()
        if claim["source"] == "Table 16" and claim["metric"] == "accuracy" and claim["split"] == "test"
    }
    assert actual == {
        ("DCN", "CK+"): 0.9832,
        ("DCN", "JAFFE"): 0.95,
        ("DCN", "RAF-DB"): 0.76,
        ("AA-DCN", "CK+"): 0.9926,
        ("AA-DCN", "JAFFE"): 0.98,
        ("AA-DCN", "RAF-DB"): 0.82,
    }


def test_the_paper_s_protocol_holds_out_one_part_and_says_its_flaws():
    check_protocol(paper_aa_dcn)
    assert paper_aa_dcn.augments_first
    assert "made before the split" in paper_aa_dcn.flaw()
    assert "selected on the test split" in paper_aa_dcn.flaw()
    names = np.array([f"i{row:04}" for row in range(4_021)])  # CK+ after balancing (Table 3)
    table = SampleTable(np.zeros(len(names), np.int64), names)
    fold = paper_aa_dcn(table, 0)[0]
    assert (len(fold.train), len(fold.test)) == (3_619, 402)
    assert np.array_equal(fold.val, fold.test)
    for share in (0.0, 1.0, 0.0001):
        with pytest.raises(ValueError, match=r"protocol\.held_out"):
            paper_aa_dcn(table, 0, held_out=share)


def test_raf_db_80_20_trains_on_the_whole_release_split():
    """The DCN section: 12,271 images train and 3,068 test, as released, without augmentation."""
    settings = resolve("dcn", "rafdb_80_20")
    assert (settings.augmentation.name, settings.data.balance) == ("none", "none")
    assert settings.protocol.options["held_out"] is None
    assert (settings.data.image_size, settings.data.channels) == (100, 3)
    split = np.repeat(["train", "test"], [12_271, 3_068])
    table = SampleTable(np.zeros(15_339, np.int64), np.array([f"i{row:05}" for row in range(15_339)]), split=split)
    fold = paper_aa_dcn(table, 0, held_out=None)[0]
    assert (len(fold.train), len(fold.val)) == (12_271, 3_068)
    assert np.array_equal(fold.val, fold.test)
    assert "made" not in paper_aa_dcn.flaw(held_out=None)
    with pytest.raises(ValueError, match="no train and test split; give a share"):
        paper_aa_dcn(SampleTable(table.label, table.source), 0, held_out=None)


def test_no_rounding_of_whole_copies_gives_the_totals_of_table_3():
    """Table 3 prints 4,021 and 4,489 images: no target a class and no whole number of copies an image leads there.

    981 images of CK+ (three frames of a sequence) and 213 of JAFFE. So the software takes the totals as they are.
    """
    originals = {4_021: (135, 54, 177, 75, 207, 84, 249), 4_489: (30, 29, 32, 31, 30, 31, 30)}
    for total, counts in originals.items():
        assert total % 7
        images = np.array(counts)
        for rounding in (np.floor, np.round, np.ceil):
            sizes = {int((images * np.maximum(rounding(each / images), 1)).sum()) for each in np.arange(1, 1000, 0.5)}
            assert total not in sizes
    assert 12_845 == 7 * 1_835
    assert [resolve("dcn", f"paper_{name}").data.balance_total for name in ("ckplus", "jaffe", "rafdb")] == [
        4_021,
        4_489,
        12_845,
    ]
