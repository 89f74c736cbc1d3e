"""The contract kit: what keeps the contract passes, and every rule has an object that breaks it alone."""

import itertools
import random as python_random
import re
import warnings
from collections.abc import Callable
from functools import partial
from importlib import metadata
from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_plugins import augment, pooling
from fer_plugins.contract import Fold
from fer_plugins.data import protocols
from fer_plugins.data.datasets.synthetic import Synthetic
from fer_plugins.data.table import SampleTable
from fer_plugins.testing import (
    ContractError,
    check_architecture,
    check_augmentation,
    check_dataset,
    check_pooling,
    check_protocol,
)
from fer_plugins.testing.protocol import example_table

CLASSES = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def rules_broken(check, *args, **kwargs) -> dict[str, str]:
    """Rule -> found and remedy, read from the error's text; {} where nothing is broken."""
    try:
        check(*args, **kwargs)
    except ContractError as error:
        lines = str(error).splitlines()
        assert re.fullmatch(r"\w+ [\w.<>]+ breaks \d+ rules? of the contract:", lines[0])
        found = dict(re.fullmatch(r"- ([^:]+): (.+ Remedy: .+\.)", line).groups() for line in lines[1:])
        assert f"breaks {len(found)} rule" in lines[0]
        return found
    return {}


# --- architectures


class SmallNet(nn.Module):
    """A network that keeps the contract; the broken ones below change one thing each.

    Args:
        width: channels of the convolution.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None, width: int = 4):
        super().__init__()
        if image_size < 4:
            raise ValueError(f"image_size is {image_size}; use at least 4")
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.pool = (pool or pooling.max_pool)(2, 2)
        with torch.no_grad():
            size = self.pool(torch.zeros(1, width, image_size, image_size)).numel()
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(size, num_classes)

    def forward(self, x):
        return self.head(self.drop(self.features(x)))

    def features(self, x):
        return self.pool(self.norm(self.conv(x)).relu()).flatten(1)


class Complete(SmallNet):
    """With all optional members: a term for the loss, its counterpart, a picture, a teacher."""

    criterion_weight = 0.5

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None, teacher=None):
        super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size, pool=pool)
        self.teacher = [teacher]  # in a list: not a submodule
        self.extra = torch.zeros(())

    def forward(self, x):
        logits = super().forward(x)
        if self.training and self.teacher[0] is not None:
            with torch.no_grad():
                self.extra = F.mse_loss(logits, self.teacher[0](x))
        elif self.training:
            self.extra = logits.square().mean()
        return logits

    def auxiliary_loss(self):
        return self.extra

    def explain(self, x):
        return {"convolution": self.conv(x)}


class StartsAtZero(SmallNet):
    """The convolution learns only after ``gain`` has left zero."""

    def __init__(self, *, num_classes: int, image_size: int = 48, in_channels: int = 1):
        super().__init__(num_classes=num_classes, image_size=image_size, in_channels=in_channels)
        self.gain = nn.Parameter(torch.zeros(()))

    def features(self, x):
        return super().features(x) * self.gain


def test_core_poolings_are_tried_by_default():
    seen = []

    def spy(*, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=pooling.max_pool):
        seen.append(pool)
        return SmallNet(num_classes=num_classes, in_channels=in_channels, image_size=image_size, pool=pool)

    check_architecture(spy, image_size=12)
    installed = [entry.load() for entry in metadata.entry_points(group="fer_plugins.poolings")]
    assert {pooling.max_pool, pooling.average_pool, pooling.max_blur_pool} <= set(installed)
    assert set(installed) <= set(seen)


def test_a_pooling_that_does_not_load_is_a_warning(monkeypatch):
    broken = metadata.EntryPoint("lost", "no_such_module:pool", "fer_plugins.poolings")
    good = metadata.EntryPoint("max", "fer_plugins.pooling:max_pool", "fer_plugins.poolings")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [broken, good])
    with pytest.warns(UserWarning, match=r"pooling lost \(no_such_module:pool\) is not tried: ModuleNotFoundError"):
        check_architecture(SmallNet, image_size=12)


@pytest.mark.parametrize("factory", [SmallNet, Complete, StartsAtZero, partial(SmallNet, width=3)])
def test_good_architectures_pass(factory):
    check_architecture(factory, image_size=12)


def test_the_check_passes_options_on_and_leaves_global_seeds_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_architecture(SmallNet, options={"width": 2}, image_size=12, num_classes=3)
    assert torch.equal(torch.get_rng_state(), before)
    found = rules_broken(check_architecture, SmallNet, options={"width": -1}, image_size=12)
    assert "negative dimension" in found["builds"]


class SwallowsOptions(SmallNet):
    def __init__(self, *, num_classes: int, **options):
        super().__init__(num_classes=num_classes, **options)


class NoClasses(SmallNet):
    def __init__(self, *, in_channels: int = 1, image_size: int = 48):
        super().__init__(num_classes=7, in_channels=in_channels, image_size=image_size)


class PositionalOnly(SmallNet):
    def __init__(self, width: int = 4, /, *, num_classes: int, in_channels: int = 1, image_size: int = 48):
        super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size, width=width)


Width = Literal[4, 8]


class BadOptions(SmallNet):
    """Options that the command line cannot serve.

    Args:
        aliased: has a type that the source does not spell out.
        wrong: has a default of another type.
        needed: has no default.
        untyped: has no annotation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        needed: int,
        in_channels: int = 1,
        image_size: int = 48,
        aliased: "Width" = 4,
        wrong: "tuple[int, int]" = (1, 2, 3),
        untyped=1,
        silent: float = 1.0,
    ):
        super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size)


