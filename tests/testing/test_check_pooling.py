"""check_pooling: the core's poolings pass, and every rule has a pooling that breaks it."""

import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_plugins import pooling
from fer_plugins.testing import check_pooling


@pytest.mark.parametrize("factory", [pooling.max_pool, pooling.average_pool, pooling.max_blur_pool])
def test_core_poolings_pass(factory):
    check_pooling(factory)


@pytest.mark.parametrize("preset", ["wide_max", "zhang", "kornia"])
def test_presets_that_keep_the_stride_pass(preset):
    check_pooling(partial(pooling.max_blur_pool, preset=preset))


@pytest.mark.parametrize("options", [{"blur_stride": 4}, {"second_blur_size": 2}], ids=str)
def test_options_that_shrink_more_are_found_out(options, rules_broken):
    broken = rules_broken(check_pooling, partial(pooling.max_blur_pool, **options))
    assert list(broken) == ["output size"]
    assert "(2, 3, 48, 48) becomes (2, 3, 12, 12) with kernel_size 2 and stride 2" in broken["output size"]


class Pooling(nn.Module):
    """Average pooling through a function of the module, the maps, the window and the step."""

    def __init__(self, function, kernel_size, stride):
        super().__init__()
        self.function, self.window = function, (kernel_size, stride or kernel_size)

    def forward(self, x):
        return self.function(x, *self.window)


def pool_by(function, change=None):
    def factory(kernel_size, stride=None):
        pool = Pooling(function, kernel_size, stride)
        if change is not None:
            change(pool)
        return pool

    return factory


def learn(pool):
    pool.weight = nn.Parameter(torch.ones(1))


def remember(pool):
    pool.register_buffer("kernel", torch.ones(1))


def no_stride(kernel_size):
    return nn.AvgPool2d(kernel_size)


def other_names(size, step=None):
    return nn.AvgPool2d(size, step)


def ignores_stride(kernel_size, stride=None):
    return nn.AvgPool2d(kernel_size)


def ignores_window(kernel_size, stride=2):
    return nn.AvgPool2d(kernel_size, stride)


def returns_function(kernel_size, stride=None):
    return F.avg_pool2d


def write_and_pool(x, kernel_size, stride):
    return F.avg_pool2d(x.mul_(0.5), kernel_size, stride)


def mix_channels(x, kernel_size, stride):
    weights = torch.arange(1.0, x.shape[1] + 1, dtype=x.dtype)[:, None, None]
    return F.avg_pool2d(x * weights * x.shape[1] / weights.sum(), kernel_size, stride)


BROKEN_POOLINGS = {
    "names": (other_names, "takes kernel_size", "signature is"),
    "no_stride": (no_stride, "takes stride", "signature is"),
    "by_name": (other_names, "builds by name", "unexpected keyword argument"),
    "by_place": (no_stride, "builds", r"factory\(2, 2\) raises TypeError"),
    "none": (lambda kernel_size, stride=None: None, "is a module", "returns a NoneType"),
    "module": (returns_function, "is a module", "returns a"),
    "learnt": (pool_by(F.avg_pool2d, learn), "no learnt parameters", "it has weight"),
    "saved": (pool_by(F.avg_pool2d, remember), "empty state dict", "it saves kernel"),
    "stride": (
        ignores_stride,
        "output size",
        r"\(2, 3, 48, 48\) becomes \(2, 3, 16, 16\) with kernel_size 3 and stride 2",
    ),
    "stride_none": (ignores_window, "output size", "with kernel_size 3 and stride 3"),
    "padded": (pool_by(lambda x, k, s: F.avg_pool2d(F.pad(x, (2, 2, 2, 2)), k, s)), "output size", "allowed are"),
    "channel": (pool_by(lambda x, k, s: F.avg_pool2d(x[:, :1], k, s)), "keeps channels", "3 become 1"),
    "mixed": (pool_by(mix_channels), "channels are independent", "the order of 3 channels"),
    "write": (pool_by(write_and_pool), "input unchanged", "wrote to it"),
    "sum": (
        pool_by(lambda x, k, s: F.avg_pool2d(x, k, s, divisor_override=3)),
        "constant stays constant",
        "0.7 becomes 0.93",
    ),
    "dtype": (
        pool_by(lambda x, k, s: F.avg_pool2d(x.float(), k, s)),
        "keeps the dtype",
        "float64 becomes torch.float32",
    ),
    "runs": (pool_by(lambda x, k, s: F.avg_pool2d(x.view(2, 3, 48, 48), k, s)), "runs", "47x47 with kernel_size 2"),
    "tensor": (pool_by(lambda x, k, s: (F.avg_pool2d(x, k, s),)), "returns a tensor", "tuple"),
}


@pytest.mark.parametrize("name", BROKEN_POOLINGS)
def test_every_pooling_rule_has_teeth(name, rules_broken):
    factory, rule, words = BROKEN_POOLINGS[name]
    broken = rules_broken(check_pooling, factory)
    assert rule in broken
    assert re.search(words, broken[rule])
