"""The contract, every total and shape, the sampler, the penalty, the collapse and its detection, the claims."""

import csv
import inspect
import itertools
import math
from pathlib import Path

import fer_sdl_stn
import numpy as np
import pytest
import torch
import yaml
from fer_sdl_stn import SDLSTN, DeepEmotion
from fer_sdl_stn.four_convolutions import base_layers
from fer_sdl_stn.protocol import paper_sdl_stn
from fer_sdl_stn.sampler import place_grid, share_inside, warp
from scipy import stats
from torch import nn

from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.run import run
from fer_plugins.pooling import average_pool
from fer_plugins.testing import check_architecture, check_protocol

PACKAGE = Path(fer_sdl_stn.__file__).parent
RECIPES = yaml.safe_load((PACKAGE / "paper.yaml").read_text())["architectures"]
CLAIMS = yaml.safe_load((PACKAGE / "claims.yaml").read_text())["claims"]
TOTALS = [
    ({}, 118_175),
    ({"width": 32}, 359_691),
    ({"width": 64}, 773_195),
    ({"merge": "each"}, 382_675),
    ({"topology": "series"}, 30_485),
    ({"branches": "base"}, 43_737),
    ({"branches": "base+sdl1"}, 323_407),
    ({"sdl_order": "conv_avg_relu"}, 118_175),
    ({"sdl_order": "relu_conv_avg"}, 118_175),
    ({"padding_mode": "border", "align_corners": True, "theta_limit": "tanh", "loc_last_init": "gaussian"}, 118_175),
    ({"batch_norm": True}, 118_195),
]
SHARP = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def faces(number=4, channels=1, side=48, seed=0):
    return torch.rand(number, channels, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"width": 4, "merge": "each", "sdl_order": "conv_avg_relu", "init": "pytorch"},
        {"topology": "series", "sdl_order": "relu_conv_avg", "theta_limit": "tanh"},
        {"branches": "base+sdl1", "padding_mode": "border", "align_corners": True, "loc_last_init": "gaussian"},
        {"branches": "base", "batch_norm": True, "dropout": 0.5, "penalty": "none"},
        {"penalty": "decoupled"},
    ],
)
def test_contract(options):
    check_architecture(SDLSTN, options=options, image_size=32 if options else 48)


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "dropout": 0.5, "padding_mode": "border"}])
def test_contract_of_deep_emotion(options):
    check_architecture(DeepEmotion, options=options, image_size=32 if options else 48)


@pytest.mark.parametrize(("options", "total"), TOTALS)
def test_totals(options, total):
    assert count(SDLSTN(num_classes=7, **options)) == total


def test_totals_of_the_parts():
    network = SDLSTN(num_classes=7)
    first, second = network.sdl_modules["sdl1"], network.sdl_modules["sdl2"]
    assert count(network.base) == 2_830
    assert (count(first.localisation), count(first.feature)) == (15_070, 100)
    assert (count(second.localisation), count(second.feature)) == (8_358, 910)
    assert count(network.fc1) + count(network.fc2) == 90_907
    layers = [count(layer) for layer in first.localisation.layers if isinstance(layer, nn.Conv2d)]
    assert layers == [400, 2_010, 910]
    assert (count(first.localisation.fc1), count(first.localisation.fc2)) == (11_552, 198)
    assert [count(layer) for layer in second.localisation.layers if isinstance(layer, nn.Conv2d)] == [3_928, 2_010, 910]
    assert (count(second.localisation.fc1), count(second.localisation.fc2)) == (1_312, 198)


def test_deep_emotion_has_its_two_totals():
    assert count(DeepEmotion(num_classes=7)) == 66_857
    assert count(DeepEmotion(num_classes=7, batch_norm=True)) == 66_877


def test_shapes():
    network = SDLSTN(num_classes=7).eval()
    shapes = {}
    for name, layer in network.named_modules():
        layer.register_forward_hook(
            lambda _, given, out, name=name: shapes.update(
                {name: tuple((out if torch.is_tensor(out) else out[0]).shape)}
            )
        )
    network(faces(2))
    assert shapes["base.9"] == (2, 10, 9, 9)
    assert shapes["base"] == (2, 810)
    assert [shapes[f"base.{place}"][2] for place in (0, 3, 5, 7)] == [46, 22, 20, 18]
    assert shapes["sdl_modules.sdl1"] == (2, 10, 23, 23)
    assert shapes["sdl_modules.sdl2"] == (2, 10, 10, 10)
    assert [shapes[f"sdl_modules.{name}.localisation.layers"] for name in ("sdl1", "sdl2")] == [(2, 360), (2, 40)]
    sides = [
        [shapes[f"sdl_modules.{name}.localisation.layers.{place}"][2] for place in (1, 4, 7)]
        for name in ("sdl1", "sdl2")
    ]
    assert sides == [[24, 12, 6], [11, 5, 2]]
    assert network.fc1.in_features == 1_810