class GoodOptions(SmallNet):
    """Every kind of option that the contract allows.

    Args:
        number (float): real.
        choice: one of a few.
        several: any number of them.
        pair: exactly two.
        nothing: or none.
        names: a list.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 48,
        number: float = 1,
        choice: Literal["a", "b", None] = "a",
        several: tuple[int, ...] = (1, 2, 3),
        pair: tuple[float, float] = (0.5, 1),
        nothing: "int | None" = None,
        names: list[str] | None = None,
    ):
        super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size)


def test_signature_rules():
    check = partial(rules_broken, check_architecture, image_size=12)
    assert check(GoodOptions) == {}
    assert "name every option" in check(SwallowsOptions)["no **options"]
    assert "which the core passes" in check(NoClasses)["takes num_classes"]
    assert "width" in check(PositionalOnly)["no positional-only arguments"]
    found = check(BadOptions, options={"needed": 1})
    assert "`Width` cannot be read" in found.pop("option aliased is typed")
    assert "no annotation" in found.pop("option untyped is typed")
    assert "expected a list of 2 int" in found.pop("default of option wrong")
    assert "it has none" in found.pop("option needed has a default")
    assert "no line for it under Args:" in found.pop("option silent is described")
    assert found == {}
    assert "reading it raises" in check(type)["signature"]


def broken(change: Callable[[SmallNet], None] | None = None, **methods) -> type[SmallNet]:
    """A SmallNet with other methods, or changed after construction."""

    class Broken(SmallNet):
        def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None):
            super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size, pool=pool)
            if change is not None:
                change(self)

    for name, method in methods.items():
        setattr(Broken, name, method)
    return Broken


def small_forward(self, x):
    return SmallNet.forward(self, x)


def with_batch_statistics(self, x):
    return small_forward(self, x - x.mean(0, keepdim=True))


def with_noise(self, x):
    return small_forward(self, x + 0.1 * torch.rand_like(x))


def with_write(self, x):
    return small_forward(self, x.sub_(0.5))


def with_write_in_eval(self, x):
    return small_forward(self, x if self.training else x.sub_(0.5))


def with_value_dependent_branch(self, x):
    return small_forward(self, x if x.mean().item() > 0.1 else -x)


def with_baked_value(self, x):
    if torch.compiler.is_compiling():  # what a tracer sees may differ from what Python runs
        return small_forward(self, x) * 2
    return small_forward(self, x)


def with_nan_for_flat_images(self, x):
    deviation = x.std((1, 2, 3), keepdim=True)
    return small_forward(self, (x - x.mean((1, 2, 3), keepdim=True)) / deviation)


def add_dead_layer(network):
    network.unused = nn.Linear(2, 2)


def add_hidden_state(network):
    network.mask = torch.rand(network.head.in_features)


def refuse_no_size(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None):
    SmallNet.__init__(self, num_classes=num_classes, in_channels=in_channels, image_size=max(image_size, 4), pool=pool)


def refuse_vaguely(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None):
    if image_size < 4:
        raise ValueError("image_size is too small")
    SmallNet.__init__(self, num_classes=num_classes, in_channels=in_channels, image_size=image_size, pool=pool)


def fixed_size(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None):
    SmallNet.__init__(self, num_classes=num_classes, in_channels=in_channels, image_size=image_size)
    self.pool = pool(2, 2) if pool is not None else self.pool


def grey_only(self, *, num_classes: int, image_size: int = 48, pool=None):
    SmallNet.__init__(self, num_classes=num_classes, image_size=image_size, pool=pool)


def seven_classes(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, pool=None):
    SmallNet.__init__(self, num_classes=7, in_channels=in_channels, image_size=image_size, pool=pool)


BROKEN_NETWORKS = {  # name: (class, rule, words of the message)
    "shape": (broken(forward=lambda self, x: small_forward(self, x)[:, 1:]), "logits shape", r"\(1, 6\), not \(1, 7\)"),
    "squeeze": (
        broken(forward=lambda self, x: small_forward(self, x).squeeze()),
        "logits shape",
        r"\(7,\), not \(1, 7\)",
    ),
    "classes": (broken(__init__=seven_classes), "logits shape", r"\(4, 7\), not \(4, 8\).*num_classes 8"),
    "dtype": (broken(forward=lambda self, x: small_forward(self, x).double()), "logits dtype", "torch.float64"),
    "nan": (broken(forward=lambda self, x: small_forward(self, x).log()), "logits are finite", "with pooling max"),
    "flat": (broken(forward=with_nan_for_flat_images), "logits are finite", "images that are 0.0 everywhere"),
    "tuple": (broken(forward=lambda self, x: (small_forward(self, x), x)), "returns logits", "returns a tuple"),
    "pooling": (broken(__init__=fixed_size), "runs", r"pooling halving_more, 1 channel: RuntimeError: mat1 and mat2"),
    "channels": (broken(__init__=grey_only), "runs", r"\(1, 3, 12, 12\) with pooling max, 3 channels"),
    "dead": (broken(add_dead_layer), "gradient reaches every parameter", r"unused\.weight, unused\.bias"),
    "detached": (
        broken(features=lambda self, x: SmallNet.features(self, x).detach()),
        "gradient reaches every parameter",
        r"conv\.weight, conv\.bias, norm\.weight, norm\.bias",
    ),
    "backward": (broken(forward=lambda self, x: small_forward(self, x).detach()), "trains", "does not require grad"),
    "dropout": (
        broken(forward=lambda self, x: self.head(F.dropout(self.features(x), 0.5))),
        "eval is deterministic",
        "two passes over one batch: largest difference",
    ),
    "noise": (broken(forward=with_noise), "eval is deterministic", "largest difference"),
    "batch": (
        broken(forward=with_batch_statistics),
        "eval is independent of the batch",
        "an image alone and in a batch",
    ),
    "softmax": (broken(forward=lambda self, x: small_forward(self, x).softmax(1)), "no softmax", "sum to 1"),
    "log_softmax": (
        broken(forward=lambda self, x: small_forward(self, x).log_softmax(1)),
        "no log_softmax",
        "is 0 for all 4 rows",
    ),
    "write": (broken(forward=with_write), "input unchanged", "wrote to it"),
    "write_eval": (broken(forward=with_write_in_eval), "input unchanged", "wrote to it"),
    "hidden": (
        broken(add_hidden_state, forward=lambda self, x: self.head(self.features(x) * self.mask)),
        "state dict round trip",
        "gives other logits: largest difference",
    ),
    "keys": (
        broken(lambda self: self.register_buffer(f"b{torch.randint(10**9, ()).item()}", torch.ones(1))),
        "state dict round trip",
        "Error.* in loading state_dict",
    ),
    "objects": (
        broken(get_extra_state=lambda self: partial(print), set_extra_state=lambda self, state: None),
        "state dict loads with weights_only",
        "UnpicklingError",
    ),
    "export": (broken(forward=with_value_dependent_branch), "exports", "torch.export.export in eval mode raises"),
    "exported": (broken(forward=with_baked_value), "exports", "other images through the exported program"),
    "no_size": (broken(__init__=refuse_no_size), "too small images are refused", "image_size 1 raises RuntimeError"),
    "vague": (broken(__init__=refuse_vaguely), "too small images are refused", "ValueError: image_size is too small"),
    "explain": (broken(explain=lambda self, x: [x]), "explain returns named tensors", "returns list"),
    "explain_nothing": (broken(explain=lambda self, x: {}), "explain returns named tensors", "returns {}"),
    "explain_array": (broken(explain=lambda self, x: {"a": 1.0}), "explain returns named tensors", "'a' is a float"),
    "explain_batch": (
        broken(explain=lambda self, x: {"a": self.head.weight}),
        "explain returns named tensors",
        r"'a' has shape \(7, 144\) for 4 images",
    ),
    "explain_nan": (broken(explain=lambda self, x: {"a": x / 0}), "explain returns named tensors", "not finite"),
    "explain_error": (broken(explain=lambda self, x: x.no), "explain runs", "AttributeError"),
    "auxiliary": (
        broken(auxiliary_loss=lambda self: self.head.weight),
        "auxiliary_loss is a finite scalar",
        r"\(7, 144\)",
    ),
    "auxiliary_nan": (
        broken(auxiliary_loss=lambda self: torch.tensor(float("nan"))),
        "auxiliary_loss is a finite scalar",
        "tensor\\(nan\\)",
    ),
    "share": (broken(criterion_weight=2.0), "criterion_weight is a share", "2.0"),
}


def halving_more(kernel_size, stride=None):
    return nn.MaxPool2d(kernel_size + 2, (stride or kernel_size) + 1)


@pytest.mark.parametrize("name", BROKEN_NETWORKS)
def test_every_architecture_rule_has_teeth(name):
    factory, rule, words = BROKEN_NETWORKS[name]
    poolings = {"max": pooling.max_pool, "halving_more": halving_more}
    found = rules_broken(check_architecture, factory, image_size=12, poolings=poolings)
    assert rule in found
    assert re.search(words, found[rule])


def test_what_is_no_network():
    def returns_none(*, num_classes: int):
        return None

    def returns_name(*, num_classes: int):
        return "network"

    def raises(*, num_classes: int):
        raise RuntimeError("first line\nsecond line")

    check = partial(rules_broken, check_architecture)
    assert "returns a NoneType" in check(returns_none)["returns a module"]
    assert "returns a str" in check(returns_name)["returns a module"]
    assert "RuntimeError: first line. Remedy" in check(raises)["builds"]


def test_loss_that_is_not_finite():
    network = broken(forward=lambda self, x: small_forward(self, x) / (0 if self.training else 1))
    assert "the loss is nan" in rules_broken(check_architecture, network, image_size=12)["trains"]


class TrainsItsTeacher(SmallNet):
    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, teacher=None):
        super().__init__(num_classes=num_classes, in_channels=in_channels, image_size=image_size)
        self.teacher = teacher

    def forward(self, x):
        if self.training and self.teacher is not None:
            self.teacher(x)
        return super().forward(x)


class NeedsItsTeacher(TrainsItsTeacher):
    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48, teacher):
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, image_size=image_size, teacher=teacher.eval()
        )


class FailsWithTeacher(TrainsItsTeacher):
    def forward(self, x):
        return super().forward(x) if self.teacher is None else self.teacher.no_such_member(x)


def test_teacher_rules():
    check = partial(rules_broken, check_architecture, image_size=12)
    assert "norm.running_mean" in check(TrainsItsTeacher)["teacher stays frozen"]
    assert "'NoneType' object has no attribute 'eval'" in check(NeedsItsTeacher)["builds"]
    assert "no_such_member" in check(FailsWithTeacher)["learns from a teacher"]


def test_one_finding_counts_its_places():
    found = rules_broken(check_architecture, BROKEN_NETWORKS["dtype"][0], image_size=12)
    assert re.search(r"\(and \d+ times more\)\. Remedy: return float32\.", found["logits dtype"])


# --- poolings


@pytest.mark.parametrize("factory", [pooling.max_pool, pooling.average_pool, pooling.max_blur_pool])
def test_core_poolings_pass(factory):
    check_pooling(factory)


@pytest.mark.parametrize("preset", ["paper_kernel4", "paper_both4", "paper_step2", "zhang", "kornia"])
def test_presets_that_keep_the_stride_pass(preset):
    check_pooling(partial(pooling.max_blur_pool, preset=preset))


@pytest.mark.parametrize("preset", ["paper_literal_stride", "paper_stacked"])
def test_presets_that_shrink_more_are_found_out(preset):
    found = rules_broken(check_pooling, partial(pooling.max_blur_pool, preset=preset))
    assert list(found) == ["output size"]
    assert "(2, 3, 48, 48) becomes (2, 3, 12, 12) with kernel_size 2 and stride 2" in found["output size"]


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
def test_every_pooling_rule_has_teeth(name):
    factory, rule, words = BROKEN_POOLINGS[name]
    found = rules_broken(check_pooling, factory)
    assert rule in found
    assert re.search(words, found[rule])


# --- augmentations


@pytest.mark.parametrize("factory", [augment.none, augment.flip_affine_erase])
def test_core_batch_transforms_pass(factory):
    check_augmentation(factory)


@pytest.mark.parametrize("name", ["light", "keras"])
def test_core_sample_transforms_pass(name):
    pytest.importorskip("albumentations")
    check_augmentation(getattr(augment, name))


def flip_if(draw, image):
    return {"image": image[:, ::-1].copy() if draw() < 0.5 else image}


class Sample:
    """A sample transform at module level, so that it pickles."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *, image):
        return self.function(image)


