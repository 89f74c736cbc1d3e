"""The contract, depths and totals, the ten crops, the exchanged split, and what the recipes and claims hold."""

from pathlib import Path
from types import SimpleNamespace

import fer_fer2013_baselines
import numpy as np
import pytest
import torch
import yaml
from fer_fer2013_baselines import FERCompact, KhaireddinVGG, PramerdorferInception, PramerdorferResNet, PramerdorferVGG
from fer_fer2013_baselines.protocol import paper_khaireddin
from fer_fer2013_baselines.ten_crop import ten_crops
from torch import nn
from torchvision.models.googlenet import Inception
from torchvision.transforms.v2.functional import ten_crop

from fer_plugins.analysis.claims import released_counts
from fer_plugins.testing import check_architecture, check_protocol

PACKAGE = Path(fer_fer2013_baselines.__file__).parent
PAPER = yaml.safe_load((PACKAGE / "paper.yaml").read_text())["architectures"]
CLAIMS = yaml.safe_load((PACKAGE / "claims.yaml").read_text())
TOTALS = {
    PramerdorferVGG: 1_765_479,
    PramerdorferResNet: 5_325_159,
    PramerdorferInception: 1_388_827,
    KhaireddinVGG: 29_890_759,
    FERCompact: 11_260_351,
}
SMALL = {"widths": (8, 8, 16, 16)}


def count_parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (PramerdorferVGG, {}),
        (PramerdorferVGG, {"contrast": "none", "dropout": 0.0}),
        (PramerdorferResNet, SMALL),
        (PramerdorferInception, {"quarters": 1}),
        (KhaireddinVGG, {"evaluation": "centre", "crop": 32}),
        (FERCompact, SMALL),
        (FERCompact, {"widths": (8, 12), "depths": (1, 2), "stem_stride": 2, "squeeze_excitation": False}),
    ],
)
def test_contract(network, options):
    check_architecture(network, options=options)


@pytest.mark.parametrize("network", TOTALS)
def test_parameters(network):
    assert count_parameters(network(num_classes=7)) == TOTALS[network]
    assert count_parameters(network(num_classes=7)) <= 15e6 or network is KhaireddinVGG


def test_depths_are_those_of_the_authors_table():
    """Weight layers on the longest path: VGG 10, Inception 16, and 33 of ResNet-34, whose dense layer is the 34th."""

    def convolutions(network):
        return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]

    vgg, resnet = PramerdorferVGG(num_classes=7), PramerdorferResNet(num_classes=7)
    assert len(convolutions(vgg)) + 2 == 10
    assert len([layer for layer in convolutions(resnet) if layer.kernel_size == (3, 3)]) == 33
    stages = PramerdorferInception(num_classes=7).features
    modules = [layer for layer in stages if isinstance(layer, Inception)]
    assert (
        len(convolutions(nn.Sequential(*(layer for layer in stages if layer not in modules)))) + 2 * len(modules) + 1
        == 16
    )


def test_khaireddin_s_layers_are_those_of_the_code():
    network = KhaireddinVGG(num_classes=7)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [tuple(layer.weight.shape[:2]) for layer in layers] == [
        *((64, 1), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 256), (512, 512)),
        *((4096, 2048), (4096, 4096), (7, 4096)),
    ]
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.2, 0.2]


def test_maps_of_a_48_pixel_face():
    image = torch.rand(1, 1, 48, 48)
    shapes = {network: network(num_classes=7).eval().features[:-1](image).shape[1:] for network in (PramerdorferVGG,)}
    assert shapes[PramerdorferVGG] == (256, 3, 3)
    for network, shape in (
        (PramerdorferResNet, (256, 3, 3)),
        (PramerdorferInception, (396, 12, 12)),
        (FERCompact, (512, 6, 6)),
    ):
        assert network(num_classes=7).eval().features(image).shape[1:] == shape, network


def test_ten_crops_are_torchvision_s():
    images = torch.rand(2, 3, 47, 48)
    theirs = torch.stack(ten_crop(images, [40, 40]))
    ours = ten_crops(images, 40)
    assert ours.shape == theirs.shape
    for crop in theirs:  # in another order of the corners
        assert any(torch.equal(crop, own) for own in ours)


