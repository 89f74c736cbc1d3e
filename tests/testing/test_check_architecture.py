"""check_architecture: what keeps the contract passes, and every rule has a network that breaks it."""

import re
import warnings
from collections.abc import Callable
from functools import partial
from importlib import metadata

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fer_plugins import pooling
from fer_plugins.testing import check_architecture


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


def test_a_pooling_that_does_not_load_is_a_warning(make_distribution):
    make_distribution("lost", [("poolings", "lost", "no_such_module:pool")])
    with pytest.warns(UserWarning, match=r"pooling lost is not tried"):
        check_architecture(SmallNet, image_size=12)


@pytest.mark.parametrize("factory", [SmallNet, Complete, StartsAtZero, partial(SmallNet, width=3)])
def test_good_architectures_pass(factory):
    check_architecture(factory, image_size=12)


def test_the_check_passes_options_on_and_leaves_global_seeds_alone(rules_broken):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_architecture(SmallNet, options={"width": 2}, image_size=12, num_classes=3)
    assert torch.equal(torch.get_rng_state(), before)
    broken = rules_broken(check_architecture, SmallNet, options={"width": -1}, image_size=12)
    assert "negative dimension" in broken["builds"]


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


def refuse_no_size(self, *, num_classes: int, in_channels: int = 1, image_size: int = 48):
    SmallNet.__init__(self, num_classes=num_classes, in_channels=in_channels, image_size=max(image_size, 4))
    self.conv = nn.Conv2d(in_channels, 4, 3)
    self.head = nn.LazyLinear(num_classes)


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
    "pooling": (broken(__init__=fixed_size), "runs", r"pooling halving_more, 1 channel: RuntimeError: .*mat1 and mat2"),
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
def test_every_architecture_rule_has_teeth(name, rules_broken):
    factory, rule, words = BROKEN_NETWORKS[name]
    poolings = {"max": pooling.max_pool, "halving_more": halving_more}
    broken = rules_broken(check_architecture, factory, image_size=12, poolings=poolings)
    assert rule in broken
    assert re.search(words, broken[rule])


def test_what_is_no_network(rules_broken):
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


def test_loss_that_is_not_finite(rules_broken):
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


def test_teacher_rules(rules_broken):
    check = partial(rules_broken, check_architecture, image_size=12)
    assert "norm.running_mean" in check(TrainsItsTeacher)["teacher stays frozen"]
    assert "'NoneType' object has no attribute 'eval'" in check(NeedsItsTeacher)["builds"]
    assert "no_such_member" in check(FailsWithTeacher)["learns from a teacher"]


def test_one_finding_counts_its_places(rules_broken):
    broken = rules_broken(check_architecture, BROKEN_NETWORKS["dtype"][0], image_size=12)
    assert re.search(r"\(and \d+ times more\)\. Remedy: return float32\.", broken["logits dtype"])


def test_checks_are_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_architecture(SmallNet, image_size=12)