@pytest.mark.parametrize(("factory", "smallest"), [(SDLSTN, 18), (DeepEmotion, 18)])
def test_smallest_image(factory, smallest):
    assert factory(num_classes=7, image_size=smallest).eval()(faces(1, side=smallest)).shape == (1, 7)
    with pytest.raises(ValueError, match=f"image_size {smallest - 1} is too small: use at least {smallest}"):
        factory(num_classes=7, image_size=smallest - 1)


# The start.


@pytest.mark.parametrize("factory", [SDLSTN, DeepEmotion])
@pytest.mark.parametrize("align_corners", [False, True])
def test_at_the_start_every_image_is_unchanged(factory, align_corners):
    torch.manual_seed(0)
    network = factory(num_classes=7, align_corners=align_corners).eval()
    image = faces()
    seen = network.explain(image)
    first = "sdl1" if factory is SDLSTN else "stn"
    for name, theta in seen.items():
        if name.startswith("theta"):
            assert torch.equal(theta, torch.tensor(SHARP).expand(4, 2, 3))
    assert (seen[f"warped_{first}"] - image).abs().max() < 1e-5
    health = network.health(image)
    assert health.figures[f"{first}_inside"] == 1.0
    assert health.figures[f"{first}_theta_change"] == health.figures[f"{first}_theta_spread"] == 0.0
    assert not [fault for fault in health.faults if "grid" in fault]


def test_weights_start_normal_and_biases_zero():
    torch.manual_seed(0)
    network = SDLSTN(num_classes=7)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and not name.endswith("localisation.fc2"):
            assert not layer.bias.any(), name
            if layer.weight.numel() > 300:
                assert layer.weight.std().item() == pytest.approx(0.05, rel=0.15), name
    limited = SDLSTN(num_classes=7, theta_limit="tanh")
    assert torch.equal(limited.explain(faces())["theta_sdl2"], torch.tensor(SHARP).expand(4, 2, 3))
    gaussian = SDLSTN(num_classes=7, loc_last_init="gaussian").sdl_modules["sdl1"].localisation.fc2
    assert gaussian.weight.any()
    assert not gaussian.bias.any()


def test_tanh_keeps_theta_within_half_of_the_identity():
    torch.manual_seed(0)
    network = SDLSTN(num_classes=7, theta_limit="tanh").eval()
    with torch.no_grad():
        network.sdl_modules["sdl1"].localisation.fc2.bias.fill_(100.0)
    assert torch.allclose(network.explain(faces())["theta_sdl1"], torch.tensor(SHARP) + 0.5)


# The sampler.


