"""check_augmentation: the core's augmentations pass, and every rule has one that breaks it."""

import random
import re

import numpy as np
import pytest
import torch
from torch import nn

from fer_plugins.data import augmentations
from fer_plugins.testing import ContractError, check_augmentation


@pytest.mark.parametrize("factory", [augmentations.none, augmentations.flip_affine_erase])
def test_core_batch_transforms_pass(factory):
    check_augmentation(factory)


@pytest.mark.parametrize("name", ["light", "keras"])
def test_core_sample_transforms_pass(name):
    pytest.importorskip("albumentations")
    check_augmentation(getattr(augmentations, name))


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
    return flip_if(random.random, image)


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
    "none": (make(None), "returns a transform", "it returns a NoneType"),
    "number": (make(3), "returns a transform", "it returns a int"),
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
def test_every_augmentation_rule_has_teeth(name, rules_broken):
    factory, rule, words = BROKEN_AUGMENTATIONS[name]
    broken = rules_broken(check_augmentation, factory)
    assert rule in broken
    assert re.search(words, broken[rule])


def test_check_augmentation_leaves_global_seeds_alone():
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    check_augmentation(augmentations.flip_affine_erase)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])


class Mixer(torch.nn.Module):
    """Swaps each image with its neighbour, as far as ``images`` and ``targets`` say."""

    def __init__(self, images=True, targets=lambda t, weight: weight * t + (1 - weight) * t.roll(1, 0)):
        super().__init__()
        self.images, self.targets = images, targets

    def mix(self, image, target):
        weight = torch.rand(())
        mixed = weight * image + (1 - weight) * image.roll(1, 0) if self.images else image + 0
        return mixed.clamp(0, 1), self.targets(target, weight)


def test_a_sound_mixing_passes():
    check_augmentation(lambda *, image_size: Mixer())


MIXING = {
    "targets are shares": (lambda t, weight: 2 * t, "one-hot rows become"),
    "an image that stays keeps its target": (lambda t, weight: t.roll(1, 0), "with another target"),
    "input unchanged": (lambda t, weight: t.copy_(t.roll(1, 0)) + 0, "wrote to its targets"),
}


@pytest.mark.parametrize("rule", MIXING)
def test_each_rule_of_mixing_has_a_transform_that_breaks_it(rule):
    targets, observed = MIXING[rule]
    stays = rule == "an image that stays keeps its target"
    with pytest.raises(ContractError, match=rule) as caught:
        check_augmentation(lambda *, image_size: Mixer(images=not stays, targets=targets))
    assert observed in str(caught.value)