class Batch(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def flip_python(image):
    return flip_if(python_random.random, image)


def flip_numpy(image):
    return flip_if(np.random.random, image)


def flip_torch(image):
    return flip_if(lambda: torch.rand(()).item(), image)


own_generator = np.random.default_rng(0)


def flip_own(image):
    return flip_if(own_generator.random, image)


def mirror(image):
    return {"image": image[:, ::-1].copy()}


def blacken(image):
    image[:] = 0
    return {"image": image}


def grey_only_flip(image):
    return {"image": image.reshape(48, 48, 1)}


def as_float(image):
    return {"image": image / 255}


def crop(image):
    return {"image": image[1:]}


def as_list(image):
    return {"image": image.tolist()}


def misnamed(image):
    return {"img": image}


class Forgetful(Sample):
    def __init__(self):
        super().__init__(flip_numpy)

    def __setstate__(self, state):
        self.function = mirror


def make(transform):
    def factory(*, image_size: int):
        return transform

    return factory


def noise(x):
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1)


def no_size():
    return Batch(noise)


def swallows(*, image_size: int, **options):
    return Batch(noise)


def fails(*, image_size: int):
    raise ImportError("albumentations is missing")


BROKEN_AUGMENTATIONS = {
    "size": (no_size, "takes image_size", "signature is"),
    "swallows": (swallows, "no **options", "name every option"),
    "builds": (fails, "builds", "albumentations is missing"),
    "nothing": (make(3), "returns a transform", "it returns a int"),
    "own_generator": (make(Sample(flip_own)), "same seed, same result", "of 12 images differ"),
    "deterministic": (make(Sample(mirror)), "other seed, other result", "seeds 0 to 5"),
    "write": (make(Sample(blacken)), "input unchanged", "wrote to its image"),
    "channels": (make(Sample(grey_only_flip)), "runs", "48x48x3 uint8 raises ValueError"),
    "float": (make(Sample(as_float)), "keeps shape and dtype", "becomes float64"),
    "crop": (make(Sample(crop)), "keeps shape and dtype", r"becomes uint8 \(47, 48, 1\)"),
    "list": (make(Sample(as_list)), "keeps shape and dtype", "becomes list"),
    "mapping": (make(Sample(misnamed)), "returns a mapping", "it has no 'image'"),
    "lambda": (make(Sample(lambda image: {"image": image})), "picklable", "pickling it raises"),
    "copy": (make(Forgetful()), "picklable", "its copy gives other images"),
    "batch_range": (
        make(Batch(lambda x: x + 0.1 * torch.randn_like(x))),
        "keeps the range",
        r"values in \[0, 1\] become -",
    ),
    "batch_nan": (make(Batch(lambda x: noise(x) * float("nan"))), "keeps the range", "nan"),
    "batch_shape": (make(Batch(lambda x: noise(x)[:, :, 1:])), "keeps shape and dtype", r"\(12, 1, 47, 48\)"),
    "batch_dtype": (make(Batch(lambda x: noise(x).double())), "keeps shape and dtype", "torch.float64"),
    "batch_tuple": (make(Batch(lambda x: (x, x))), "keeps shape and dtype", "becomes tuple"),
    "batch_write": (make(Batch(lambda x: x.mul_(0.9) + 0)), "input unchanged", "wrote to its batch"),
    "batch_seed": (
        make(Batch(lambda x: x * float(own_generator.random()))),
        "same seed, same result",
        "11 of 12 images differ",  # the black one stays black
    ),
    "batch_fixed": (make(Batch(lambda x: x * 0.5)), "other seed, other result", "the same changed images"),
    "batch_channels": (
        make(Batch(lambda x: noise(x.view(12, 1, 48, 48)))),
        "runs",
        r"\(12, 3, 48, 48\) float32 raises",
    ),
}


