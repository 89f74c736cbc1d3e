"""The built-in protocols, and the check of every protocol's folds."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.config import registry
from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.protocols import fold_splits, official
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError


def make_table(counts: list[int], splits: tuple[str, ...] | None = None, digests: bool = True) -> SampleTable:
    label = np.repeat(np.arange(len(counts)), counts)
    size = len(label)
    split = None if splits is None else np.array([splits[i % len(splits)] for i in range(size)])
    digest = np.array([f"{i * 2654435761 % 2**32:016x}" for i in range(size)]) if digests else None
    return SampleTable(label, np.array([f"s{i:06d}" for i in range(size)]), split, digest=digest)


counts_of_classes = st.lists(st.integers(3, 60), min_size=2, max_size=7)
shares = st.floats(0.02, 0.45)


def test_official_is_the_releases_split() -> None:
    table = make_table([20, 20], ("train", "train", "val", "test"))
    (fold,) = official.official(table, 0)
    assert official.official(table, 1)[0].train.tolist() == fold.train.tolist()
    for name, rows in zip(SPLITS, fold, strict=True):
        assert (table.split[rows] == name).all()
    assert sum(map(len, fold)) == len(table)


@pytest.mark.parametrize(
    ("splits", "message", "remedy"),
    [
        (None, "no official split", "random"),
        (("train", "test"), "has no val split", "official_val"),
        (("train",), "has no val and no test split", "random"),
        (("train", "val"), "has no test split", "random"),
    ],
)
def test_official_without_all_parts_names_a_remedy_that_works(
    splits: tuple[str, ...] | None, message: str, remedy: str
) -> None:
    table = make_table([25, 25], splits)
    with pytest.raises(InputError, match=message) as caught:
        official.official(table, 0)
    assert str(caught.value).endswith(f"use --protocol {remedy}")
    (fold,) = registry.build("protocol", remedy)(table)
    assert all(map(len, fold))


@settings(deadline=None)
@given(counts=counts_of_classes, val=shares, test=shares, seed=st.integers(0, 2**32))
def test_random_is_a_stratified_partition(counts: list[int], val: float, test: float, seed: int) -> None:
    table = make_table(counts)
    (fold,) = official.random(table, seed, val=val, test=test)
    assert np.sort(np.concatenate(fold)).tolist() == list(range(len(table)))
    for rows, share in zip(fold, (1 - val - test, val, test), strict=True):
        assert rows.dtype == np.int64
        for label, count in enumerate(counts):
            got = int((table.label[rows] == label).sum())
            assert got >= 1
            # Within one sample, but where the part that would be empty was given one at the others' cost.
            if min(val, test, 1 - val - test) * count >= 1:
                assert abs(got - share * count) < 1 + 1e-6


@settings(deadline=None)
@given(counts=counts_of_classes, seed=st.integers(0, 1000))
def test_random_is_deterministic_and_independent_of_the_order_of_rows(counts: list[int], seed: int) -> None:
    table = make_table(counts)
    (fold,), (again,) = official.random(table, seed), official.random(table, seed)
    assert all(np.array_equal(a, b) for a, b in zip(fold, again, strict=True))
    moved = table.rows(np.random.default_rng(seed + 1).permutation(len(table)))
    (other_fold,) = official.random(moved, seed)
    for a, b in zip(fold, other_fold, strict=True):
        assert set(table.source[a]) == set(moved.source[b])


def test_random_differs_between_seeds_and_works_without_digests() -> None:
    table = make_table([50, 50], digests=False)
    assert official.random(table, 0)[0].test.tolist() != official.random(table, 1)[0].test.tolist()


def test_random_is_independent_of_class_and_position() -> None:
    rows = np.concatenate([official.random(make_table([300]), seed)[0].test for seed in range(20)])
    assert 140 < rows.mean() < 160  # 600 draws from 0..299: 149.5 with standard error 3.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val": 0.0}, r"protocol\.val is 0\.0"),
        ({"test": 1.0}, r"protocol\.test is 1\.0"),
        ({"val": float("nan")}, r"protocol\.val is nan"),
        ({"val": 0.5, "test": 0.5}, r"protocol\.val \+ protocol\.test is 1"),
    ],
)
def test_random_refuses_wrong_shares(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        official.random(make_table([30]), 0, **options)


def test_random_needs_three_of_each_class() -> None:
    with pytest.raises(InputError, match=r"class 1 \(counted from 0\) has 2 samples, at least 3"):
        official.random(make_table([30, 2]), 0)


def test_random_carries_no_flaw() -> None:
    assert not hasattr(official.random, "flaw")
    assert not hasattr(official.official, "flaw")


def arrays(*parts: list[int]) -> Fold:
    return Fold(*(np.array(part, dtype=np.int64) for part in parts))


def test_split_folds_sorts_and_pick_fold_takes_a_fold() -> None:
    folds = [arrays([2, 0], [1], [3]), arrays([3], [2], [1, 0])]
    fold = official.pick_fold(official.split_folds(make_table([4]), lambda table: folds), 1, len)
    assert [part.tolist() for part in fold] == [[3], [2], [0, 1]]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "at least one fold"),
        (arrays([0], [1], [2]), "must return a list of at least one fold, not Fold"),
        ([(np.array([0]), np.array([1]))], "must be a Fold"),
        ([Fold([0], np.array([1]), np.array([2]))], "train must be a one-dimensional array of whole numbers"),
        ([Fold(np.array([0.0]), np.array([1]), np.array([2]))], "train must be a one-dimensional array"),
        ([Fold(np.array([[0]]), np.array([1]), np.array([2]))], "train must be a one-dimensional array"),
        ([arrays([0], [1], [4])], r"test has a row outside 0\.\.3"),
        ([arrays([-1], [1], [2])], r"train has a row outside 0\.\.3"),
        ([arrays([0, 0], [1], [2])], "train has a row twice"),
        ([arrays([0, 3], [1], [2, 3])], "row 3 is both in train and in test"),
        ([arrays([0], [1], [2]), arrays([0], [0], [2])], "fold 1: row 0 is both in train and in val"),
    ],
)
def test_a_protocol_that_breaks_the_rules_is_named(folds: object, message: str) -> None:
    def leave_it_to_chance(table: SampleTable, seed: int) -> object:
        return folds

    bound = functools.partial(leave_it_to_chance, seed=0)
    with pytest.raises(ValueError, match=message) as caught:
        official.split_folds(make_table([4]), bound)
    assert str(caught.value).startswith("protocol leave_it_to_chance")
    assert "\n" not in str(caught.value)


def test_a_protocol_that_refuses_the_table_is_named() -> None:
    def by_subject(table: SampleTable) -> list[Fold]:
        raise ValueError("the table has\nno subjects")

    with pytest.raises(InputError, match="^protocol by_subject: the table has no subjects$"):
        official.split_folds(make_table([4]), by_subject)


@pytest.mark.parametrize("number", [-1, 1])
def test_a_fold_that_is_not_there(number: int) -> None:
    bound = functools.partial(official.random, seed=0)
    with pytest.raises(InputError, match=rf"run\.fold is {number}; protocol random has folds 0 to 0"):
        official.pick_fold(official.split_folds(make_table([9]), bound), number, bound)


def test_limited_rows_are_rows_of_the_whole_table() -> None:
    table = make_table([60, 30], ("train", "val", "test"))
    fold = official.split_folds(table, functools.partial(official.official, seed=0), limit=30)[0]
    assert sum(map(len, fold)) == 30
    for name, rows in zip(SPLITS, fold, strict=True):
        assert (table.split[rows] == name).all()
    assert np.concatenate(fold).max() >= 30


def test_count_classes_names_class_and_split() -> None:
    table = make_table([4, 4])
    fold = arrays([0, 1, 4, 5], [2, 6], [3, 7])
    counted = fold_splits.count_classes(table, fold, ("anger", "happy"), owner="dataset made")
    assert counted == {
        "train": {"anger": 2, "happy": 2},
        "val": {"anger": 1, "happy": 1},
        "test": {"anger": 1, "happy": 1},
    }
    with pytest.raises(InputError, match="class happy has no sample in split train of dataset made"):
        fold_splits.count_classes(table, arrays([0, 1], [4, 2], [3, 7]), ("anger", "happy"), owner="dataset made")
    with pytest.raises(InputError, match="no sample is in split val of dataset made"):
        fold_splits.count_classes(table, arrays([0, 4], [], [3, 7]), ("anger", "happy"), owner="dataset made")
    lacking = fold_splits.count_classes(table, arrays([0, 4], [1, 2], [3, 7]), ("anger", "happy"), owner="dataset made")
    assert fold_splits.missing_classes(lacking) == (
        "no sample of happy in val: their scores are averages over fewer classes"
    )


def test_only_a_protocol_that_says_so_may_select_on_the_test_part() -> None:
    table = make_table([10, 10, 10])

    def sound(table: SampleTable, seed: int) -> list[Fold]:
        return [Fold(np.arange(20), np.arange(20, 30), np.arange(20, 30))]

    def flawed(table: SampleTable, seed: int) -> list[Fold]:
        return sound(table, seed)

    def overlapping(table: SampleTable, seed: int) -> list[Fold]:
        return [Fold(np.arange(20), np.arange(20, 30), np.arange(21, 30))]

    flawed.flaw = overlapping.flaw = "selected on the test split"  # type: ignore[attr-defined]
    (fold,) = official.split_folds(table, functools.partial(flawed, seed=0))
    assert fold.val.tolist() == fold.test.tolist() == list(range(20, 30))
    assert official.flaw_of(functools.partial(flawed, seed=0)) == "selected on the test split"
    for broken in (sound, overlapping):
        with pytest.raises(InputError, match=r"row 2\d is both in val and in test"):
            official.split_folds(table, functools.partial(broken, seed=0))
