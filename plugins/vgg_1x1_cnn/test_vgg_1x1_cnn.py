"""The contract, and the paper's hard facts: Table I layer by layer, the 1x1 layer's collapse, Tables II and III."""

from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from fer_vgg_1x1_cnn import CNN_5x5_4x4_5x5, LeNet5, VGG1x1CNN
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from fer_plugins.config import registry
from fer_plugins.pooling import average_pool, max_blur_pool, max_pool
from fer_plugins.testing import check_architecture, find_fer2013

PACKAGE = Path(__file__).parent / "fer_vgg_1x1_cnn"
NETWORKS = {"vgg_1x1_cnn": VGG1x1CNN, "lenet5": LeNet5, "cnn_5x5_4x4_5x5": CNN_5x5_4x4_5x5}
FIRST_CONVOLUTIONS = {"vgg_1x1_cnn": "conv1_1x1", "lenet5": "conv1_5x5", "cnn_5x5_4x4_5x5": "conv1_5x5"}
TOTAL = 8_779_047
TABLE_I = {  # layer: (output for a 1x48x48 image, parameters)
    "features.conv1_1x1": ((32, 48, 48), 64),
    "features.conv2_5x5": ((32, 44, 44), 25_632),
    "features.pool1": ((32, 22, 22), 0),
    "features.conv3_3x3": ((64, 20, 20), 18_496),
    "features.pool2": ((64, 10, 10), 0),
    "features.conv4_3x3": ((128, 10, 10), 73_856),
    "features.pool3": ((128, 5, 5), 0),
    "features.flatten": ((3200,), 0),
    "head.fc1": ((2048,), 6_555_648),
    "head.fc2": ((1024,), 2_098_176),
    "head.fc3": ((7,), 7_175),
}
LENET5 = {
    "features.conv1_5x5": ((6, 44, 44), 156),
    "features.pool1": ((6, 22, 22), 0),
    "features.conv2_5x5": ((16, 18, 18), 2_416),
    "features.pool2": ((16, 9, 9), 0),
    "features.flatten": ((1296,), 0),
    "head.fc1": ((120,), 155_640),
    "head.fc2": ((84,), 10_164),
    "head.fc3": ((7,), 595),
}
THREE_CONVOLUTIONS = {
    "features.conv1_5x5": ((32, 48, 48), 832),
    "features.pool1": ((32, 23, 23), 0),
    "features.conv2_4x4": ((32, 23, 23), 16_416),
    "features.pool2": ((32, 11, 11), 0),
    "features.conv3_5x5": ((64, 11, 11), 51_264),
    "features.pool3": ((64, 5, 5), 0),
    "features.flatten": ((1600,), 0),
    "head.fc1": ((2048,), 3_278_848),
    "head.fc2": ((1024,), 2_098_176),
    "head.fc3": ((7,), 7_175),
}
LAYERS = {"vgg_1x1_cnn": TABLE_I, "lenet5": LENET5, "cnn_5x5_4x4_5x5": THREE_CONVOLUTIONS}
PRIVATE_TEST = [491, 55, 528, 879, 594, 416, 626]  # images by class in the release, codes 0 to 6


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def trace_shapes(network: nn.Module, image: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Output shape of every layer, in the order in which they ran."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad():
        network(image)
    return shapes


def claims() -> list[dict]:
    return yaml.safe_load((PACKAGE / "claims.yaml").read_text())["claims"]


def claimed(metric: str, source: str, **fields: object) -> object:
    """The value of the one claim that says this."""
    matching = [
        claim["value"]
        for claim in claims()
        if claim["metric"] == metric and claim["source"] == source and fields.items() <= claim.items()
    ]
    assert len(matching) == 1, (metric, source, fields, matching)
    return matching[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_contract(name):
    check_architecture(NETWORKS[name])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vgg_1x1_cnn", {"first_1x1": False}),
        ("vgg_1x1_cnn", {"signed_input": False, "dropout": (0.5, 0.0)}),
        ("vgg_1x1_cnn", {"contrast": "hist_eq"}),
        ("lenet5", {"activation": "relu"}),
        ("lenet5", {"input_size": 32}),
        ("lenet5", {"signed_input": False}),
        ("lenet5", {"contrast": "hist_eq", "input_size": 20}),
        ("cnn_5x5_4x4_5x5", {"signed_input": False, "dropout": (0.0, 0.5)}),
        ("cnn_5x5_4x4_5x5", {"contrast": "hist_eq"}),
    ],
)
def test_contract_with_options(name, options):
    """On 32 pixels: the dense layers are smaller there, and every pooling still fits."""
    check_architecture(NETWORKS[name], options=options, image_size=32)