@pytest.mark.parametrize("transform", [Sample(flip_python), Sample(flip_numpy), Sample(flip_torch), Batch(noise)])
def test_good_augmentations_pass(transform):
    check_augmentation(make(transform))


@pytest.mark.parametrize("name", BROKEN_AUGMENTATIONS)
def test_every_augmentation_rule_has_teeth(name):
    factory, rule, words = BROKEN_AUGMENTATIONS[name]
    found = rules_broken(check_augmentation, factory)
    assert rule in found
    assert re.search(words, found[rule])


def test_check_augmentation_leaves_global_seeds_alone():
    states = python_random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    check_augmentation(augment.flip_affine_erase)
    assert python_random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


# --- datasets


class Pictures:
    """A dataset that keeps the contract; the broken ones below change one thing each."""

    title = "Pictures"
    cache_key = "pictures-1"
    notes = ("made for tests",)

    def __init__(self, classes=CLASSES, **columns):
        self.classes = classes
        self.columns = {"label": [0, 1, 2, 3], "source": ["a", "b", "c", "d"], **columns}

    @property
    def table(self):
        return self.columns

    def __getitem__(self, index):
        return np.random.default_rng(index).integers(0, 256, (9, 8, 1), dtype=np.uint8)


def pictures(**members) -> Pictures:
    """Pictures with other members (in a class of its own, which pickles by value of its name)."""
    kind = type("Pictures", (Pictures,), members)
    kind.__reduce__ = lambda self: (pictures_again, (kind_number(kind), self.__dict__))
    return kind()