def test_khaireddin_answers_from_ten_crops_or_one_and_trains_on_one():
    torch.manual_seed(0)
    ten = KhaireddinVGG(num_classes=7).eval()
    centre = KhaireddinVGG(num_classes=7, evaluation="centre").eval()
    centre.load_state_dict(ten.state_dict())
    images = torch.rand(2, 1, 48, 48)
    with torch.no_grad():
        crops = torch.stack([ten.classify(crop) for crop in ten_crops(images, 40)])
        torch.testing.assert_close(ten(images), crops.mean(0))
        torch.testing.assert_close(centre(images), crops[4])
    seen = []
    ten.train().classify = lambda crop: seen.append(crop) or torch.zeros(len(crop), 7)
    for _ in range(30):
        ten(images)
    everything = {tuple(crop[0, 0, 0, :4].tolist()) for crop in ten_crops(images[:1], 40)}
    assert {crop.shape for crop in seen} == {(2, 1, 40, 40)}
    assert {tuple(crop[0, 0, 0, :4].tolist()) for crop in seen} <= everything
    assert len({tuple(crop[0, 0, 0, :4].tolist()) for crop in seen}) > 5


def test_residuals_do_not_begin_at_zero_and_shortcuts_see_every_pixel():
    network = FERCompact(num_classes=7, **SMALL).eval()
    maps = torch.rand(2, 8, 12, 12)
    assert not torch.allclose(network.features[1][0](maps), maps, atol=1e-2)
    shortcut = network.features[1][1][0].shortcut
    shifted = torch.zeros(1, 8, 12, 12)
    shifted[..., 1::2, 1::2] = 1.0  # pixels that a convolution of stride 2 passes over
    assert not torch.allclose(shortcut(shifted), shortcut(torch.zeros_like(shifted)))


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (PramerdorferVGG, {"image_size": 15}, "use at least 16"),
        (PramerdorferVGG, {"dropout": 1.0}, "at least 0 and below 1"),
        (KhaireddinVGG, {"image_size": 32}, "use at least 40, the side of a crop"),
        (KhaireddinVGG, {"crop": 15}, r"model.crop 15 is too small: use at least 16"),
        (KhaireddinVGG, {"evaluation": "one"}, "use 'ten' or 'centre'"),
        (PramerdorferInception, {"quarters": 5}, "use 1, 2, 3 or 4"),
        (PramerdorferResNet, {"contrast": "clahe"}, "use 'none' or 'hist_eq'"),
        (FERCompact, {"depths": (1, 1)}, "give as many of each"),
        (FERCompact, {"stem_stride": 3}, "use 1 or 2"),
    ],
)
def test_wrong_options_are_refused_in_one_line(network, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        network(num_classes=7, **options)
    assert "\n" not in str(caught.value)


def test_the_paper_s_protocol_exchanges_validation_and_test_and_says_so():
    check_protocol(paper_khaireddin)
    assert "not comparable with scores on PrivateTest" in paper_khaireddin.flaw
    assert PAPER["khaireddin_vgg"]["variants"]["paper_protocol"]["protocol"]["name"] == "paper_khaireddin"
    split = np.array(["test", "train", "val", "train"])
    fold = paper_khaireddin(SimpleNamespace(split=split), 0)[0]
    assert [rows.tolist() for rows in fold] == [[1, 3], [0], [2]]
    with pytest.raises(ValueError, match="use --protocol random"):
        paper_khaireddin(SimpleNamespace(split=split[1:]), 0)


def test_the_confusion_matrix_is_one_of_public_test():
    matrix = np.array(next(claim["value"] for claim in CLAIMS["claims"] if claim["metric"] == "confusion_matrix"))
    counts = released_counts("FER2013")
    assert matrix.sum(1).tolist() == list(counts["validation"].values()) != list(counts["test"].values())
    assert CLAIMS["counts"][0]["counts"] == counts["validation"]
    assert matrix.trace() / matrix.sum() == pytest.approx(0.73279465, abs=1e-8)


def test_recipe_of_khaireddin_is_the_code_s():
    recipe = PAPER["khaireddin_vgg"]["recipe"]
    optimizer = {"name": "SGD", "lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
    assert recipe["optimizer"] == optimizer
    assert recipe["scheduler"] == {"name": "ReduceLROnPlateau", "factor": 0.75, "patience": 5}
    assert (recipe["data"]["batch_size"], recipe["trainer"]["epochs"]) == (64, 300)
    claimed = {claim["metric"]: claim["value"] for claim in CLAIMS["claims"] if claim["split"] == "train"}
    assert claimed == {"epochs": 300, "learning_rate": 0.01}


def test_everything_that_was_not_found_is_assumed():
    for name in ("pramerdorfer_vgg", "pramerdorfer_resnet", "pramerdorfer_inception"):
        assumed = {key.partition(".")[0] for key in PAPER[name]["assumed"]}
        assert assumed >= set(PAPER[name]["recipe"]) - {"model"} | {"architecture"}
    claimed = {model["name"]: model["params"] for model in CLAIMS["models"]}
    assert {name for name, params in claimed.items() if params} == {
        "VGGNet (Khaireddin and Chen)",
        "VGGNet before tuning (Khaireddin and Chen)",
    }
    assert claimed["VGGNet (Khaireddin and Chen)"] == TOTALS[KhaireddinVGG]
