"""The contract, the totals and maps of the published architectures, exchanged poolings, weights from a file."""

import functools
from pathlib import Path

import fer_classical_cnns
import pytest
import timm
import torch
import yaml
from fer_classical_cnns import weights
from fer_classical_cnns.exchanged_pooling import ExchangedPool
from torch import nn

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.pooling import average_pool, max_blur_pool, max_pool
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_architecture
from fer_plugins.testing.architecture import installed_poolings
from fer_plugins.training.module import build_network

PACKAGE = Path(fer_classical_cnns.__file__).parent
RECIPES = yaml.safe_load((PACKAGE / "paper.yaml").read_text())["architectures"]
# name: (trainable parameters with 7 outputs, the same in Keras, smallest side, last map's side at 48, 100, 128, 224)
FACTS = {
    "vgg16": (14_718_279, 14_718_279, 32, (1, 3, 4, 7)),
    "vgg19": (20_027_975, 20_027_975, 32, (1, 3, 4, 7)),
    "resnet50": (23_522_375, 23_548_935, 32, (2, 4, 4, 7)),
    "densenet121": (6_961_031, 6_961_031, 32, (1, 3, 4, 7)),
    "inception_v3": (21_799_911, 21_782_695, 75, (None, 1, 2, 5)),
    "xception": (20_821_295, 20_821_295, 71, (None, 3, 4, 7)),
    "efficientnet_b0": (4_016_515, 4_016_515, 32, (2, 4, 4, 7)),
}
POOLED = [name for name in FACTS if name != "efficientnet_b0"]
# Tried by test_an_exchanged_pooling_keeps_every_map_size, and therefore not once more by test_contract.
POOLINGS = [max_pool, average_pool, max_blur_pool, functools.partial(max_blur_pool, preset="zhang", blur_size=3)]
STAGES = {  # module of the backbone: (channels, side at 224 pixels, parameters)
    "vgg16": {
        "features.4": (64, 112, 38_720),
        "features.9": (128, 56, 221_440),
        "features.16": (256, 28, 1_475_328),
        "features.23": (512, 14, 5_899_776),
        "features.30": (512, 7, 7_079_424),
    },
    "resnet50": {
        "maxpool": (64, 56, 9_536),
        "layer1": (256, 56, 215_808),
        "layer2": (512, 28, 1_219_584),
        "layer3": (1024, 14, 7_098_368),
        "layer4": (2048, 7, 14_964_736),
    },
    "densenet121": {
        "features.pool0": (64, 56, 9_536),
        "features.denseblock1": (256, 56, 335_040),
        "features.transition1": (128, 28, 33_280),
        "features.denseblock2": (512, 28, 919_680),
        "features.transition2": (256, 14, 132_096),
        "features.denseblock3": (1024, 14, 2_837_760),
        "features.transition3": (512, 7, 526_336),
        "features.denseblock4": (1024, 7, 2_158_080),
    },
    "xception": {
        "block1": (128, 55, 19_488 + 35_264),
        "block2": (256, 28, 136_064),
        "block3": (728, 14, 915_944),
        "block4": (728, 14, 1_613_976),
    },
}


@pytest.fixture(autouse=True)
def _vgg_without_the_dense_layers_that_are_taken_off(monkeypatch):
    """Spare each VGG the two draws of 120 million weights that timm makes and the plug-in throws away."""
    monkeypatch.setattr("timm.models.vgg.ConvMlp", lambda *given, **options: nn.Identity())


def build(name, **options):
    return getattr(fer_classical_cnns, name)(num_classes=7, **options)


@functools.cache
def built(name):
    """Return one network of an architecture in evaluation mode, for the tests that do not change it."""
    return build(name).eval()


@pytest.fixture(scope="module", autouse=True)
def _networks_are_let_go():
    yield
    built.cache_clear()


def trainable(module):
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("name", FACTS)
def test_contract(name):
    poolings = {name: pool for name, pool in installed_poolings().items() if pool not in POOLINGS}
    check_architecture(getattr(fer_classical_cnns, name), image_size=FACTS[name][2], poolings=poolings)


