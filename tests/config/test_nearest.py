"""What was meant is proposed where a name is near, and nothing where none is."""

import pytest

from fer_plugins import config
from fer_plugins.config.nearest import find_nearest
from fer_plugins.runtime.errors import InputError

NETWORKS = ["aa_dcn", "dcn", "lenet5", "resnet50", "vgg16", "vgg19", "efficientnet_b0"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("lenet", ["lenet5"]),
        ("AA-DCN", ["aa_dcn", "dcn"]),
        ("vgg", ["vgg19", "vgg16"]),
        ("efficientnet_b1", ["efficientnet_b0"]),
        ("mobilenet_v3", []),
        ("jafe", []),
        ("", []),
    ],
)
def test_near_names(word, near):
    assert find_nearest(word, NETWORKS) == near


@pytest.mark.parametrize("key", ["verbose", "foo", "checkpoint", "hidden"])
def test_a_key_that_is_like_none_is_answered_with_all_sections(key):
    with pytest.raises(InputError, match=rf"^--{key}: unknown key \(from the command line\); known: plugin, recipe, "):
        config.resolve({key: 1}, plugin="lenet5")