KINDS: list[type] = []


def kind_number(kind: type) -> int:
    KINDS.append(kind)
    return len(KINDS) - 1


def pictures_again(number, state):
    copied = KINDS[number].__new__(KINDS[number])
    copied.__dict__.update(state)
    return copied


def counter_image(counter):
    return lambda self, index: np.full((9, 8, 1), next(counter) % 256, dtype=np.uint8)


def copy_differs():
    dataset = Pictures()
    dataset.__class__ = LosesState
    return dataset


class LosesState(Pictures):
    shade = 0

    def __getstate__(self):
        return {**self.__dict__, "shade": 7}

    def __getitem__(self, index):
        return np.full((9, 8, 1), self.shade, dtype=np.uint8)


def image_of(array):
    return pictures(__getitem__=lambda self, index: array)


BROKEN_DATASETS = {
    "no_classes": (object(), "classes are names", "has no attribute 'classes'"),
    "one_word": (Pictures(classes="happy"), "classes are names", "classes is 'happy'"),
    "numbers": (Pictures(classes=[0, "1", "2", "a"]), "classes are names", "0, '1', '2' among them"),
    "twice": (Pictures(classes=["a", "b", "c", "a"]), "classes are unique", "'a', 'b', 'c', 'a'"),
    "table": (pictures(table=property(lambda self: 1 / 0)), "table", "ZeroDivisionError"),
    "no_mapping": (pictures(table=[1, 2]), "table", "TypeError|AttributeError"),
    "length": (Pictures(source=["a", "b"]), "table", "column 'source' has 2 rows, column 'label' 4"),
    "sources": (Pictures(source=["a", "a", "c", "d"]), "table", "two samples have the same source name"),
    "range": (Pictures(label=[0, 1, 2, 7]), "table", "a label lies outside 0..6"),
    "column": (Pictures(age=[1, 2, 3, 4]), "table", "unknown column 'age'"),
    "split": (Pictures(split=["train", "train", "dev", "test"]), "table", "something other than train, val, test"),
    "label_text": (Pictures(label=["0", "1", "2", "3"]), "labels are whole numbers", "the column label holds <U1"),
    "label_float": (Pictures(label=[0.0, 1.0, 2.0, 3.5]), "labels are whole numbers", "float64"),
    "votes": (Pictures(votes=[[1, 2]] * 4), "votes have a column a class", r"\(4, 2\) for 7 classes"),
    "missing": (
        pictures(__getitem__=lambda self, index: [][index]),
        "images are read",
        r"dataset\[0\] raises IndexError",
    ),
    "list": (image_of([[1]]), "images are uint8 HxWxC", "is a list"),
    "float": (image_of(np.zeros((9, 8, 1))), "images are uint8 HxWxC", "is float64"),
    "flat": (image_of(np.zeros((9, 8), np.uint8)), "images are uint8 HxWxC", r"has shape \(9, 8\)"),
    "alpha": (image_of(np.zeros((9, 8, 4), np.uint8)), "images are uint8 HxWxC", r"has shape \(9, 8, 4\)"),
    "random": (pictures(__getitem__=counter_image(itertools.count())), "images are repeatable", "rows 3, 2, 1, 0"),
    "unordered": (
        pictures(
            table=property(lambda self, n=itertools.count(): {**self.columns, "label": np.roll(range(4), next(n))})
        ),
        "table is repeatable",
        "label changed",
    ),
    "lambda": (Pictures(subject=["a"] * 4), None, None),
    "copy": (copy_differs(), "picklable", "rows 0, 1, 2, 3 of its copy"),
    "title": (pictures(title=""), "title is text", "''"),
    "cache_key": (pictures(cache_key=7), "cache_key is text", "7"),
    "cache_key_moves": (
        pictures(cache_key=property(lambda self, n=itertools.count(): f"k{next(n)}")),
        "cache_key is repeatable",
        "from one reading to the next",
    ),
    "notes": (pictures(notes="one"), "notes are sentences", "'one'"),
}