@pytest.mark.parametrize("name", FACTS)
def test_totals_maps_and_smallest_size(name):
    total, _, smallest, sides = FACTS[name]
    network = built(name)
    assert trainable(network) == total
    with torch.no_grad():
        for side, expected in zip((48, 100, 128, 224), sides, strict=True):
            if expected is not None:
                assert network.extract_maps(torch.zeros(1, 1, side, side)).shape[2:] == (expected, expected)
        assert network(torch.zeros(1, 1, smallest, smallest)).shape == (1, 7)
    assert network.train()(torch.rand(2, 1, smallest, smallest)).shape == (2, 7)
    network.eval()
    with pytest.raises(ValueError, match=f"image_size {smallest - 1} is too small: use at least {smallest}"):
        build(name, image_size=smallest - 1)


def test_what_keras_counts_differently_is_biases_and_scales():
    convolutions = [layer for layer in built("resnet50").modules() if isinstance(layer, nn.Conv2d)]
    assert not any(layer.bias is not None for layer in convolutions)
    biases = sum(layer.out_channels for layer in convolutions)
    assert FACTS["resnet50"][1] - FACTS["resnet50"][0] == biases == 26_560
    scales = sum(len(layer.weight) for layer in built("inception_v3").modules() if isinstance(layer, nn.BatchNorm2d))
    assert FACTS["inception_v3"][0] - FACTS["inception_v3"][1] == scales == 17_216


@pytest.mark.parametrize("name", STAGES)
def test_stages_at_224_pixels(name):
    network = built(name)
    shapes, order, hooks = {}, [], []
    for stage in STAGES[name]:
        layer = network.backbone.get_submodule(stage)
        order.append(layer)

        def note(_, __, out, stage=stage):
            shapes[stage] = tuple(out.shape[1:])

        hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        network.extract_maps(torch.zeros(1, 1, 224, 224))
    for hook in hooks:
        hook.remove()
    assert shapes == {stage: (channels, side, side) for stage, (channels, side, _) in STAGES[name].items()}
    listed = list(network.backbone.modules())
    ends = [listed.index(layer) + len(list(layer.modules())) for layer in order]
    counted = [sum(p.numel() for layer in listed[a:b] for p in layer.parameters(recurse=False)) for a, b in pairs(ends)]
    assert counted == [parameters for *_, parameters in STAGES[name].values()]


def pairs(ends):
    return zip([0, *ends], ends, strict=False)


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("pool", POOLINGS)
def test_an_exchanged_pooling_keeps_every_map_size(name, pool):
    side = 96  # large enough for a blur that reflects the border of VGG's last map
    own, exchanged = built(name), build(name, image_size=side, pool=pool).eval()
    exchanged.load_state_dict(own.state_dict())
    image = torch.rand(1, 1, side, side)
    with torch.no_grad():
        mine, theirs = own.extract_maps(image), exchanged.extract_maps(image)
        logits = [exchanged(image.expand(-1, channels, -1, -1)) for channels in (1, 3)]
    assert all(values.shape == (1, 7) and values.isfinite().all() for values in logits)
    if name != "inception_v3":  # its stem pools without padding, where a pooling may round in its own way
        assert mine.shape == theirs.shape
    assert (mine.shape == theirs.shape and torch.equal(mine, theirs)) == (pool is max_pool)
    assert trainable(own) == trainable(exchanged)


def test_how_many_poolings_are_exchanged():
    counts = {
        name: sum(isinstance(layer, ExchangedPool) for layer in build(name, pool=average_pool).modules())
        for name in POOLED
    }
    assert counts == {"vgg16": 5, "vgg19": 5, "resnet50": 1, "densenet121": 1, "inception_v3": 2, "xception": 4}


@pytest.mark.parametrize("options", [{"blur_stride": 4}, {"second_blur_size": 2}], ids=str)
def test_a_pooling_that_does_not_fit_is_refused_in_one_line(options):
    pool = functools.partial(max_blur_pool, **options)
    with pytest.raises(ValueError, match=r"model.pool: this pooling makes \d of 16 pixels") as caught:
        build("xception", pool=pool)
    assert "\n" not in str(caught.value)