def test_a_mirror_returns_the_flipped_image():
    image, mirror = faces(2, 3, 15), torch.tensor([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).expand(2, 2, 3)
    for align_corners in (False, True):
        assert torch.allclose(warp(image, mirror, "zeros", align_corners), image.flip(3), atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_sampler_is_eq_3(align_corners):
    """V = sum_n sum_m U[n, m] max(0, 1 - |x - m|) max(0, 1 - |y - n|), by loops over a 5x5 image."""
    image = faces(1, 1, 5, seed=3)
    theta = torch.tensor([[[0.8, 0.3, 0.1], [-0.2, 0.9, -0.15]]])
    got = warp(image, theta, "zeros", align_corners)[0, 0]
    for row, column in itertools.product(range(5), range(5)):
        side = 4 if align_corners else 5  # pixels between -1 and 1
        first = 0 if align_corners else 0.5
        at = [-1 + 2 * (place + first) / side for place in (column, row)]
        x, y = (sum(t * v for t, v in zip(line, [*at, 1.0], strict=True)) for line in theta[0].tolist())
        m, n = ((v + 1) * side / 2 - first for v in (x, y))
        value = sum(
            float(image[0, 0, j, i]) * max(0, 1 - abs(m - i)) * max(0, 1 - abs(n - j))
            for j, i in itertools.product(range(5), range(5))
        )
        assert float(got[row, column]) == pytest.approx(value, abs=1e-5)


def test_a_grid_outside_reads_zeros_and_has_no_gradient():
    theta = torch.tensor([[1.0, 0.0, 2.5], [0.0, 1.0, 0.0]]).expand(3, 2, 3).clone().requires_grad_(True)
    warped = warp(faces(3), theta, "zeros", False)
    assert not warped.any()
    (warped * faces(3, seed=1)).sum().backward()
    assert not theta.grad.any()
    assert share_inside(theta.detach(), 48, 48, False).tolist() == [0.0] * 3
    assert place_grid(theta, 48, 48, False).shape == (3, 48, 48, 2)


@pytest.mark.parametrize("factory", [SDLSTN, DeepEmotion])
def test_health_says_that_the_grid_has_left_the_image(factory):
    torch.manual_seed(0)
    network = factory(num_classes=7, init="pytorch").eval()
    localisation = network.sdl_modules["sdl1"].localisation if factory is SDLSTN else network.localisation
    name = "sdl1" if factory is SDLSTN else "stn"
    with torch.no_grad():
        localisation.fc2.bias.copy_(torch.tensor([1.0, 0.0, 2.5, 0.0, 1.0, 0.0]))
    health = network.health(faces())
    assert health.figures[f"{name}_inside"] == 0.0
    assert health.figures[f"{name}_theta_change"] == pytest.approx(2.5 / 6)
    assert any(
        f"the sampling grid of {name} has left the image: 0.0 %" in fault.replace("0.0%", "0.0 %")
        for fault in health.faults
    )
    with torch.no_grad():
        localisation.fc2.bias.fill_(math.nan)
    assert any(name in fault for fault in network.health(faces()).faults)


def test_half_a_grid_outside_is_no_fault():
    network = SDLSTN(num_classes=7).eval()
    with torch.no_grad():
        network.sdl_modules["sdl1"].localisation.fc2.bias.copy_(torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0]))
    health = network.health(faces())
    assert health.figures["sdl1_inside"] == pytest.approx(0.5, abs=0.02)
    assert health.faults == []


def test_the_printed_rate_collapses_and_is_no_result(tmp_path):
    flags = {
        "plugin": "sdl_stn",
        "data": {"name": "synthetic", "samples": 1050, "subjects": 50},
        "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
        "logger": {"name": "csv"},
        "run": {"output": str(tmp_path)},
    }
    collapsed = run({**flags, "recipe": "paper_literal"})
    faults = collapsed.metrics["not_a_result"]
    assert any("the sampling grid of sdl1 has left the image" in fault for fault in faults)
    assert any("is called" in fault for fault in faults)
    assert collapsed.metrics["claims"] == []
    sound = run({**flags, "data": {"name": "synthetic", "samples": 210, "subjects": 10}})
    assert not any("grid" in fault for fault in sound.metrics["not_a_result"])
    with (sound.folder / "metrics.csv").open() as file:
        assert all(float(row["health/sdl1_inside"]) > 0.9 for row in csv.DictReader(file))


# The penalty.


def test_the_penalty_is_eq_5_on_two_weights_only():
    torch.manual_seed(0)
    network = SDLSTN(num_classes=7)
    penalty = network.auxiliary_loss()
    by_hand = 0.5 * (1e-3 * network.fc1.weight.square().sum() + 1e-2 * network.fc2.weight.square().sum())
    torch.testing.assert_close(penalty, by_hand)
    penalty.backward()
    touched = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert touched == {"fc1.weight", "fc2.weight"}
    torch.testing.assert_close(network.fc1.weight.grad, 1e-3 * network.fc1.weight.detach())
    torch.testing.assert_close(network.fc2.weight.grad, 1e-2 * network.fc2.weight.detach())


@pytest.mark.parametrize("penalty", ["decoupled", "none"])
def test_other_penalties_add_nothing_to_the_loss(penalty):
    assert float(SDLSTN(num_classes=7, penalty=penalty).auxiliary_loss()) == 0.0


