"""Offline augmentation: made images, their parents, and on which side of a split they may lie."""

from __future__ import annotations

import numpy as np
import pytest
from support import fake_datasets as fake
from support.verbs import parse
from torch import nn

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.data.images import digest_of
from fer_plugins.data.offline import Offline, balance_classes
from fer_plugins.data.protocols.official import augments_first
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.build import build_data


class Darker(nn.Module):
    def forward(self, x):
        return x / 2


def flipped(*, image):
    return {"image": np.ascontiguousarray(image[:, ::-1])}


def example(counts=(6, 3, 1)):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 1), dtype=np.uint8)
    digests = np.array([digest_of(image) for image in images])
    return images, SampleTable(labels, np.array([f"i{row}" for row in range(len(labels))]), digest=digests)


def data_of(*words, plugin="dcn"):
    flags = parse(["--data.cache", "none", *map(str, words)]).flags
    return build_data(config.resolve(flags, plugin=plugin).config)


def test_every_class_gets_as_many_as_the_largest_and_parents_are_taken_in_turn():
    images, table = example()
    more, joined, rows = balance_classes(images, table, np.arange(10), Offline(flipped), seed=0)
    assert np.bincount(joined.label[rows]).tolist() == [6, 6, 6]
    assert len(more) == len(joined) == 18
    made = joined.source[10:]
    assert sorted(made) == sorted([*(f"i{row}#1" for row in (6, 7, 8)), *(f"i9#{n}" for n in range(1, 6))])
    for row in range(10, 18):
        parent = int(joined.parent[row][1:])
        assert np.array_equal(more[row], images[parent][:, ::-1])
        assert joined.label[row] == table.label[parent]
        assert joined.digest[row] == digest_of(more[row])
    assert (joined.parent[:10] == table.source).all()


def test_a_target_below_a_class_keeps_a_part_of_it_and_rows_outside_are_left_alone():
    images, table = example()
    more, joined, rows = balance_classes(images, table, np.arange(9), Offline(Darker(), 4), seed=0)
    assert np.bincount(joined.label[rows]).tolist() == [4, 4]
    assert 9 not in rows  # the only image of class 2 was not among those to balance
    made = int(rows[-1])
    parent = int(joined.parent[made][1:])
    assert np.abs(more[made].astype(int) - images[parent] / 2).max() <= 0.51


def test_the_same_seed_makes_the_same_and_the_order_of_rows_does_not_matter():
    images, table = example()
    keras = registry.build("augmentation", "keras", image_size=8, width_shift_range=0.2, height_shift_range=0.2)
    first, *_ = balance_classes(images, table, np.arange(10), Offline(keras, 8), seed=3)
    two, *_ = balance_classes(images, table, np.arange(10), Offline(keras, 8), seed=3)
    other_seed, *_ = balance_classes(images, table, np.arange(10), Offline(keras, 8), seed=4)
    assert np.array_equal(first, two)
    assert not np.array_equal(first, other_seed)
    shuffle = np.random.default_rng(1).permutation(10)
    moved, *_ = balance_classes(images[shuffle], table.rows(shuffle), np.arange(10), Offline(keras, 8), seed=3)
    assert sorted(digest_of(image) for image in moved) == sorted(digest_of(image) for image in first)


def test_in_a_run_made_images_train_and_never_test():
    data = data_of(
        "--data", "synthetic", "--data.samples", "126", "--data.balance", "augment", "--data.balance_to", "20"
    )
    assert set(data.counts["train"].values()) == {20}
    made = np.flatnonzero(data.table.parent != data.table.source)
    assert len(made) > 0
    assert set(made) <= set(data.fold.train)
    parents = set(data.table.parent[data.fold.train])
    assert not parents & set(data.table.source[data.fold.test])
    assert data.leaks.siblings == {("train", "val"): 0, ("train", "test"): 0, ("val", "test"): 0}
    plain = data_of("--data", "synthetic", "--data.samples", "126")
    assert data.fingerprint == plain.fingerprint  # of the dataset
    assert data.split_hash != plain.split_hash  # of what is trained on


def test_the_papers_protocol_augments_first_and_the_leak_is_counted(tmp_path):
    root = fake.write_folder(fake.ckplus_folders(4), tmp_path)
    words = ("--data", "ckplus", "--data.root", root, "--data.check", "off", "--protocol", "paper_aa_dcn")
    data = data_of(*words, "--data.balance", "augment", "--data.balance_to", "40", "--augmentation", "none")
    assert len(data.fold.train) + len(data.fold.test) == 7 * 40
    assert data.selects_on_test
    siblings = data.leaks.siblings["train", "test"]
    train, test = (set(data.table.parent[split]) for split in (data.fold.train, data.fold.test))
    assert siblings == len(train & test) > 15
    assert any(
        f"{siblings} images with augmented versions in both train and test" in warning for warning in data.warnings
    )


def test_the_recipe_gives_table_3():
    for recipe, number, share in (
        ("paper_ckplus", 4021, 0.1),
        ("paper_jaffe", 4489, 0.25),
        ("paper_rafdb", 12845, 0.25),
    ):
        for plugin in ("dcn", "aa_dcn"):
            settings = config.resolve({}, plugin=plugin, recipe=recipe).config
            assert (settings.data.balance, settings.data.balance_total) == ("augment", number)
            assert settings.protocol.options["held_out"] == share


def test_augmenting_first_is_impossible_without_a_flaw():
    def sly(table, seed):
        return []

    sly.augments_first = True
    with pytest.raises(InputError, match="says augments_first and no flaw"):
        augments_first(sly)
    assert augments_first(registry.build("protocol", "paper_aa_dcn"))
    assert not augments_first(registry.build("protocol", "random"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--data.balance_to", "60"],
            "data.balance_to: has no effect with data.balance none; add --data.balance augment",
        ),
        (["--data.balance", "augment", "--data.balance_with", "none"], "data.balance_with: expected an augmentation"),
        (["--data.balance", "augment", "--data.balance_with", "kears"], "did you mean keras?"),
        (["--data.balance", "augment", "--data.memory_gb", "0.0001"], "raise data.memory_gb"),
    ],
)
def test_wrong_options_are_one_line(words, message):
    with pytest.raises(InputError) as caught:
        data_of("--data", "synthetic", "--data.samples", "63", *words)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_total_is_met_to_the_image_and_as_even_as_it_can_be():
    """AA-DCN's Table 3: 4,021 and 4,489 are no multiples of seven classes."""
    images, table = example((2,) * 7)
    for total, counts in ((30, [5, 5, 4, 4, 4, 4, 4]), (14, [2] * 7), (10, [2, 2, 2, 1, 1, 1, 1])):
        _, joined, rows = balance_classes(images, table, np.arange(14), Offline(Darker(), total=total), seed=0)
        assert np.bincount(joined.label[rows]).tolist() == counts
    with pytest.raises(InputError, match=r"data\.balance_total is 6; give at least 1 image of each of 7 classes"):
        balance_classes(images, table, np.arange(14), Offline(Darker(), total=6), seed=0)