@pytest.mark.parametrize("name", NETWORKS)
def test_layer_by_layer(name):
    network = NETWORKS[name](num_classes=7)
    shapes = trace_shapes(network, torch.rand(2, 1, 48, 48))
    silent = ("preprocessing", "act", "dropout", "pad")
    rows = {
        layer: (shape, count_parameters(network.get_submodule(layer)))
        for layer, shape in shapes.items()
        if not layer.rpartition(".")[2].startswith(silent)
    }
    assert rows == LAYERS[name]
    assert list(rows) == list(LAYERS[name])


@pytest.mark.parametrize(
    ("name", "options", "total"),
    [
        ("vgg_1x1_cnn", {}, TOTAL),
        ("vgg_1x1_cnn", {"first_1x1": False}, 8_754_183),
        ("lenet5", {}, 168_971),
        ("lenet5", {"input_size": 32}, 61_451),
        ("cnn_5x5_4x4_5x5", {}, 5_452_711),
    ],
)
def test_totals(name, options, total):
    assert count_parameters(NETWORKS[name](num_classes=7, **options)) == total


def test_98_66_percent_of_the_parameters_are_dense():
    network = VGG1x1CNN(num_classes=7)
    assert round(count_parameters(network.head) / count_parameters(network), 4) == 0.9866


def test_multiply_adds_are_73_million_two_thirds_of_them_in_the_5x5_layer():
    network = VGG1x1CNN(num_classes=7).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 1, 48, 48))
    assert counter.get_total_flops() == 2 * 73_038_848
    with FlopCounterMode(display=False) as counter:
        network.features.conv2_5x5(torch.rand(1, 32, 48, 48))
    assert counter.get_total_flops() == 2 * 49_561_600


def test_every_convolution_has_its_activation_and_no_layer_normalises():
    networks = {"vgg_1x1_cnn": (VGG1x1CNN, nn.ReLU), "lenet5": (LeNet5, nn.Tanh)}
    networks["lenet5 relu"] = (partial(LeNet5, activation="relu"), nn.ReLU)
    networks["cnn_5x5_4x4_5x5"] = (CNN_5x5_4x4_5x5, nn.ReLU)
    for name, (build, activation) in networks.items():
        layers = [module for module in build(num_classes=7).modules() if not list(module.children())]
        weighted = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert all(isinstance(layers[place + 1], activation) for place in weighted[:-1]), name
        assert weighted[-1] == len(layers) - 1, name
        assert not any(isinstance(layer, nn.BatchNorm2d) for layer in layers), name


@pytest.mark.parametrize("name", ["vgg_1x1_cnn", "cnn_5x5_4x4_5x5"])
def test_dropout_has_the_two_rates_and_acts_in_training_only(name):
    torch.manual_seed(0)
    network, images = NETWORKS[name](num_classes=7, image_size=24), torch.rand(2, 1, 24, 24)
    rates = {place: layer.p for place, layer in network.named_modules() if isinstance(layer, nn.Dropout)}
    assert rates == {"head.dropout1": 0.4, "head.dropout2": 0.4}
    assert not torch.equal(network(images), network(images))
    network.eval()
    assert torch.equal(network(images), network(images))
    changed = NETWORKS[name](num_classes=7, image_size=24, dropout=(0.5, 0.1))
    assert [layer.p for layer in changed.modules() if isinstance(layer, nn.Dropout)] == [0.5, 0.1]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_start_glorot_uniform_and_biases_zero(name):
    torch.manual_seed(0)
    for place, layer in NETWORKS[name](num_classes=7).named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            window = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
            bound = sqrt(6 / (window * (layer.weight.shape[0] + layer.weight.shape[1])))
            assert 0.85 * bound < layer.weight.abs().max().item() <= bound, place
            if layer.weight.numel() > 500:
                assert layer.weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.1), place
            assert not layer.bias.any(), place