def test_a_border_that_is_padded_does_not_darken_an_average():
    bright = torch.full((1, 1, 8, 8), 5.0)
    assert torch.equal(ExchangedPool(average_pool, nn.MaxPool2d(3, 2, 1))(bright), torch.full((1, 1, 4, 4), 5.0))
    dark = -torch.rand(1, 2, 9, 9) - 1  # a max pooling must not see the zeros of a border
    old = nn.MaxPool2d(3, 2, 1)
    assert torch.equal(ExchangedPool(max_pool, old)(dark), old(dark))


def test_grey_is_repeated_and_normalised_as_timm_does():
    network = built("resnet50")
    grey = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(grey), network(grey.expand(-1, 3, -1, -1)))
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        by_hand = (grey.expand(-1, 3, -1, -1) - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
        torch.testing.assert_close(network.extract_maps(grey), network.backbone.forward_features(by_hand))
    assert built("xception").mean.flatten().tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("name", ["resnet50", "efficientnet_b0"])
def test_weights_come_from_a_file_with_a_new_head(name, tmp_path):
    source = timm.create_model(name)
    torch.save(source.state_dict(), tmp_path / "imagenet.pth")
    network = build(name, weights=str(tmp_path / "imagenet.pth"))
    own = network.backbone.state_dict()
    assert all(torch.equal(own[key], value) for key, value in source.state_dict().items() if key in own)
    assert len(own) > 300
    assert network.head.weight.shape[0] == 7


def test_a_frozen_backbone_keeps_weights_and_statistics(tmp_path):
    torch.save(timm.create_model("efficientnet_b0").state_dict(), tmp_path / "imagenet.pth")
    network = build("efficientnet_b0", weights=str(tmp_path / "imagenet.pth"), freeze_backbone=True).train()
    assert trainable(network) == 1280 * 7 + 7
    before = {key: value.clone() for key, value in network.backbone.state_dict().items()}
    network(torch.rand(4, 1, 32, 32)).sum().backward()
    assert all(torch.equal(before[key], value) for key, value in network.backbone.state_dict().items())
    assert network.head.weight.grad is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "nowhere.pth"}, "there is no file nowhere.pth"),
        ({"freeze_backbone": True}, "set pretrained or weights as well"),
        ({"in_channels": 2}, "use 1 .grey. or 3"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        build("resnet50", **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"no weights", None])
def test_a_file_of_something_else_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "other.pth"
    if content is None:
        torch.save(nn.Linear(2, 2).state_dict(), path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="does not hold the weights of timm's resnet50") as caught:
        build("resnet50", weights=str(path))
    assert "\n" not in str(caught.value)


def test_without_cache_and_network_pretrained_ends_in_one_line_soon(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "_HUB", "https://nowhere.invalid")
    monkeypatch.setattr(weights, "find_in_cache", lambda name: None)
    # timm leaves it to the hub's own client, which would try again for 46 s.
    monkeypatch.setattr(
        weights.timm, "create_model", lambda *given, **options: pytest.fail("the hub's client was asked")
    )
    with pytest.raises(
        ConnectionError, match="not in the cache and https://nowhere.invalid cannot be reached"
    ) as caught:
        build("vgg16", pretrained=True)
    assert "\n" not in str(caught.value)


def test_weights_in_the_cache_are_found_without_the_network(monkeypatch, tmp_path):
    source = timm.create_model("resnet50")
    torch.save(source.state_dict(), tmp_path / "pytorch_model.bin")
    asked = []

    def kept(repository, file):
        asked.append(repository)
        return str(tmp_path / file) if file == "pytorch_model.bin" else None

    monkeypatch.setattr(weights, "try_to_load_from_cache", kept)
    monkeypatch.setattr(weights, "reach_hub", lambda: pytest.fail("the network was asked"))
    network = build("resnet50", pretrained=True)
    assert torch.equal(network.backbone.conv1.weight, source.conv1.weight)
    assert set(asked) == {"timm/resnet50.a1_in1k"}


