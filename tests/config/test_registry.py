import sys

import pytest

from fer_plugins.config import registry
from fer_plugins.config.registry import PluginError
from fer_plugins.runtime.errors import InputError

GOOD = """
from torch import nn

class Net(nn.Module):
    '''Net.

    Args:
        width: units of the layer.
    '''

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 8, width: int = 4):
        super().__init__()
        inputs = in_channels * image_size**2
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(inputs, width), nn.Linear(width, num_classes))

    def forward(self, x):
        return self.layers(x)
"""


def net(name="net", package="good"):
    return [("architectures", name, f"{package}:Net")]


def fails(call, *parts):
    with pytest.raises(InputError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text
    return text


def test_offers_are_listed_and_nothing_is_imported(make_distribution):
    make_distribution("good", net())
    components = registry.available("architecture")
    component = next(component for component in components if component.name == "net")
    assert (component.distribution, component.version, component.module, component.attribute) == (
        "good",
        "1.0",
        "good",
        "Net",
    )
    assert "good" not in sys.modules
    assert {component.kind for component in registry.available()} == set(registry.GROUPS)


def test_the_core_offers_its_own_through_the_same_groups():
    names = {kind: {component.name for component in registry.available(kind)} for kind in registry.GROUPS}
    assert {"max", "average", "max_blur"} <= names["pooling"]
    assert {"none", "light", "keras", "flip_affine_erase"} <= names["augmentation"]
    assert {"synthetic", "fer2013"} <= names["dataset"]
    assert {"official", "random"} <= names["protocol"]


def test_a_good_plugin_is_built_with_what_its_signature_names(make_distribution):
    make_distribution("good", net(), GOOD)
    built = registry.build("architecture", "net", num_classes=3, image_size=6, width=5, pool=None)
    assert built.layers[1].in_features == 36
    assert built.layers[2].out_features == 3
    assert [option.name for option in registry.options(registry.find("architecture", "net"))] == ["width"]


def test_unknown_name_says_the_nearest():
    fails(lambda: registry.find("pooling", "max_blurr"), "unknown pooling 'max_blurr'", "did you mean max_blur")


def test_unknown_and_mistyped_options(make_distribution):
    make_distribution("good", net(), GOOD)
    fails(lambda: registry.build("architecture", "net", widht=3), "net.widht", "did you mean width?")
    fails(lambda: registry.build("architecture", "net", width="wide"), "net.width", "expected a whole number", "'wide'")
    fails(lambda: registry.build("architecture", "net", pool="max"), "model.pool", "does not pool")


def test_broken_import_names_distribution_and_remedy_and_leaves_others_alone(make_distribution):
    make_distribution("broken", [("architectures", "bad", "broken:Net")], "import a_module_that_is_not_there\n" + GOOD)
    make_distribution("good", net(), GOOD)
    component = registry.find("architecture", "bad")
    fails(lambda: registry.load(component), "broken 1.0", "a_module_that_is_not_there", "pip uninstall broken")
    assert registry.build("architecture", "net", num_classes=2) is not None


def test_missing_attribute(make_distribution):
    make_distribution("lacking", [("architectures", "bad", "lacking:Absent")], "x = 1")
    fails(lambda: registry.build("architecture", "bad"), "lacking 1.0", "Absent", "remedy")


def test_clash_names_both_and_the_distribution_decides(make_distribution):
    make_distribution("one", [("architectures", "same", "one:Net")], GOOD)
    make_distribution("two", [("architectures", "same", "two:Net")], GOOD)
    fails(lambda: registry.find("architecture", "same"), "one 1.0", "two 1.0", "one:same", "two:same")
    assert registry.find("architecture", "two:same").distribution == "two"


def test_contract_range_too_new(make_distribution):
    make_distribution("future", [("architectures", "late", "future:Net")], GOOD, requires="fer-plugins>=99")
    fails(lambda: registry.build("architecture", "late"), "future 1.0", "needs fer-plugins >=99", "remedy")


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("def Net(*, width: int = 1): ...", "does not take num_classes"),
        ("def Net(*, num_classes, **rest): ...", "takes **"),
        ("Net = 3", "is not"),
    ],
)
def test_wrong_signature(make_distribution, source, part):
    make_distribution("odd", net(package="odd"), source)
    fails(lambda: registry.build("architecture", "net"), "odd 1.0", part)


def test_a_factory_that_returns_no_module(make_distribution):
    make_distribution("empty", net(package="empty"), "def Net(*, num_classes: int = 7): return {}")
    fails(lambda: registry.build("architecture", "net"), "empty 1.0", "returns a dict", "torch.nn.Module")


def test_a_factory_that_raises(make_distribution):
    make_distribution("raising", net(package="raising"), "def Net(*, num_classes: int = 7): raise KeyError('x')")
    with pytest.raises(PluginError, match="raising 1.0.*KeyError"):
        registry.build("architecture", "net")


def test_logits_of_the_wrong_shape(make_distribution):
    from fer_plugins import config
    from fer_plugins.training.module import build_network

    make_distribution(
        "wide", net(package="wide"), GOOD.replace("return self.layers(x)", "return self.layers(x).repeat(1, 2)")
    )
    settings = config.resolve({"model": {"name": "net"}, "data": {"image_size": 8}}).config
    with pytest.raises(PluginError, match=r"wide 1.0.*\(1, 14\).*\(1, 7\)"):
        build_network(settings, 7)


def test_the_smallest_image_size_is_said(make_distribution):
    from fer_plugins import config
    from fer_plugins.training.module import build_network

    source = GOOD.replace(
        "super().__init__()", "super().__init__()\n        if image_size < 100: raise ValueError('too small')"
    )
    make_distribution("picky", net(package="picky"), source)
    settings = config.resolve({"model": {"name": "net"}, "data": {"image_size": 20}}).config
    fails(lambda: build_network(settings, 7), "data.image_size", "20 pixels", "100", "too small")


def test_poolings_and_protocols_are_built_as_functions():
    pool = registry.build("pooling", "max_blur", blur_size=3)
    assert hasattr(pool(2, 2), "forward")
    assert callable(registry.build("protocol", "random", val=0.2))
    fails(lambda: registry.pooling({"name": "max_blur", "blur_sise": 3}), "max_blur.blur_sise", "blur_size")