def first_two_layers(network: VGG1x1CNN, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What rows 1 and 2 of Table I give before the second ReLU, and what one 5x5 convolution gives instead."""
    first, second = network.features.conv1_1x1, network.features.conv2_5x5
    seen = network.preprocessing(images)
    kernel = (first.weight[:, 0].clamp(min=0)[None] * second.weight).sum(1, keepdim=True)
    return second(F.relu(first(seen))), F.conv2d(seen, kernel, second.bias)


def test_the_1x1_layer_collapses_into_the_5x5_layer_on_unsigned_input_with_zero_bias():
    torch.manual_seed(0)
    images = torch.rand(4, 1, 48, 48)
    with torch.no_grad():
        both, merged = first_two_layers(VGG1x1CNN(num_classes=7, signed_input=False), images)
        assert (both - merged).abs().max() < 1e-5
        both, merged = first_two_layers(VGG1x1CNN(num_classes=7), images)
        assert (both - merged).abs().max() > 0.1, "signed input keeps the two layers apart"
        network = VGG1x1CNN(num_classes=7, signed_input=False)
        network.features.conv1_1x1.bias.fill_(-0.1)
        both, merged = first_two_layers(network, images)
        assert (both - merged).abs().max() > 0.1, "so does a bias"


def test_with_signed_input_and_zero_bias_each_channel_is_one_of_two_half_waves():
    torch.manual_seed(0)
    network, images = VGG1x1CNN(num_classes=7), torch.rand(2, 1, 48, 48)
    first, seen = network.features.conv1_1x1, network.preprocessing(images)
    with torch.no_grad():
        waves = F.relu(first(seen))
    for channel, weight in enumerate(first.weight.flatten().tolist()):
        half = F.relu(seen if weight > 0 else -seen) * abs(weight)
        torch.testing.assert_close(waves[:, channel : channel + 1], half)


@pytest.mark.parametrize("name", NETWORKS)
def test_input_is_scaled_inside_to_minus_one_to_one(name):
    black_grey_white = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 1, 24, 24)
    for signed, expected in ((True, [-1.0, 0.0, 1.0]), (False, [0.0, 0.5, 1.0])):
        network = NETWORKS[name](num_classes=7, image_size=24, signed_input=signed)
        seen = []
        network.get_submodule(f"features.{FIRST_CONVOLUTIONS[name]}").register_forward_pre_hook(
            lambda _, arguments, seen=seen: seen.append(arguments[0])
        )
        network(black_grey_white)
        assert seen[0][:, 0, 5, 5].tolist() == expected


def test_equalised_contrast_forgets_brightness_and_gain():
    torch.manual_seed(0)
    levels = torch.randint(0, 100, (2, 1, 24, 24))
    dark, bright = levels / 255, (2 * levels + 50) / 255
    equal, plain = (VGG1x1CNN(num_classes=7, image_size=24, contrast=name).eval() for name in ("hist_eq", "none"))
    with torch.no_grad():
        torch.testing.assert_close(equal(dark), equal(bright))
        assert (plain(dark) - plain(bright)).abs().max() > 0.01


def test_lenet5_resizes_inside():
    torch.manual_seed(0)
    network, images = LeNet5(num_classes=7, input_size=32).eval(), torch.rand(2, 1, 48, 48)
    shapes = trace_shapes(network, images)
    assert [shapes[f"features.{name}"] for name in ("conv1_5x5", "pool1", "conv2_5x5", "pool2")] == [
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
    ]
    small = F.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    same = LeNet5(num_classes=7, image_size=32).eval()
    same.load_state_dict(network.state_dict())
    torch.testing.assert_close(network(images), same(small))


def test_lenet5_pools_by_averages_unless_told_otherwise():
    images = torch.rand(1, 1, 48, 48)
    for options, pooled in (({}, F.avg_pool2d), ({"pool": max_pool}, F.max_pool2d)):
        network = LeNet5(num_classes=7, **options)
        torch.testing.assert_close(network.features.pool1(images), pooled(images, 2))


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("vgg_1x1_cnn", ["conv1_1x1", "conv2_5x5", "conv3_3x3", "conv4_3x3"]),
        ("lenet5", ["conv1_5x5", "conv2_5x5"]),
        ("cnn_5x5_4x4_5x5", ["conv1_5x5", "conv2_4x4", "conv3_5x5"]),
    ],
)
def test_explain_gives_one_picture_a_convolution(name, names):
    torch.manual_seed(0)
    images = torch.rand(3, 1, 48, 48)
    network = NETWORKS[name](num_classes=7).eval()
    with torch.no_grad():
        pictures, largest = network.explain(images), network.explain(images, fuse="max")
    assert list(pictures) == names
    for name, picture in pictures.items():
        assert picture.shape == (3, 1, 48, 48)
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert not torch.allclose(picture, largest[name])
    with pytest.raises(ValueError, match="fuse is 'sum'; use 'mean' or 'max'"):
        network.explain(images, fuse="sum")


def test_fused_maps_are_channel_means_behind_the_relu_stretched_and_enlarged():
    torch.manual_seed(0)
    network, images = VGG1x1CNN(num_classes=7).eval(), torch.rand(2, 1, 48, 48)
    with torch.no_grad():
        pictures = network.explain(images)
        maps = F.relu(network.features.conv1_1x1(network.preprocessing(images)))
        second = F.relu(network.features.conv2_5x5(maps))
        unstretched = network.explain(torch.ones(1, 1, 48, 48))["conv1_1x1"]
    for image in range(2):
        fused = maps[image].mean(0)
        stretched = (fused - fused.min()) / (fused.max() - fused.min())
        torch.testing.assert_close(pictures["conv1_1x1"][image, 0], stretched)
        fused = second[image].sum(0)  # a sum gives the same picture as a mean
        stretched = (fused - fused.min()) / (fused.max() - fused.min())
        enlarged = F.interpolate(stretched[None, None], (48, 48), mode="bilinear")[0, 0]
        torch.testing.assert_close(pictures["conv2_5x5"][image, 0], enlarged)
    assert not unstretched.any(), "a map without contrast is black"


def test_explain_without_the_1x1_layer():
    pictures = VGG1x1CNN(num_classes=7, first_1x1=False, image_size=24).eval().explain(torch.rand(1, 1, 24, 24))
    assert list(pictures) == ["conv2_5x5", "conv3_3x3", "conv4_3x3"]


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize(("name", "smallest"), [("vgg_1x1_cnn", 16), ("lenet5", 16), ("cnn_5x5_4x4_5x5", 15)])
def test_smallest_image(name, smallest, pool):
    build = partial(NETWORKS[name], num_classes=7, pool=pool)
    assert build(image_size=smallest).eval()(torch.rand(1, 1, smallest, smallest)).shape == (1, 7)
    with pytest.raises(ValueError, match=f"image_size {smallest - 1} is too small: use at least {smallest} "):
        build(image_size=smallest - 1)


def test_the_smallest_image_is_that_of_the_pooling_at_hand():
    ceiling = partial(max_pool, ceil_mode=True)
    build = partial(CNN_5x5_4x4_5x5, num_classes=7, pool=ceiling)
    with pytest.raises(ValueError, match=r"image_size 0 is too small: use at least (\d+) with") as caught:
        build(image_size=0)
    smallest = int(str(caught.value).split("at least ")[1].split()[0])
    assert smallest < 15
    assert build(image_size=smallest)(torch.rand(1, 1, smallest, smallest)).shape == (1, 7)
    literal = partial(max_blur_pool, blur_stride=4)
    assert VGG1x1CNN(num_classes=7, pool=literal).head.fc1.in_features == 128


def test_a_fault_of_the_pooling_is_not_called_a_small_image():
    def broken(kernel_size: int, stride: int | None = None) -> nn.Module:
        return nn.Upsample(mode="no such mode")

    with pytest.raises((ValueError, NotImplementedError)) as caught:
        VGG1x1CNN(num_classes=7, pool=broken)
    assert "image_size" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vgg_1x1_cnn", {"dropout": (0.4,)}, "give two rates"),
        ("vgg_1x1_cnn", {"dropout": (0.4, 1.0)}, "at least 0 and below 1"),
        ("cnn_5x5_4x4_5x5", {"dropout": (-0.1, 0.4)}, "at least 0 and below 1"),
        ("vgg_1x1_cnn", {"contrast": "clahe"}, "contrast is 'clahe'; use 'none' or 'hist_eq'"),
        ("lenet5", {"activation": "sigmoid"}, "activation is 'sigmoid'; use 'tanh' or 'relu'"),
        ("lenet5", {"input_size": 15}, "input_size 15 is too small: use at least 16"),
        ("lenet5", {"input_size": 0}, "input_size 0 is too small: use at least 16"),
        ("lenet5", {"image_size": -3}, "image_size -3 is too small: use at least 16"),
    ],
)
def test_wrong_options_are_refused_in_one_line(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        NETWORKS[name](num_classes=7, **options)
    assert "\n" not in str(caught.value)


def test_recipe_is_the_paper_s_where_it_speaks():
    described = yaml.safe_load((PACKAGE / "paper.yaml").read_text())["architectures"]
    assert list(described) == list(NETWORKS)
    assert not any("lu_et_al" in name or "lu et al" in name.lower() for name in described)
    for name, own in described.items():
        recipe = own["recipe"]
        assert recipe["optimizer"] == {"name": "SGD", "lr": 0.01, "momentum": 0.0, "weight_decay": 0.0}
        assert (recipe["data"]["image_size"], recipe["data"]["channels"]) == (48, 1)
        assert recipe["selection"] == {
            "metric": "val/accuracy",
            "mode": "max",
            "stop": "metric_and_loss",
            "patience": 10,
        }
        options = {key: value for key, value in recipe["model"].items() if key != "name"}
        assert recipe["model"]["name"] == name
        assert (
            count_parameters(NETWORKS[name](num_classes=7, **options))
            == {"vgg_1x1_cnn": TOTAL, "lenet5": 168_971, "cnn_5x5_4x4_5x5": 5_452_711}[name]
        )
        assert (own["claims_model"] is None) == ("architecture" in own["assumed"]) == (name != "vgg_1x1_cnn")
    assert 0.01 / (1 + described["vgg_1x1_cnn"]["recipe"]["scheduler"]["gamma"] * 76) == pytest.approx(0.0057, abs=5e-5)


def test_claims_keep_the_names_that_the_paper_prints():
    content = yaml.safe_load((PACKAGE / "claims.yaml").read_text())
    models = {model["name"]: model["params"] for model in content["models"]}
    assert models == {"1x1-CNN": TOTAL, "Ref. [7]": None, "Ref. [8]": None, "Ref. [14]": None}


def test_table_iii_gives_the_derived_claims():
    matrix = np.array(claimed("confusion_matrix", "Table III"))
    images, hits = matrix.sum(), np.diag(matrix)
    recall, precision = hits / matrix.sum(1), hits / matrix.sum(0)
    f1 = 2 * precision * recall / (precision + recall)
    chance = (matrix.sum(0) * matrix.sum(1)).sum() / images**2
    accuracy = hits.sum() / images
    priors = np.array(PRIVATE_TEST) / sum(PRIVATE_TEST)
    assert (hits.sum(), images, matrix.sum(0).tolist()) == (337, 396, [40, 10, 31, 141, 25, 53, 96])
    measured = {
        "macro_precision": precision.mean(),
        "macro_recall": recall.mean(),
        "macro_f1": f1.mean(),
        "kappa": (accuracy - chance) / (1 - chance),
        "prior_adjusted_accuracy": (recall * priors).sum(),
    }
    for metric, value in measured.items():
        assert value == pytest.approx(claimed(metric, "derived from Table III"), abs=1e-6), metric
    assert accuracy == pytest.approx(0.851010, abs=1e-6)
    assert round(accuracy, 4) == claimed("accuracy", "text, abstract") == 0.8510
    assert measured["kappa"] == pytest.approx(0.809845, abs=1e-6)
    assert measured["macro_f1"] == pytest.approx(0.783269, abs=1e-6)
    assert measured["prior_adjusted_accuracy"] == pytest.approx(0.824486, abs=1e-6)
    names = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    for place, name in enumerate(names):
        printed = claimed("recall", "Table III", **{"class": name})
        assert 0 <= recall[place] - printed < 1e-4 or abs(recall[place] - printed) <= 5e-5, name  # 0.6666 is cut
        own = {"class": name}
        assert claimed("n_images", "derived from Table III", **own) == matrix[place].sum()
        assert claimed("precision", "derived from Table III", **own) == pytest.approx(precision[place], abs=1e-6)
        assert claimed("f1", "derived from Table III", **own) == pytest.approx(f1[place], abs=1e-6)


def test_the_interval_of_the_accuracy_on_the_photos():
    rate, images, z = 337 / 396, 396, 1.959964
    middle = (rate + z**2 / (2 * images)) / (1 + z**2 / images)
    half = z * sqrt(rate * (1 - rate) / images + z**2 / (4 * images**2)) / (1 + z**2 / images)
    assert (round(middle - half, 4), round(middle + half, 4)) == (0.8126, 0.8827)


def test_table_ii_contradicts_itself_as_the_readme_says():
    images = 3_589
    rows = {
        model: [claimed("accuracy", "Table II", model=model, split=split) for split in ("validation", "test")]
        for model in ("Ref. [7]", "Ref. [14]", "1x1-CNN")
    }
    gaps = {
        model: (test - val) / sqrt((val * (1 - val) + test * (1 - test)) / images)
        for model, (val, test) in rows.items()
    }
    assert {model: round(z, 1) for model, z in gaps.items()} == {"Ref. [7]": 5.6, "Ref. [14]": 13.4, "1x1-CNN": 8.2}
    for claim in claims():
        if claim["source"] == "Table II" and claim["metric"] == "accuracy":
            is_count = round(round(claim["value"] * images) / images, 4) == claim["value"]
            assert is_count == (claim["note"] != "not k/3589 for any k"), claim
    ours, theirs = rows["1x1-CNN"][1], rows["Ref. [14]"][1]
    assert round(ours * images) - round(theirs * images) == 54
    z = (ours - theirs) / sqrt((ours * (1 - ours) + theirs * (1 - theirs)) / images)
    assert round(z, 2) == 1.42


@pytest.mark.real_data
def test_the_class_shares_of_private_test():
    dataset = registry.build("dataset", "fer2013", root=str(find_fer2013()))
    split, label = np.array(dataset.table["split"]), np.array(dataset.table["label"])
    assert list(dataset.classes) == claimed_classes()
    assert np.bincount(label[split == "test"]).tolist() == PRIVATE_TEST


def claimed_classes() -> list[str]:
    return next(claim["classes"] for claim in claims() if claim["metric"] == "confusion_matrix")