def test_the_recipe_pretrained_begins_with_a_file_or_ends_in_one_line(monkeypatch, tmp_path):
    source = timm.create_model("efficientnet_b0")
    torch.save(source.state_dict(), tmp_path / "weights.bin")
    monkeypatch.setattr(weights, "reach_hub", lambda: False)
    monkeypatch.setattr(weights, "find_in_cache", lambda name: None)
    settings = config.resolve(plugin="efficientnet_b0", recipe="pretrained").config
    with pytest.raises(InputError, match="not in the cache") as caught:
        build_network(settings, 7)
    assert "\n" not in str(caught.value)
    assert "give --model.weights FILE" in str(caught.value)
    given = {"model": {"weights": str(tmp_path / "weights.bin")}}
    network = build_network(config.resolve(given, plugin="efficientnet_b0", recipe="pretrained").config, 7)
    assert torch.equal(network.backbone.conv_stem.weight, source.conv_stem.weight)
    assert all("pretrained" in RECIPES[name]["variants"] for name in FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_recipes_are_those_of_table_7(name):
    recipe = RECIPES[name]["recipe"]
    rates = {"SGD": 0.01 if name.startswith("vgg") else 0.1, "RMSprop": 0.001, "Adam": 0.001}
    kinds = {"inception_v3": "RMSprop", "xception": "Adam", "efficientnet_b0": "Adam"}
    assert recipe["optimizer"]["name"] == kinds.get(name, "SGD")
    assert recipe["optimizer"]["lr"] == rates[recipe["optimizer"]["name"]]
    claims = yaml.safe_load((PACKAGE / "claims.yaml").read_text())["claims"]
    printed = [
        c["value"] for c in claims if c["model"] == RECIPES[name]["claims_model"] and c["metric"] == "learning_rate"
    ]
    assert printed == [recipe["optimizer"]["lr"]]
    assert (recipe["data"]["batch_size"], recipe["trainer"]["epochs"]) == (32, 30)


def test_densenet_s_decay_comes_at_half_and_three_quarters_behind_its_warm_up():
    from torch.optim import lr_scheduler

    section = RECIPES["densenet121"]["recipe"]["scheduler"]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    rise = lr_scheduler.LinearLR(optimizer, 1 / 6, total_iters=section["warmup_epochs"])
    main = lr_scheduler.MultiStepLR(optimizer, section["milestones"], section["gamma"])
    both = lr_scheduler.SequentialLR(optimizer, [rise, main], [section["warmup_epochs"]])
    rates = []
    for _ in range(30):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        both.step()
    assert rates[5:15] == pytest.approx([0.1] * 10)
    assert rates[15:22] == pytest.approx([0.01] * 7)
    assert rates[22:] == pytest.approx([0.001] * 8)


def test_strided_convolutions_may_blur():
    """AA-DCN Eq. 15; the maps keep their sizes and no parameter is added."""
    zhang = {"name": "max_blur", "preset": "zhang"}
    network = registry.build("architecture", "resnet50", image_size=64, pool=zhang, blur_strided=True)
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_522_375
    assert not [layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.stride != (1, 1)]
    assert network.extract_maps(torch.zeros(1, 1, 64, 64)).shape == (1, 2048, 2, 2)
    assert isinstance(network.backbone.layer2[0].act2, nn.Sequential)  # behind the ReLU
    with pytest.raises(InputError, match="blur_strided=True has no effect without pool"):
        registry.build("architecture", "resnet50", image_size=64, blur_strided=True)


@pytest.mark.parametrize(
    ("grid", "pretrained"),
    [("aa_dcn.yaml", False), ("aa_dcn_paper_protocol.yaml", False), ("aa_dcn_pretrained.yaml", True)],
)
def test_a_grid_says_whether_its_baselines_are_pretrained(grid, pretrained):
    text = (PACKAGE.parents[2] / "configs" / "grids" / grid).read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    axes = [content.get("axes", {}), *(block["axes"] for block in content["blocks"])]
    listed = [entry for names in axes for entry in names.get("plugin", ())]
    named = [entry if isinstance(entry, dict) else {"name": entry} for entry in listed]
    baselines = [entry for entry in named if entry["name"] in RECIPES]
    assert {entry["name"] for entry in baselines} == set(RECIPES)
    for entry in baselines:
        settings = config.resolve({"data": "synthetic"}, plugin=entry["name"], recipe=entry.get("recipe")).config
        assert bool(settings.model.options.get("pretrained")) == pretrained
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    said = "The baselines start from random weights; the paper's are pre-trained (aa_dcn_pretrained.yaml)." in comment
    assert said != pretrained