def test_groups_decay_the_two_weights_or_nothing():
    def decays(network):
        optimizer = torch.optim.AdamW(network.parameter_groups(), lr=0.1, weight_decay=0.0)
        names = {parameter: name for name, parameter in network.named_parameters()}
        return {names[p]: group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}

    plain, decoupled = SDLSTN(num_classes=7), SDLSTN(num_classes=7, penalty="decoupled", lambda2=0.02)
    assert set(decays(plain).values()) == {0.0}
    rates = decays(decoupled)
    assert len(rates) == len(list(decoupled.parameters()))
    assert {name: rate for name, rate in rates.items() if rate} == {"fc1.weight": 0.001, "fc2.weight": 0.02}


# Options and recipes.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width is 0; give at least 1"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"lambda1": -1.0}, "give numbers of at least 0"),
        ({"merge": "all"}, "merge is 'all'; use one of last, each"),
        ({"topology": "series", "merge": "each"}, "merge=each has no effect with topology=series"),
        ({"branches": "base", "merge": "each"}, "merge=each has no effect with branches=base"),
    ],
)
def test_wrong_options_are_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        SDLSTN(num_classes=7, **options)
    assert "\n" not in str(caught.value)


def test_the_pooling_is_exchanged_in_base_and_localisation_only():
    network = SDLSTN(num_classes=7, pool=average_pool)
    kinds = [type(layer).__name__ for layer in network.modules() if "Pool" in type(layer).__name__]
    assert "MaxPool2d" not in kinds
    assert len(kinds) == 2 + 2 * 3 + 2


def test_dropout_is_silent_in_evaluation():
    network, image = DeepEmotion(num_classes=7, dropout=0.5).eval(), faces()
    assert torch.equal(network(image), network(image))


def test_the_schedule_of_the_printed_rate():
    recipe = RECIPES["sdl_stn"]["recipe"]
    lr = RECIPES["sdl_stn"]["variants"]["paper_literal"]["optimizer"]["lr"]
    arguments = {key: value for key, value in recipe["scheduler"].items() if key != "name"}
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = getattr(torch.optim.lr_scheduler, recipe["scheduler"]["name"])(optimizer, **arguments)
    rates = []
    for _ in range(recipe["trainer"]["epochs"]):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert [rates[epoch] for epoch in (0, 10, 184, 299)] == pytest.approx([0.03, 0.027, 0.0045028, 0.0014130], rel=1e-4)


def test_recipes_are_the_paper_s():
    recipe = RECIPES["sdl_stn"]["recipe"]
    assert (recipe["data"]["batch_size"], recipe["data"]["balance"], recipe["trainer"]["epochs"]) == (
        128,
        "oversample",
        300,
    )
    assert recipe["optimizer"] == {"name": "AdamW", "lr": 0.001, "betas": [0.9, 0.999], "weight_decay": 0.0}
    known = set(inspect.signature(SDLSTN).parameters) | {"name"}
    for variant in RECIPES["sdl_stn"]["variants"].values():
        assert set(variant.get("model", {})) <= known


# The claims' arithmetic.


def claimed(metric, **more):
    keys = {"metric": metric, "model": "SDL", **more}
    return next(c["value"] for c in CLAIMS if all(c.get(key) == value for key, value in keys.items()))


def test_table_8_is_whole_counts_of_private_test():
    support = {"anger": 491, "disgust": 55, "fear": 528, "happy": 879, "sad": 594, "surprise": 416, "neutral": 626}
    right, called = {}, {}
    for name, images in support.items():
        values = {
            m: claimed(m, source="Table 8", dataset="FER2013", **{"class": name}) for m in ("precision", "recall", "f1")
        }
        right[name] = round(values["recall"] * images)
        called[name] = round(right[name] / values["precision"])
        assert right[name] / images == pytest.approx(values["recall"], abs=1e-8)
        assert right[name] / called[name] == pytest.approx(values["precision"], abs=1e-8)
        assert 2 * right[name] / (images + called[name]) == pytest.approx(values["f1"], abs=1e-8)
    total = sum(support.values())
    assert (sum(right.values()), sum(called.values()), total) == (2_689, 3_589, 3_589)
    chance = sum(support[name] * called[name] for name in support) / total**2
    assert (sum(right.values()) / total - chance) / (1 - chance) == pytest.approx(0.696336, abs=1e-6)


