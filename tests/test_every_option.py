"""Every option of every installed plug-in acts on what is built, or is refused; none is passed over in silence.

Options come from the signatures, so a new one is tried without a line here.
"""

import itertools
import operator

import numpy as np
import pytest
import torch
from skimage.data import astronaut

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.config.annotations import choices
from fer_plugins.contract import MixesBatch
from fer_plugins.runtime.errors import InputError

ARCHITECTURES = registry.available("architecture")


def others(option):
    """Return lists of values that are not the default; of each list one must act, or all be refused."""
    default, annotation = option.default, option.annotation
    listed = [value for value in choices(annotation) if value != default]
    if default is None and (listed or "bool" in annotation):  # null is as something else says, and may say the same
        return [listed or [True, False]]
    if listed:
        return [[value] for value in listed]
    if "bool" in annotation:
        return [[value] for value in (True, False) if value is not default]
    if isinstance(default, tuple | list) and not default:
        return [[["word"]]]
    if isinstance(default, tuple | list):
        halved = [value / 2 if isinstance(value, float) else value // 2 for value in default]
        return [[halved, [value * 1.25 for value in default], [value + 1 for value in default]]]
    if "int" in annotation:
        return [[default // 2, default * 2, default + 1, 0] if default else [1, 2, 24, 3]]
    if "float" in annotation:
        return [[default / 2, default * 2, 0.25, 0.75] if default else [0.25, 0.5, 1.0, 12.0]]
    return [["no such thing"]]


def describe(name, options, size):
    """Yield what is built, the cheap first: settings, weights, then outputs, loss and gradients in both modes."""
    torch.manual_seed(0)
    network = registry.build("architecture", name, num_classes=7, in_channels=1, image_size=size, **options)
    groups = network.parameter_groups() if hasattr(network, "parameter_groups") else []
    rates = [{key: value for key, value in group.items() if key != "params"} for group in groups]
    frozen = [parameter.requires_grad for parameter in network.parameters()]
    yield repr((frozen, rates, getattr(network, "criterion_weight", 1.0), getattr(network, "lr_scale", None)))
    yield [value.clone() for value in network.state_dict().values()]
    torch.manual_seed(1)
    images = torch.rand(2, 1, size, size)
    for training in (True, False):
        network.train(training)
        torch.manual_seed(2)
        with torch.set_grad_enabled(training):
            logits = network(images)
        yield [logits.detach()]
        if training:
            logits.square().sum().backward()
            if hasattr(network, "auxiliary_loss"):
                yield [network.auxiliary_loss().detach()]
            yield [parameter.grad for parameter in network.parameters() if parameter.grad is not None]


def differ(description, before):
    """Return whether two descriptions of networks differ; no further than to the first difference is computed."""
    return not all(same(*pair) for pair in itertools.zip_longest(description, before))


def same(value, expected):
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(
            np.array_equal(tensor.numpy(), twin.numpy(), equal_nan=True)
            for tensor, twin in zip(value, expected, strict=True)
        )
    return value == expected


def acts(build, before, option, values, differ=operator.ne):
    """Return whether one of the values changes what is built; a value that is refused is honest as well."""
    refused = 0
    for value in values:
        try:
            if differ(build({option.name: value}), before):
                return True
        except InputError:
            refused += 1
    return refused == len(values)


@pytest.mark.parametrize("component", ARCHITECTURES, ids=[component.name for component in ARCHITECTURES])
def test_every_option_of_an_architecture_acts_or_is_refused(component):
    # tried by their own plug-in: three beside files of weights, the last beside a pooling that blurs
    left_out = ("pretrained", "weights", "freeze_backbone", "blur_strided")
    options = [option for option in registry.options(component) if option.name not in left_out]
    if not options:
        pytest.skip("it has no further option")
    size = min(config.resolve(plugin=component.name).config.data.image_size, 48)

    def build(options):
        return describe(component.name, options, size)

    before = list(build({}))
    assert not differ(build({}), before)
    idle = [
        f"{option.name}={values}"
        for option in options
        for values in others(option)
        if not acts(build, before, option, values, differ)
    ]
    assert not idle


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("component", ARCHITECTURES, ids=[component.name for component in ARCHITECTURES])
def test_no_number_makes_a_layer_without_units(component):
    """Such a network is built and trained without a word, and gives the same answer for every image."""
    size = min(config.resolve(plugin=component.name).config.data.image_size, 48)
    for option in registry.options(component):
        whole = "int" in option.annotation and "bool" not in option.annotation and not choices(option.annotation)
        for value in (0, -1) if whole else ():
            values = [value] * len(option.default) if isinstance(option.default, tuple | list) else value
            try:
                network = registry.build(
                    "architecture",
                    component.name,
                    num_classes=7,
                    in_channels=1,
                    image_size=size,
                    **{option.name: values},
                )
            except InputError:
                continue
            assert all(parameter.numel() for parameter in network.parameters()), f"{option.name}={values}"


@pytest.mark.parametrize("name", [component.name for component in registry.available("pooling")])
def test_every_option_of_a_pooling_acts_or_is_refused(name):
    component = registry.find("pooling", name)
    # Of an odd and an even side: what rounds, or pads at one end, shows on one of the two.
    maps = [torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(side)) - 0.5 for side in (13, 14)]

    def build(options):
        pool = registry.build("pooling", name, kernel_size=3, stride=2, **options)
        return [(tuple(pooled.shape), pooled.sum().item()) for pooled in map(pool, maps)]

    before = build({})
    for option in registry.options(component):
        for values in others(option):
            if option.name == "vector":
                values = [[1.0, 5.0, 1.0]]
            assert acts(build, before, option, values), f"{option.name}={values}"


@pytest.mark.parametrize("name", [component.name for component in registry.available("augmentation")])
def test_every_option_of_an_augmentation_acts_or_is_refused(name):
    from fer_plugins.data.loaders import apply_transform, seeded

    component = registry.find("augmentation", name)
    images = np.random.default_rng(0).integers(0, 256, (24, 48, 48, 1), dtype=np.uint8)

    def build(options):
        made = registry.build("augmentation", name, image_size=48, **options)
        if isinstance(made, torch.nn.Module):
            torch.manual_seed(0)
            if isinstance(made, MixesBatch):
                floats = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
                return [part.numpy().tobytes() for _ in range(8) for part in made.mix(floats, torch.eye(24))]
            return made(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).numpy().tobytes()
        with seeded(0, made):
            return b"".join(np.asarray(apply_transform(made, image.copy())).tobytes() for image in images)

    before = build({})
    for option in registry.options(component):
        for values in others(option):
            assert acts(build, before, option, values), f"{option.name}={values}"


@pytest.mark.parametrize("name", [component.name for component in registry.available("loss")])
def test_every_option_of_a_loss_acts_or_is_refused(name):
    component = registry.find("loss", name)
    logits = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(12) % 3

    def build(options):
        made = registry.build("loss", name, num_classes=3, class_counts=[10, 30, 600], **options)
        return [float(made(logits, target)) for target in (labels, torch.softmax(logits, 1))]

    before = build({})
    for option in registry.options(component):
        for values in others(option):
            assert acts(build, before, option, values), f"{option.name}={values}"


@pytest.mark.parametrize("name", [component.name for component in registry.available("callback")])
def test_every_option_of_a_callback_acts_or_is_refused(name, tmp_path):
    from fer_plugins.testing.callback import fit_with

    component = registry.find("callback", name)
    folders = (tmp_path / str(number) for number in range(100))

    def build(options):
        callback = registry.build("callback", name, epochs=8, **options)
        seen = fit_with(callback, next(folders)).seen
        return list(seen.values())

    before = build({})
    for option in registry.options(component):
        for values in others(option):
            assert acts(build, before, option, values), f"{option.name}={values}"


@pytest.mark.parametrize("name", [component.name for component in registry.available("logger")])
def test_every_option_of_a_logger_acts_or_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr("fer_plugins.training.wandb_board.Board", lambda *arguments: arguments)
    component = registry.find("logger", name)
    offered = {"folder": tmp_path, "config": config.defaults(), "resume_id": None}
    before = registry.build("logger", name, **offered)
    for option in registry.options(component):
        for values in others(option):
            assert acts(
                lambda arguments: registry.build("logger", name, **offered, **arguments), before, option, values
            )


@pytest.mark.parametrize("name", [component.name for component in registry.available("detector")])
def test_every_option_of_a_detector_acts_or_is_refused(name):
    component = registry.find("detector", name)
    small = astronaut()[20:240, 110:330].copy()
    pictures = (small, small.repeat(3, 0).repeat(3, 1))  # some options act on large pictures alone

    def build(options):
        return [list(registry.build("detector", name, **options)(picture)) for picture in pictures]

    try:
        before = build({})
    except InputError as error:  # a library that only this detector needs
        pytest.skip(str(error))
    for option in registry.options(component):
        for values in others(option):
            assert acts(build, before, option, values), f"{option.name}={values}"


IDLE = [
    ("data.root", "anywhere", "--data NAME"),
    ("data.on_no_face", "skip", "--data.face_crop lbp"),
    ("data.face_margin", 0.1, "--data.face_crop lbp"),
    ("data.face_align", "eyes", "--data.face_crop centerface"),
    ("data.balance_with", "light", "--data.balance augment"),
    ("data.balance_to", 9, "--data.balance augment"),
    ("selection.min_delta", 0.1, "selection.patience"),
]


@pytest.mark.parametrize(("key", "value", "remedy"), IDLE)
def test_a_key_that_would_do_nothing_is_refused_with_a_remedy_that_works(key, value, remedy):
    section, name = key.split(".")
    with pytest.raises(InputError) as caught:
        config.resolve({"model": "lenet5", section: {name: value}})
    assert key in str(caught.value)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)
    followed = {"--data NAME": {"data": {"name": "fer2013"}}, "selection.patience": {"selection": {"patience": 2}}}
    if remedy in followed:
        more = followed[remedy]
    else:
        flag, word = remedy.split()
        more = {"data": {flag.removeprefix("--data."): word}}
    merged = {**more, section: {**more.get(section, {}), name: value}}
    assert config.resolve({"model": "lenet5", **merged}).config.as_dict()[section][name] == value


IDLE_RULES = [
    (component, *rule)
    for component in ARCHITECTURES
    for rule in registry.idle_rules(component)
    if rule[0] not in ("teacher", "kd_alpha")  # without one no weights are mixed: the plug-in's own tests
]


@pytest.mark.parametrize(("component", "name", "value", "idle"), IDLE_RULES)
def test_what_a_network_would_refuse_as_idle_the_configuration_refuses_in_the_same_words(component, name, value, idle):
    for option, default in idle.items():
        annotation = registry.signature(component).named(option).annotation
        other_choice = next((word for word in choices(annotation) if word != default), None)
        if other_choice is None:
            other_choice = not default if isinstance(default, bool) else [1.5, 3.0, 2.0] if option == "pcp_knots" else 2
        beside = {option: other_choice} if value is None else {name: value, option: other_choice}
        with pytest.raises(InputError) as configured:
            config.resolve({"model": {"name": component.name, **beside}, "data": "synthetic"})
        with pytest.raises(InputError) as built:
            registry.build("architecture", component.name, num_classes=7, in_channels=1, **beside)
        words = str(configured.value).removeprefix("model.").partition(" (from")[0]
        assert f"{option}=" in words
        assert words in str(built.value)


def test_a_rule_that_names_no_option_of_its_network_is_the_plugins_fault(monkeypatch):
    monkeypatch.setattr(registry, "read_beside", lambda *names: [("act", "relu", {"knots": 1})])
    with pytest.raises(registry.PluginError, match="IDLE_OPTIONS names knots, which it does not take"):
        registry.idle_rules(registry.find("architecture", "dcnn_bilstm_dam"))


@pytest.mark.parametrize("key", ["mode", "project", "entity", "group", "tags", "run_name", "log_model"])
@pytest.mark.parametrize("logger", ["csv", "none"])
def test_what_is_only_of_wandb_needs_wandb(key, logger):
    value = {"mode": "online", "tags": ["a"], "log_model": True}.get(key, "word")
    with pytest.raises(
        InputError, match=rf"logger\.{key}: has no effect with logger\.name {logger}; add --logger wandb"
    ):
        config.resolve({"logger": {"name": logger, key: value}}, plugin="lenet5")
    config.resolve({"logger": {"name": "wandb", key: value}}, plugin="lenet5")


@pytest.mark.parametrize("protocol", ["official", "official_deduplicated"])
def test_the_seed_of_a_protocol_that_draws_nothing_is_refused(protocol, capsys):
    words = ["--plugin", "lenet5", "--data", "synthetic", "--protocol", protocol, "--print-config"]
    assert main.call("fer-run", main._run, [*words, "--protocol.seed", "5"]) == 2
    assert "protocol.seed: has no effect" in capsys.readouterr().err
    assert main.call("fer-run", main._run, words) == 0
    words[words.index(protocol)] = "random"  # the remedy
    assert main.call("fer-run", main._run, [*words, "--protocol.seed", "5"]) == 0
    split = ["split", "synthetic", "--protocol", protocol, "--protocol.seed", "5"]
    assert main.call("fer", main._verb, ["data", *split]) == 2
