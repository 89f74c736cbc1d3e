"""The contract, and the paper's hard facts: Table 2 layer by layer, its total, dropout, initialisation."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from fer_conv_relu_ann import ConvReLUANN
from fer_conv_relu_ann.protocol import paper_conv_relu_ann
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_plugins.config import registry
from fer_plugins.pooling import average_pool, max_blur_pool, max_pool
from fer_plugins.testing import check_architecture, check_protocol, find_fer2013

PACKAGE = Path(__file__).parent / "fer_conv_relu_ann"
TOTAL = 2_489_095
TABLE_2 = {  # layer: (output for a 1x48x48 image, parameters)
    "features.conv2d": ((32, 48, 48), 320),
    "features.conv2d_1": ((64, 46, 46), 18_496),
    "features.pooling2d": ((64, 23, 23), 0),
    "features.dropout": ((64, 23, 23), 0),
    "features.conv2d_2": ((128, 21, 21), 73_856),
    "features.pooling2d_1": ((128, 10, 10), 0),
    "features.dropout_1": ((128, 10, 10), 0),
    "features.conv2d_3": ((256, 8, 8), 295_168),
    "features.pooling2d_2": ((256, 4, 4), 0),
    "features.dropout_2": ((256, 4, 4), 0),
    "features.flatten": ((4096,), 0),
    "dense": ((512,), 2_097_664),
    "dropout_3": ((512,), 0),
    "dense_1": ((7,), 3_591),
}


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def trace_shapes(network: nn.Module, image: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Output shape of every layer, in the order in which they ran."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in network.named_modules():
        if not list(layer.children()):
            layer.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    network(image)
    return shapes


@pytest.mark.parametrize("options", [{}, {"first_padding": "valid", "dropout": (0.1, 0.1, 0.2, 0.2)}])
def test_contract(options):
    check_architecture(ConvReLUANN, options=options)


def test_table_2_layer_by_layer():
    network = ConvReLUANN(num_classes=7)
    shapes = trace_shapes(network, torch.rand(2, 1, 48, 48))
    rows = {name: (shape, count_parameters(network.get_submodule(name))) for name, shape in shapes.items()}
    assert {name: row for name, row in rows.items() if ".relu" not in name} == TABLE_2
    assert [name for name in rows if ".relu" not in name] == list(TABLE_2)
    assert count_parameters(network) == TOTAL


def test_parameters_follow_the_paper_s_formulas():
    for layer in ConvReLUANN(num_classes=7).modules():
        if isinstance(layer, nn.Conv2d):
            assert count_parameters(layer) == (3 * 3 * layer.in_channels + 1) * layer.out_channels
        elif isinstance(layer, nn.Linear):
            assert count_parameters(layer) == (layer.in_features + 1) * layer.out_features


def test_valid_first_padding_has_the_same_total_and_other_shapes():
    network = ConvReLUANN(num_classes=7, first_padding="valid")
    shapes = trace_shapes(network, torch.rand(1, 1, 48, 48))
    sides = [shape[1] for name, shape in shapes.items() if "conv2d" in name or "pooling2d" in name]
    assert count_parameters(network) == TOTAL
    assert shapes["features.conv2d"] == (32, 46, 46)
    assert sides == [46, 44, 22, 20, 10, 8, 4]


def test_multiply_adds_are_93_million():
    network = ConvReLUANN(num_classes=7).eval()
    with FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 1, 48, 48))
    assert counter.get_total_flops() == 2 * 93_154_816


def test_dropout_acts_on_single_units_after_each_pooling_and_the_dense_layer():
    network = ConvReLUANN(num_classes=7)
    rates = {name: layer.p for name, layer in network.named_modules() if isinstance(layer, nn.Dropout)}
    assert rates == {"features.dropout": 0.1, "features.dropout_1": 0.1, "features.dropout_2": 0.1, "dropout_3": 0.2}
    changed = ConvReLUANN(num_classes=7, dropout=(0.0, 0.1, 0.2, 0.3))
    assert [layer.p for layer in changed.modules() if isinstance(layer, nn.Dropout)] == [0.0, 0.1, 0.2, 0.3]


def test_every_convolution_is_followed_by_a_relu():
    names = [name for name, _ in ConvReLUANN(num_classes=7).features.named_children()]
    assert [names[place + 1] for place, name in enumerate(names) if name.startswith("conv2d")] == [
        "relu",
        "relu_1",
        "relu_2",
        "relu_3",
    ]


def test_weights_start_glorot_uniform_and_biases_zero():
    torch.manual_seed(0)
    for name, layer in ConvReLUANN(num_classes=7).named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            window = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
            bound = (6 / (window * (layer.weight.shape[0] + layer.weight.shape[1]))) ** 0.5
            largest = layer.weight.abs().max().item()
            assert 0.97 * bound < largest <= bound, name
            assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1), name
            assert not layer.bias.any(), name


def test_features_feed_a_separate_classifier():
    torch.manual_seed(0)
    network, images = ConvReLUANN(num_classes=7).eval(), torch.rand(3, 1, 48, 48)
    flat, dense = network.extract_features(images), network.extract_features(images, layer="dense")
    assert flat.shape == (3, 4096)
    assert dense.shape == (3, 512)
    torch.testing.assert_close(network.dense(flat).relu(), dense)
    torch.testing.assert_close(network.dense_1(dense), network(images))
    with pytest.raises(ValueError, match="use 'flatten' or 'dense'"):
        network.extract_features(images, layer="conv2d")


def test_explain_gives_the_feature_maps_after_each_pooling():
    network, images = ConvReLUANN(num_classes=7).eval(), torch.rand(2, 1, 48, 48)
    maps = network.explain(images)
    assert {name: tuple(value.shape) for name, value in maps.items()} == {
        "pooling2d": (2, 64, 23, 23),
        "pooling2d_1": (2, 128, 10, 10),
        "pooling2d_2": (2, 256, 4, 4),
    }
    torch.testing.assert_close(maps["pooling2d_2"].flatten(1), network.extract_features(images))


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize(("first_padding", "smallest"), [("same", 22), ("valid", 24)])
def test_smallest_image(pool, first_padding, smallest):
    build = partial(ConvReLUANN, num_classes=7, pool=pool, first_padding=first_padding)
    assert build(image_size=smallest).eval()(torch.rand(1, 1, smallest, smallest)).shape == (1, 7)
    with pytest.raises(ValueError, match=f"image_size {smallest - 1} is too small: use at least {smallest}"):
        build(image_size=smallest - 1)


def test_a_pooling_that_shrinks_more_needs_larger_images():
    pool = partial(max_blur_pool, max_size=2, vector=(1, 4, 4, 1), second_blur_size=2)
    assert ConvReLUANN(num_classes=7, pool=pool).dense.in_features == 256
    with pytest.raises(ValueError, match=r"image_size 24 is too small: .* more where a pooling shrinks more"):
        ConvReLUANN(num_classes=7, pool=pool, image_size=24)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first_padding": "full"}, "first_padding is 'full'; use 'same' or 'valid'"),
        ({"dropout": (0.1, 0.2)}, "give four rates"),
        ({"dropout": (0.1, 0.1, 0.1, 1.0)}, "at least 0 and below 1"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        ConvReLUANN(num_classes=7, **options)
    assert "\n" not in str(caught.value)


def test_recipe_is_the_paper_s():
    paper = yaml.safe_load((PACKAGE / "paper.yaml").read_text())
    recipe = paper["architectures"]["conv_relu_ann"]["recipe"]
    optimizer = {"name": "Adam", "lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-7, "weight_decay": 0.0}
    assert recipe["optimizer"] == optimizer
    assert (recipe["data"]["batch_size"], recipe["trainer"]["epochs"]) == (32, 100)
    options = {key: value for key, value in recipe["model"].items() if key != "name"}
    assert count_parameters(ConvReLUANN(num_classes=7, **options)) == TOTAL


def test_table_3_accuracies_are_whole_counts():
    """Training: k / 28,677 (one of 898 batches left out an epoch); validation: k / 7,168, but for one misprint."""
    claims = yaml.safe_load((PACKAGE / "claims.yaml").read_text())["claims"]
    rows = [claim for claim in claims if claim["source"] == "Table 3" and claim["metric"] == "accuracy"]
    images = {"train": 28_677, "validation": 7_168}
    assert len(rows) == 20
    for row in rows:
        nearest = round(row["value"] * images[row["split"]]) / images[row["split"]]
        misprint = (row["split"], row["epoch"]) == ("validation", 1)
        assert round(nearest, 6) == (0.400949 if misprint else row["value"]), row


def test_claimed_parameters_are_those_of_the_network():
    claims = yaml.safe_load((PACKAGE / "claims.yaml").read_text())["claims"]
    claimed = {claim.get("class"): claim["value"] for claim in claims if claim["metric"] == "params"}
    layers = {name.rpartition(".")[2]: parameters for name, (_, parameters) in TABLE_2.items() if parameters}
    assert claimed == {**layers, None: TOTAL}


def test_the_paper_s_protocol_selects_on_the_test_folder_and_says_so():
    check_protocol(paper_conv_relu_ann)
    assert "the test split is the validation split too" in paper_conv_relu_ann.flaw
    paper = yaml.safe_load((PACKAGE / "paper.yaml").read_text())
    variants = paper["architectures"]["conv_relu_ann"]["variants"]
    assert variants["paper_protocol"]["protocol"]["name"] == "paper_conv_relu_ann"
    with pytest.raises(ValueError, match="use --protocol random"):
        paper_conv_relu_ann(SimpleNamespace(split=None), 0)


@pytest.mark.real_data
def test_the_paper_s_protocol_has_its_7178_validation_images():
    dataset = registry.build("dataset", "fer2013", root=str(find_fer2013()))
    split = np.array(dataset.table["split"])
    fold = paper_conv_relu_ann(SimpleNamespace(split=split), 0)[0]
    assert [len(part) for part in fold] == [28_709, 7_178, 7_178]


def test_the_readme_says_where_detection_and_webcam_are():
    from fer_face_prediction.command import predict

    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    assert "The paper's title and first objective have detection too" in readme
    lines = [command.split() for command in re.findall(r"`(fer predict RUN [^`]+)`", readme)]
    assert {"--annotate", "--camera"} <= {word for line in lines for word in line}
    for words in lines:
        taken = predict.make_context("fer predict", words[2:]).params
        assert taken["detector"] == "haar"
    defaults = {option.name: option.default for option in registry.options(registry.find("detector", "haar"))}
    assert (defaults["scale_factor"], defaults["min_neighbors"]) == (1.3, 5)