@pytest.mark.parametrize(
    ("dataset", "z", "t"), [("FERG", 0.0860, 0.0941), ("CK+", 0.1316, 0.1440), ("FER2013", 0.1619, 0.1772)]
)
def test_table_7_is_a_z_interval_over_15_runs_and_ferg_a_misprint(dataset, z, t):
    sd = claimed("accuracy_sd", dataset=dataset)
    half = {"z": 1.96 * sd / math.sqrt(15), "t": stats.t.ppf(0.975, 14) * sd / math.sqrt(15)}
    assert 100 * half["z"] == pytest.approx(z, abs=6e-5)
    assert 100 * half["t"] == pytest.approx(t, abs=6e-5)
    printed = claimed("ci95_halfwidth", dataset=dataset)
    assert (abs(printed - half["z"]) < 1e-6) == (dataset != "FERG")


def test_the_printed_losses_are_no_mean_cross_entropies():
    errors = 1 - claimed("accuracy", split="train", dataset="FER2013")
    assert claimed("loss", split="train") < errors * math.log(2)
    assert claimed("loss", split="train") * 28_709 / 225 == pytest.approx(0.618, abs=5e-4)
    assert claimed("loss", split="validation") * 3_589 / 29 == pytest.approx(0.563, abs=5e-4)


def test_the_spread_on_ck_plus_is_impossible_on_the_sizes_that_are_named():
    """Fifteen accuracies k/n whose mean is 0.99512 lie at best on the two neighbours of that mean."""
    mean, sd = claimed("accuracy_mean", dataset="CK+"), claimed("accuracy_sd", dataset="CK+")
    for images, least in ((33, 0.0115), (66, 0.0073), (98, 0.0053)):
        errors = round(15 * images * (1 - mean))  # all over fifteen runs, at most one a run
        runs = np.array([1 - 1 / images] * errors + [1.0] * (15 - errors))
        assert runs.std(ddof=1) == pytest.approx(least, abs=0.0012)
        assert runs.std(ddof=1) > sd


def test_the_paper_s_protocol_is_80_10_10_by_image_and_says_its_flaw():
    check_protocol(paper_sdl_stn)
    assert "images are drawn, not people" in paper_sdl_stn.flaw
    table = check_table(981)
    fold = paper_sdl_stn(table, 0)[0]
    assert [len(part) for part in fold] == [785, 98, 98]
    assert set(table.subject[fold.train]) & set(table.subject[fold.test])
    with pytest.raises(ValueError, match="at least 10 images"):
        paper_sdl_stn(check_table(9), 0)
    assert RECIPES["sdl_stn"]["variants"]["paper_protocol"]["protocol"]["name"] == "paper_sdl_stn"


def test_ferg_is_split_as_section_5_says():
    """1,000 images of each class at random to test, 14,000 to validate, and around 34,000 that train."""
    labels = np.arange(55_767) % 7
    table = SampleTable(labels, np.array([f"i{row:05}" for row in range(len(labels))]))
    recipe = RECIPES["sdl_stn"]["variants"]["paper_ferg"]["protocol"]
    fold = paper_sdl_stn(table, 0, test_per_class=recipe["test_per_class"], val_images=recipe["val_images"])[0]
    assert [len(rows) for rows in fold] == [34_767, 14_000, 7_000]
    assert np.bincount(labels[fold.test]).tolist() == [1_000] * 7
    assert len(np.unique(np.concatenate(fold))) == len(table)
    assert not np.array_equal(fold.test, paper_sdl_stn(table, 1, test_per_class=1_000, val_images=14_000)[0].test)
    few = check_table(981)
    for options, message in (
        ({"test_per_class": 1_000}, "has 981 images; lower protocol.test_per_class"),
        ({"test_per_class": 900, "val_images": 81}, "none would train; lower protocol.val_images"),
        ({"val_images": 0}, "give at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            paper_sdl_stn(few, 0, **options)


def check_table(size):
    """A table of ``size`` images, three of each person."""
    names = np.array([f"i{row:04}" for row in range(size)])
    return SampleTable(np.zeros(size, np.int64), names, subject=np.arange(size) // 3)


def test_the_base_is_pooled_where_the_readme_and_the_card_say():
    layers = list(base_layers(1, 10, average_pool))
    pools = [place for place, layer in enumerate(layers) if isinstance(layer, nn.AvgPool2d)]
    behind = [sum(isinstance(layer, nn.Conv2d) for layer in layers[:place]) for place in pools]
    assert behind == [2, 4]
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    assert '| base | pooled behind the second and fourth convolution | "four convolutional layers' in readme
    assert (
        "pooled behind the second and the fourth convolution, not behind each"
        in (RECIPES["sdl_stn"]["assumed"]["model.pool"])
    )
