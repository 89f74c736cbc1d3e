"""The sample table: its checks, its hashes, and the split that a limit leaves."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError

CLASSES = ("anger", "happy", "neutral")


def make_table(counts: dict[tuple[str, int], int], with_split: bool = True) -> SampleTable:
    split = [name for (name, _), count in counts.items() for _ in range(count)]
    label = [number for (_, number), count in counts.items() for _ in range(count)]
    return SampleTable(
        label=np.array(label, dtype=np.int64),
        source=np.array([f"image{i:05d}" for i in range(len(label))]),
        split=np.array(split) if with_split else None,
        digest=np.array([f"{hash(i) * 2654435761 % 2**32:016x}" for i in range(len(label))]),
    )


@st.composite
def tables(draw: st.DrawFn) -> SampleTable:
    splits = draw(st.sampled_from([("train", "val", "test"), ("train", "test")]))
    counts = {(split, label): draw(st.integers(1, 30)) for split in splits for label in range(len(CLASSES))}
    return make_table(counts)


def cells(table: SampleTable, rows: np.ndarray) -> dict[tuple[str, int], int]:
    pairs, counts = np.unique(np.char.add(table.split[rows], table.label[rows].astype(str)), return_counts=True)
    return {(pair[:-1], int(pair[-1])): int(count) for pair, count in zip(pairs, counts, strict=True)}


def test_columns_are_converted_and_kept() -> None:
    table = SampleTable.from_columns(
        {"label": [0, 2], "source": ["a", "b"], "subject": ["s1", "s2"], "votes": [[1, 0, 9], [0, 0, 10]]},
        CLASSES,
        "dataset made",
    )
    assert len(table) == 2
    assert table.label.dtype == np.int64
    assert table.votes.shape == (2, 3)
    assert table.split is None
    assert [name for name, _ in table.columns()] == ["label", "source", "subject", "votes"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": ["a"]}, "lacks the column 'label'"),
        ({"label": [0]}, "lacks the column 'source'"),
        ({"label": [0], "source": ["a"], "age": [3]}, "unknown column 'age'"),
        ({"label": [0, 1], "source": ["a"]}, "column 'source' has 1 rows, column 'label' 2"),
        ({"label": [], "source": []}, "no sample found"),
        ({"label": [0, 3], "source": ["a", "b"]}, r"outside 0\.\.2"),
        ({"label": [-1, 1], "source": ["a", "b"]}, r"outside 0\.\.2"),
        ({"label": [0], "source": ["a"], "split": ["valid"]}, "something other than train, val, test"),
        ({"label": [0, 1], "source": ["a", "a"]}, "the same source name"),
    ],
)
def test_wrong_columns_are_refused_in_one_line(columns: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        SampleTable.from_columns(columns, CLASSES, "dataset made")
    assert str(caught.value).startswith("dataset made: ")
    assert "\n" not in str(caught.value)


def test_hashes_ignore_file_names_and_order_but_nothing_else() -> None:
    table = make_table({("train", 0): 3, ("test", 1): 2})
    order = np.array([4, 2, 0, 1, 3])
    moved = table.rows(order)
    renamed = SampleTable(table.label, np.char.add("other/", table.source), table.split, digest=table.digest)
    assert moved.fingerprint(CLASSES) == table.fingerprint(CLASSES) == renamed.fingerprint(CLASSES)
    relabelled = SampleTable(table.label[::-1].copy(), table.source, table.split, digest=table.digest)
    assert relabelled.fingerprint(CLASSES) != table.fingerprint(CLASSES)
    assert table.fingerprint(("happy", "anger", "neutral")) != table.fingerprint(CLASSES)

    splits = {"train": np.array([0, 1, 2]), "test": np.array([3, 4])}
    where = np.argsort(order)
    assert moved.split_hash({name: where[rows] for name, rows in splits.items()}, CLASSES) == table.split_hash(
        splits, CLASSES
    )
    swapped = {"train": splits["test"], "test": splits["train"]}
    assert table.split_hash(swapped, CLASSES) != table.split_hash(splits, CLASSES)


def test_one_image_more_with_the_same_pixels_changes_the_fingerprint() -> None:
    table = make_table({("train", 0): 3})
    twice = table.rows(np.array([0, 1, 2, 2]))
    assert twice.fingerprint(CLASSES) != table.fingerprint(CLASSES)


@settings(deadline=None)
@given(table=tables(), data=st.data())
def test_part_is_exact_stratified_and_complete(table: SampleTable, data: st.DataObject) -> None:
    whole = cells(table, np.arange(len(table)))
    limit = data.draw(st.integers(len(whole), len(table) + 5))
    rows = table.subset(limit)
    kept = cells(table, rows)
    assert len(rows) == min(limit, len(table))
    assert np.array_equal(rows, np.unique(rows))
    assert set(kept) == set(whole)
    for cell, size in whole.items():
        proportional = 1 + (size - 1) * (len(rows) - len(whole)) / max(1, len(table) - len(whole))
        assert 1 <= kept[cell] <= size
        assert abs(kept[cell] - proportional) < 1 + 1e-9


@settings(deadline=None)
@given(table=tables(), share=st.floats(0.2, 0.9))
def test_part_by_share_has_that_share(table: SampleTable, share: float) -> None:
    strata = len(cells(table, np.arange(len(table))))
    if round(share * len(table)) >= strata:
        assert len(table.subset(share)) == round(share * len(table))


@settings(deadline=None)
@given(table=tables(), seed=st.integers(0, 100))
def test_part_takes_the_same_images_in_whatever_order_they_come(table: SampleTable, seed: int) -> None:
    shuffled = table.rows(np.random.default_rng(seed).permutation(len(table)))
    limit = len(table) * 2 // 3
    if limit >= len(cells(table, np.arange(len(table)))):
        assert set(table.source[table.subset(limit)]) == set(shuffled.source[shuffled.subset(limit)])


def test_part_without_official_split_leaves_three_of_each_class() -> None:
    table = make_table({("train", 0): 100, ("train", 1): 5, ("train", 2): 5}, with_split=False)
    rows = table.subset(12)
    assert np.bincount(table.label[rows]).min() == 3
    with pytest.raises(InputError, match="at least 9 are needed"):
        table.subset(8)


def test_part_draws_rather_than_taking_the_first() -> None:
    table = dataclasses.replace(make_table({("train", 0): 1000}), digest=None)
    rows = table.subset(100)
    assert 350 < rows.mean() < 650


@pytest.mark.parametrize("limit", [0, -3, 0.0, 1.0, 1.5, -0.1, float("nan"), True])
def test_limit_out_of_range(limit: float) -> None:
    with pytest.raises(InputError, match=r"data\.limit is"):
        make_table({("train", 0): 5}).subset(limit)


def test_limit_too_small_says_how_many_are_needed() -> None:
    table = make_table({(split, label): 5 for split in ("train", "val", "test") for label in range(3)})
    with pytest.raises(InputError, match=r"data\.limit is 8, .* at least 9 are needed"):
        table.subset(8)
    with pytest.raises(InputError, match=r"data\.limit is 0\.1, which is 4 images; at least 9"):
        table.subset(0.1)
    assert len(table.subset(9)) == 9
