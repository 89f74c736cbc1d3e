"""mixup and CutMix: images and targets together, in a run, resumed, and where they have no place."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from support import fake_datasets as fake
from support.killed_run import ended, flags, killed

from fer_plugins.analysis.figures.augmentations import draw_augmentation
from fer_plugins.config import registry
from fer_plugins.contract import Batch
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data
from fer_plugins.training.module import FERModule

IMAGES = torch.rand(6, 1, 48, 48, generator=torch.Generator().manual_seed(0))
TARGETS = torch.softmax(torch.randn(6, 3, generator=torch.Generator().manual_seed(1)), 1)


def mixed(name, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build("augmentation", name, image_size=48, **options).mix(IMAGES, TARGETS)


def test_mixup_is_one_weight_for_images_and_targets():
    images, targets = mixed("mixup", alpha=1.0)
    partners, their_targets = IMAGES.roll(1, 0), TARGETS.roll(1, 0)
    weight = ((images - partners) / (IMAGES - partners)).median()
    assert 0.02 < weight < 0.98
    torch.testing.assert_close(images, weight * IMAGES + (1 - weight) * partners, atol=1e-4, rtol=0)
    torch.testing.assert_close(targets, weight * TARGETS + (1 - weight) * their_targets, atol=1e-4, rtol=0)


def test_the_target_of_cutmix_is_the_area_of_the_rectangle():
    for seed in range(5):
        images, targets = mixed("cutmix", seed)
        stays = (images == IMAGES).flatten(1).float().mean(1)
        assert torch.equal(torch.where(images == IMAGES, IMAGES, IMAGES.roll(1, 0)), images)
        expected = stays[:, None] * TARGETS + (1 - stays)[:, None] * TARGETS.roll(1, 0)
        torch.testing.assert_close(targets, expected, atol=1e-5, rtol=0)


def test_a_share_of_the_batches_is_mixed():
    changed = [not torch.equal(mixed("mixup", seed, alpha=1.0, share=0.3)[0], IMAGES) for seed in range(200)]
    assert 0.2 < np.mean(changed) < 0.4


def test_another_transform_may_come_first():
    images, targets = mixed("mixup", first="flip_affine_erase", share=1e-9)
    assert not torch.equal(images, IMAGES)
    assert torch.equal(targets, TARGETS)


def test_training_accuracy_is_the_share_of_the_predicted_class():
    settings = {
        "model": {"name": "lenet5"}, "data": {"channels": 1, "image_size": 48}, "trainer": {"channels_last": False},
        "loss": {"name": "cross_entropy"}, "seed": 0,
    }  # fmt: skip
    module = FERModule(settings, list("abcdefg"))
    batch = Batch(torch.arange(6), IMAGES, torch.arange(6))
    labels = torch.nn.functional.one_hot(batch.label, 7).float()
    spread = 0.75 * labels + 0.25 / 7
    losses, accuracies = [], []
    for target in (None, labels, spread):
        module.on_train_epoch_start()
        losses.append(float(module.training_step(batch._replace(target=target), 0).detach()))
        accuracies.append(module.epoch_means()["train/accuracy"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    assert accuracies[1] == accuracies[0]
    assert accuracies[2] == pytest.approx(0.75 * accuracies[0] + 0.25 / 7)


def log(folder):
    return (folder / "metrics.csv").read_text().splitlines()[1:]


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_a_resumed_run_ends_like_a_whole_one(toy, tmp_path, name):
    changes = {"augmentation": {"name": name, "alpha": 1.0}, "trainer": {"epochs": 4}}
    whole = run(flags(tmp_path / "whole", **changes))
    folder = killed(tmp_path, epoch=3, **changes)
    resume(folder)
    assert ended(folder) == ended(whole.folder)
    plain = run(flags(tmp_path / "plain", trainer={"epochs": 4}))
    assert log(plain.folder) != log(whole.folder)
    assert whole.config["augmentation"] == {"name": name, "alpha": 1.0, "share": 1.0, "first": "none"}


def ferplus(tmp_path, mode, **changes):
    root = fake.write_folder(fake.ferplus(6), tmp_path / "data")
    data = {"name": "ferplus", "root": str(root), "label_mode": mode, "cache": "none"}
    return flags(tmp_path / "runs", plugin="conv_relu_ann", trainer={"epochs": 1}, augmentation="mixup", **changes) | {
        "data": data
    }


def test_several_annotators_shares_are_mixed_and_drawn_labels_are_refused(tmp_path):
    assert run(ferplus(tmp_path, "cross_entropy")).manifest["status"] == "finished"
    with pytest.raises(InputError, match=r"augmentation.name: mixup mixes the shares .*mode draw.*take another"):
        run(ferplus(tmp_path, "probability"))
    with pytest.raises(InputError, match=r"augmentation.name: mixup mixes the shares .*mode any.*take another"):
        run(ferplus(tmp_path, "multi_target"))


def test_mixed_images_balance_no_classes(toy, tmp_path):
    changes = flags(tmp_path / "runs", data={"balance": "augment", "balance_with": "cutmix"})
    with pytest.raises(InputError, match=r"data.balance_with: cutmix mixes images of several classes"):
        run(changes)


def test_a_share_of_nothing_and_a_missing_library_are_refused(monkeypatch):
    with pytest.raises(InputError, match="share is 0, so that nothing is ever mixed"):
        registry.build("augmentation", "mixup", image_size=48, share=0.0)
    for name in ("torchvision", "torchvision.transforms"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"install it with: pip install 'torchvision>=[0-9.]+'"):
        registry.build("augmentation", "mixup", image_size=48)


def test_the_sheet_shows_an_image_mixed_with_others(toy, tmp_path):
    from fer_plugins import config

    settings = config.resolve(flags(tmp_path, augmentation="cutmix")).config
    figure = draw_augmentation(build_data(settings), settings)
    pictures = [np.asarray(axis.get_images()[0].get_array()) for axis in figure.axes if axis.get_images()]
    assert len({picture.tobytes() for picture in pictures}) > 8
    plt.close(figure)
