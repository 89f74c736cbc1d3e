"""Leaks between the parts of a fold: found where they were planted, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.config import registry
from fer_plugins.contract import Fold
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.data.leaks import find_leaks
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError


def make_table(digests, labels=None, **columns):
    size = len(digests)
    label = np.array(labels if labels is not None else [0] * size)
    source = np.array([f"{row}.png" for row in range(size)])
    return SampleTable(label, source, digest=np.array(digests), **{k: np.array(v) for k, v in columns.items()})


def fold(train, val, test):
    return Fold(*(np.array(split, dtype=np.int64) for split in (train, val, test)))


def test_sound_parts_leak_nothing():
    leaks = find_leaks(
        make_table(list("abcdef"), subject=list("112233"), sequence=list("123456")), fold([0, 1], [2, 3], [4, 5])
    )
    assert leaks.sentences() == []
    assert leaks.as_dict()["subjects"] == {"train/val": 0, "train/test": 0, "val/test": 0}


def test_copies_are_counted_by_group_and_by_image():
    leaks = find_leaks(make_table(list("aabaacc")), fold([0, 1, 2], [3, 5], [4, 6]))
    assert leaks.copies == {("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 2}
    assert leaks.images == {("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 2}
    assert "2 groups of identical images between val and test (2 images of test)" in leaks.sentences()


def test_a_group_inside_one_part_is_no_leak():
    assert find_leaks(make_table(list("aabc")), fold([0, 1], [2], [3])).sentences() == []


def test_conflicting_labels_are_said_once_a_group():
    leaks = find_leaks(make_table(list("aabbc"), labels=[0, 1, 0, 0, 2]), fold([0, 1, 2], [3], [4]))
    assert leaks.conflicts == 1
    assert leaks.sentences()[-1] == "1 group of identical images with different labels"


def test_subjects_and_sequences_in_two_parts():
    table = make_table(list("abcdef"), subject=list("112231"), sequence=list("123455"))
    leaks = find_leaks(table, fold([0, 1], [2, 3], [4, 5]))
    assert leaks.subjects == {("train", "val"): 0, ("train", "test"): 1, ("val", "test"): 0}
    assert "1 subject in both train and test" in leaks.sentences()
    assert not any("sequence" in sentence for sentence in leaks.sentences())


def test_rows_outside_the_fold_do_not_count():
    assert find_leaks(make_table(list("aab"), labels=[0, 1, 0]), fold([0], [], [2])).sentences() == []


def test_a_part_that_is_the_other_is_not_compared_with_it():
    leaks = find_leaks(make_table(list("abc")), fold([0], [1, 2], [1, 2]))
    assert ("val", "test") not in leaks.copies
    assert leaks.sentences() == []


@given(st.integers(0, 12), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_every_planted_copy_is_found_and_nothing_else(planted, seed):
    draw = np.random.default_rng(seed)
    digests = [f"{row:04d}" for row in range(90)]
    for train, test in zip(draw.permutation(30)[:planted], 60 + draw.permutation(30)[:planted], strict=True):
        digests[test] = digests[train]
    leaks = find_leaks(make_table(digests), fold(range(30), range(30, 60), range(60, 90)))
    assert leaks.copies == {("train", "val"): 0, ("train", "test"): planted, ("val", "test"): 0}
    assert leaks.images[("train", "test")] == planted


def settings_of(tmp_path, protocol, leaks):
    return {
        "plugin": "toy",
        "data": {"name": "synthetic", "samples": 210, "subjects": 10, "image_size": 24, "leaks": leaks},
        "protocol": {"name": protocol},
        "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
        "logger": {"name": "none"},
        "run": {"output": str(tmp_path / "runs")},
    }


def test_a_run_says_what_leaks_and_may_refuse_it(toy, tmp_path):
    leaking = run(settings_of(tmp_path, "random", "warn"))
    shared = leaking.manifest["data"]["leaks"]["subjects"]
    assert shared["train/test"] > 5
    sentence = (
        f"{shared['train/val']} subjects in both train and val; {shared['train/test']} subjects in both train and test"
    )
    assert any(f"the splits leak: {sentence}" in warning for warning in leaking.manifest["warnings"])
    sound = run(settings_of(tmp_path, "official", "error"))
    assert not any("leak" in sentence for sentence in sound.manifest["warnings"])
    silent = run(settings_of(tmp_path, "random", "off"))
    assert silent.manifest["data"]["leaks"] is None
    assert not any("leak" in sentence for sentence in silent.manifest["warnings"])
    before = len(list((tmp_path / "runs").iterdir()))
    with pytest.raises(InputError, match="the splits leak: .*use another protocol, or --data.leaks warn"):
        run(settings_of(tmp_path, "random", "error"))
    assert len(list((tmp_path / "runs").iterdir())) == before


@pytest.mark.real_data
def test_the_official_split_of_fer2013(real_fer2013, tmp_path):
    data = FERDataModule(
        registry.build("dataset", "fer2013", root=str(real_fer2013)),
        name="fer2013",
        protocol=registry.build("protocol", "official"),
        augmentation=registry.build("augmentation", "none", image_size=48),
        image_size=48,
        channels=1,
        batch_size=32,
        seed=0,
        cache=tmp_path,
    )
    data.prepare()
    assert data.leaks.copies == {("train", "val"): 270, ("train", "test"): 278, ("val", "test"): 43}
    assert data.leaks.conflicts == 57
    assert data.leaks.subjects == data.leaks.sequences == {}
