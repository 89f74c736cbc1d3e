"""Figures of networks, poolings and datasets: diagrams, parameter bars, shifts, sample sheets."""

import numpy as np
import pytest
import torch
from torch import nn

from fer_plugins import config
from fer_plugins.analysis.figures.augmentations import COLUMNS, draw_samples
from fer_plugins.analysis.figures.network_blocks import MOST, trace_blocks
from fer_plugins.analysis.figures.network_diagram import draw_diagram
from fer_plugins.analysis.figures.parameter_bars import draw_parameters
from fer_plugins.analysis.figures.pooling_shift import draw_pooling_shift
from fer_plugins.analysis.figures.style import SMALL, WIDTH
from fer_plugins.analysis.layer_table import list_layers
from fer_plugins.config import registry
from fer_plugins.pooling import max_blur_pool, max_pool
from fer_plugins.runs.cost import macs, parameters
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data

SIZE = (1, 48, 48)


def inside(figure):
    """Every word lies on the figure and is large enough to be read."""
    figure.canvas.draw()
    assert figure.get_figwidth() == WIDTH
    words = [text for axis in figure.axes for text in axis.texts if text.get_text()]
    for text in words:
        assert text.get_fontsize() >= SMALL
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
    return words


@pytest.mark.parametrize("name", ["sdl_stn", "lenet5"])
def test_blocks_and_layers_hold_every_parameter_once(name):
    network = registry.build("architecture", name)
    modes = [module.training for module in network.modules()]
    blocks, layers = trace_blocks(network, SIZE), list_layers(network, SIZE)
    assert [module.training for module in network.modules()] == modes
    assert sum(block.parameters for block in blocks) == sum(layer.parameters for layer in layers) == parameters(network)
    assert sum(layer.macs for layer in layers) == macs(network, SIZE)
    assert len(blocks) <= MOST
    assert blocks[-1].shape == (7,)
    assert all(source < number for number, block in enumerate(blocks) for source in block.inputs)
    assert "parameters" in " ".join(text.get_text() for text in inside(draw_diagram(blocks, SIZE, name)))
    inside(draw_parameters(layers, name))


def test_a_pooling_of_several_steps_is_one_block():
    blocks = trace_blocks(registry.build("architecture", "aa_dcn"), SIZE)
    names = [block.name for block in blocks]
    assert [name for name in names if "pool" in name] == ["features.pool1", "features.pool2", "features.pool3"]
    assert len(set(names)) == len(names)
    assert [block.details for block in blocks if block.name == "dense1"] == [["Linear", "ReLU"]]


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 2, 3, 2), nn.Conv2d(1, 2, 3, 2)
        self.act, self.head = nn.ReLU(), nn.Linear(2, 7)

    def forward(self, x):
        return self.head((self.act(self.left(x)) + self.act(self.right(x))).mean((2, 3)))


def test_branches_meet_where_the_network_adds_them():
    blocks = trace_blocks(Branches(), SIZE)
    assert [(block.name, block.inputs) for block in blocks] == [
        ("left", [-1]), ("right", [-1]), ("", [0, 1]), ("head", [2]),
    ]  # fmt: skip
    assert blocks[0].details == ["Conv2d 3x3, step 2", "ReLU"]
    assert blocks[2].details == ["add", "mean"]


def test_a_network_that_cannot_be_traced_is_refused_in_a_line():
    class Data(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)).expand(1, 7) if x.sum().item() > 0 else x

    with pytest.raises(InputError, match=r"torch\.export does not trace it .*; see --layers") as caught:
        trace_blocks(Data(), SIZE)
    assert "\n" not in str(caught.value)


def test_a_shift_changes_max_more_than_max_blur():
    """The signal 0, 0, 1, 1, ... of AA-DCN's Fig. 15 (after Zhang 2019): max keeps it or makes ones of it."""
    face = registry.build("dataset", "synthetic", samples=63, subjects=3, image_size=48, channels=1)[0].squeeze()
    figure, differences = draw_pooling_shift(lambda k, s: max_blur_pool(k, s, preset="zhang"), "zhang", face)
    inside(figure)
    heights = {}
    for axis in figure.axes[:6]:
        heights.setdefault(axis.get_title(), []).append(axis.lines[0].get_ydata())
    assert [sorted(set(values)) for values in heights["max"]] == [[0, 1], [1]]
    assert [sorted(set(values)) for values in heights["zhang"]] == [[0.5, 1], [0.75]]
    assert differences["zhang"] < differences["max"]
    _, same = draw_pooling_shift(max_pool, "again", face)
    assert same["again"] == same["max"]


def test_the_sample_sheet_shows_each_class_from_the_training_split():
    data = build_data(
        config.resolve({"data": {"name": "synthetic", "samples": 105, "subjects": 5}}, plugin="lenet5").config
    )
    figure = draw_samples(data)
    images = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    counts = np.bincount(data.labels("train"))
    assert len(images) == sum(min(count, COLUMNS) for count in counts)
    training = {image.tobytes() for image in data.row_images(data.rows("train"))}
    assert all(np.asarray(image).tobytes() in training for image in images)
    words = [text.get_text() for text in figure.texts]
    assert all(f"{name}, {count:,} images" in words for name, count in zip(data.classes, counts, strict=True))
    torch.manual_seed(1)
    again = [axis.images[0].get_array() for axis in draw_samples(data).axes if axis.images]
    assert all(np.array_equal(first, second) for first, second in zip(images, again, strict=True))