@pytest.mark.parametrize("name", BROKEN_DATASETS)
def test_every_dataset_rule_has_teeth(name):
    dataset, rule, words = BROKEN_DATASETS[name]
    found = rules_broken(check_dataset, dataset)
    if rule is None:
        assert found == {}
        return
    assert rule in found
    assert re.search(words, found[rule])


def test_datasets_that_do_not_pickle():
    dataset = Pictures()
    dataset.reader = lambda: None
    assert "pickling it raises" in rules_broken(check_dataset, dataset)["picklable"]


def test_good_datasets_pass():
    check_dataset(Pictures())
    check_dataset(Pictures(split=["train", "train", "val", "test"], votes=[[1] * 7] * 4))


def test_synthetic_faces_pass():
    check_dataset(Synthetic())


# --- protocols


def halves(table, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    third = len(table) // 3
    return [Fold(np.sort(order[:third]), np.sort(order[third : 2 * third]), np.sort(order[2 * third :]))]


def with_fold(train=range(10), val=range(10, 20), test=range(20, 30)):
    def function(table, seed):
        return [Fold(*(np.asarray(list(rows), dtype=np.int64) for rows in (train, val, test)))]

    return function


def draws(permute):
    def function(table, seed):
        order = np.asarray(permute(len(table)), dtype=np.int64)
        return [Fold(order[:70], order[70:140], order[140:])]

    return function


def python_permutation(size):
    return python_random.sample(range(size), size)


def sorts_in_place(table, seed):
    table.label.sort()
    return halves(table, seed)


def tuples(table, seed):
    return [tuple(halves(table, seed)[0])]


def lists(table, seed):
    return [Fold(*(rows.tolist() for rows in halves(table, seed)[0]))]


def small_integers(table, seed):
    return [Fold(*(rows.astype(np.int32) for rows in halves(table, seed)[0]))]


def one_fold(table, seed):
    return halves(table, seed)[0]


def no_seed(table):
    return halves(table, 0)


def needs_age(table, seed):
    raise ValueError("the table has no ages")


def small_seeds_only(table, seed):
    return [halves(table, 0), halves(table, 1)][seed]


def untyped_option(table, seed, *, share=0.5):
    return halves(table, seed)


def with_flaw(table, seed):
    return halves(table, seed)


with_flaw.flaw = ""

BROKEN_PROTOCOLS = {
    "seed": (no_seed, "takes seed", "signature is"),
    "option": (untyped_option, "option share is typed", "no annotation"),
    "needs": (needs_age, "splits the table", "ValueError: the table has no ages"),
    "fold": (one_fold, "returns folds", "it returns Fold"),
    "none": (lambda table, seed: [], "returns folds", r"it returns \[\]"),
    "tuple": (tuples, "returns folds", "an element is a tuple"),
    "list": (lists, "rows are int64", "train of fold 0 is a list"),
    "int32": (small_integers, "rows are int64", "int32"),
    "range": (with_fold(test=[20, 210]), "rows are in range", "test of fold 0 has rows 20 to 210, the table 210"),
    "negative": (with_fold(val=[-1]), "rows are in range", "-1 to -1"),
    "twice": (with_fold(train=[1, 1]), "rows are unique", "train of fold 0 repeats rows"),
    "overlap": (with_fold(val=[8, 9, 20]), "parts are disjoint", "train and val of fold 0 share 2 rows"),
    "empty": (with_fold(train=[]), "something to train and to score", "0 train"),
    "unscored": (with_fold(val=[], test=[]), "something to train and to score", "0 val and 0 test rows"),
    "numpy": (draws(np.random.permutation), "leaves global seeds alone", r"numpy\.random"),
    "python": (draws(python_permutation), "leaves global seeds alone", "draws from random"),
    "torch": (draws(torch.randperm), "leaves global seeds alone", "draws from torch"),
    "unseeded": (draws(np.random.permutation), "same seed, same folds", "other folds"),
    "own": (draws(np.random.default_rng(0).permutation), "same seed, same folds", "other folds"),
    "sorts": (sorts_in_place, "table unchanged", "changed the column label"),
    "seeds": (small_seeds_only, "takes any seed", "seed 12345 raises IndexError"),
    "flaw": (with_flaw, "flaw is text", "''"),
}


@pytest.mark.parametrize("name", BROKEN_PROTOCOLS)
def test_every_protocol_rule_has_teeth(name):
    function, rule, words = BROKEN_PROTOCOLS[name]
    found = rules_broken(check_protocol, function)
    assert rule in found
    assert re.search(words, found[rule])


@pytest.mark.parametrize("function", [protocols.official, protocols.random, halves])
def test_good_protocols_pass(function):
    check_protocol(function)


def test_a_table_of_ones_own():
    table = SampleTable(label=np.arange(9) % 3, source=np.array(list("abcdefghi")))
    check_protocol(halves, table)
    assert "207" not in rules_broken(check_protocol, with_fold(), table)["rows are in range"]


def test_example_table_is_a_table():
    table = example_table()
    again = SampleTable.from_columns(dict(table.columns()), CLASSES, "example")
    assert len(again) == 210


def test_checks_are_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_architecture(SmallNet, image_size=12)
        check_pooling(pooling.max_pool)
        check_augmentation(augment.none)
        check_dataset(Pictures())
        check_protocol(halves)
