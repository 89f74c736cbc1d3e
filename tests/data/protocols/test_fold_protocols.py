"""Folds by sample, subject and sequence: everything tested once, no group on both sides, whatever the order of rows."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_plugins.config import registry
from fer_plugins.config.signatures import read_constant
from fer_plugins.contract import SPLITS
from fer_plugins.data.protocols import fold_protocols, fold_splits
from fer_plugins.data.protocols.fold_protocols import (
    kfold,
    leave_one_subject_out,
    official_val,
    sequence_disjoint,
    subject_kfold,
)
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_protocol

ROTATING = {"kfold": kfold, "subject_kfold": subject_kfold, "leave_one_subject_out": leave_one_subject_out}


def make_table(subjects=15, sequences=3, frames=2, classes=7, splits=None):
    """Every subject shows every class in ``sequences`` sequences of ``frames`` frames."""
    per_subject = sequences * frames
    size = subjects * classes * per_subject
    rows = np.arange(size)
    subject = rows // (classes * per_subject)
    sequence = rows // frames
    split = None if splits is None else np.array([splits[k % len(splits)] for k in subject])
    return SampleTable(
        label=(rows // per_subject % classes).astype(np.int64),
        source=np.array([f"{row:05d}.png" for row in rows]),
        split=split,
        subject=np.array([f"S{k:03d}" for k in subject]),
        sequence=np.array([f"Q{k:04d}" for k in sequence]),
        digest=np.array([f"{row * 2654435761 % 2**32:016x}" for row in rows]),
    )


def parts(fold):
    return dict(zip(SPLITS, fold, strict=True))


@pytest.mark.parametrize("function", [kfold, subject_kfold, leave_one_subject_out, sequence_disjoint])
def test_contract(function):
    check_protocol(function)


def test_the_protocols_that_say_so_and_no_others_draw_nothing():
    table = make_table(splits=("train", "train", "train", "val", "test"))
    near = np.array([f"n{row:05d}" for row in range(len(table))])
    names = {}
    for component in registry.available("protocol"):
        if component.name in ("file", "cross_dataset", "paper_aa_dcn", "paper_sdl_stn"):  # need options or their data
            continue
        own = make_table(splits=("train", "train", "test")) if component.name == "official_val" else table
        function = registry.load(component)
        folds = [function(replace(own, near=near), seed) for seed in range(3)]
        same = all(
            np.array_equal(part, first)
            for later in folds[1:]
            for fold, begun in zip(later, folds[0], strict=True)
            for part, first in zip(fold, begun, strict=True)
        )
        names[component.name] = same
        draws_nothing = component.attribute in (read_constant(component.module, "DRAWS_NOTHING") or ())
        assert draws_nothing == same, component.name
    assert {"official", "official_deduplicated", "random", "kfold"} <= set(names)


def test_contract_of_official_val():
    table = make_table(splits=("train", "train", "test"))
    check_protocol(official_val, table)


@pytest.mark.parametrize("name", ROTATING)
@given(st.integers(5, 12), st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_every_sample_is_tested_exactly_once(name, subjects, seed):
    table = make_table(subjects=subjects, sequences=1)
    function = ROTATING[name] if name == "leave_one_subject_out" else partial(ROTATING[name], k=4)
    folds = function(table, seed)
    assert len(folds) == (subjects if name == "leave_one_subject_out" else 4)
    tested = np.concatenate([fold.test for fold in folds])
    assert np.array_equal(np.sort(tested), np.arange(len(table)))
    for fold in folds:
        assert len(np.unique(np.concatenate(fold))) == len(table)
        assert min(map(len, fold)) > 0


@pytest.mark.parametrize("function", [partial(subject_kfold, k=5), leave_one_subject_out])
def test_no_subject_is_in_two_parts(function):
    table = make_table()
    for fold in function(table, 3):
        seen = [set(table.subject[part]) for part in fold]
        assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]
    assert {frozenset(table.subject[fold.test]) for fold in leave_one_subject_out(table, 0)} == {
        frozenset([name]) for name in set(table.subject)
    }


def test_no_sequence_is_in_two_parts_and_shares_are_near():
    table = make_table()
    (fold,) = sequence_disjoint(table, 0, val=0.1, test=0.2)
    seen = [set(table.sequence[part]) for part in fold]
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]
    assert [len(part) / len(table) for part in fold] == pytest.approx([0.7, 0.1, 0.2], abs=0.04)
    for part in fold:
        counts = np.bincount(table.label[part], minlength=7)
        assert counts.min() > 0.5 * counts.max()


def test_kfold_keeps_the_class_shares_and_subjects_leak():
    table = make_table()
    for fold in kfold(table, 0, k=5):
        for part in fold:
            counts = np.bincount(table.label[part], minlength=7)
            assert counts.max() - counts.min() <= 1 + len(part) // 100
        assert set(table.subject[fold.train]) & set(table.subject[fold.test])


def test_official_val_keeps_the_test_part():
    table = make_table(splits=("train", "train", "test"))
    (fold,) = official_val(table, 0, share=0.2)
    assert np.array_equal(fold.test, np.flatnonzero(table.split == "test"))
    train = np.sum(table.split == "train")
    assert len(fold.val) == pytest.approx(0.2 * train, abs=7)
    counts = np.bincount(table.label[fold.val], minlength=7)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(
    "name", ["kfold", "subject_kfold", "leave_one_subject_out", "sequence_disjoint", "official_val"]
)
def test_the_order_of_rows_changes_nothing_and_the_seed_does(name):
    function = getattr(fold_protocols, name)
    table = make_table(splits=("train", "train", "test"))
    order = np.random.default_rng(5).permutation(len(table))
    mixed = table.rows(order)

    def named(folds, of):
        return [[frozenset(of.source[part]) for part in fold] for fold in folds]

    assert named(function(table, 1), table) == named(function(mixed, 1), mixed)
    assert named(function(table, 1), table) != named(function(table, 2), table)


@pytest.mark.parametrize(
    ("function", "table", "message"),
    [
        (partial(kfold, k=2), make_table(), "kfold needs at least 3"),
        (partial(kfold, k=100), make_table(), r"class 0 \(counted from 0\) has 90 samples, 100 parts need as many"),
        (partial(subject_kfold, k=16), make_table(), "15 subjects make no 16 folds; lower protocol.k"),
        (leave_one_subject_out, make_table(subjects=2), "2 subjects; at least 3"),
        (partial(leave_one_subject_out, val_parts=1), make_table(), "protocol.val_parts is 1"),
        (partial(sequence_disjoint, test=1.5), make_table(), "protocol.test is 1.5"),
        (partial(sequence_disjoint, val=0.6, test=0.5), make_table(), "less than 1 must remain"),
        (partial(sequence_disjoint, test=0.01), make_table(subjects=1, sequences=1), "7 sequences are too few"),
        (
            partial(subject_kfold, k=9),
            make_table(9, 1, 1).rows(np.arange(9) * 7 + np.arange(9) % 7),
            "the largest class has",
        ),
        (official_val, make_table(), "no official train and test split; use --protocol random"),
        (official_val, make_table(splits=("train", "val", "test")), "has a validation split; use --protocol official"),
        (partial(official_val, share=0.0), make_table(splits=("train", "test")), "protocol.share is 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(function, table, message):
    with pytest.raises(InputError, match=message) as caught:
        function(table, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["subject", "sequence"])
def test_a_dataset_without_groups_is_refused(name):
    table = make_table()
    plain = SampleTable(table.label, table.source, digest=table.digest)
    function = subject_kfold if name == "subject" else sequence_disjoint
    with pytest.raises(InputError, match=f"the dataset names no {name} of its images; use --protocol"):
        function(plain, 0)


def test_a_class_that_a_part_lacks_is_said_and_one_that_training_lacks_refused():
    counts = {"train": {"a": 2, "b": 2}, "val": {"a": 1, "b": 0}, "test": {"a": 0, "b": 1}}
    sentence = fold_splits.missing_classes(counts)
    assert sentence == "no sample of b in val and none of a in test: their scores are averages over fewer classes"
    assert fold_splits.missing_classes({"val": {"a": 1}, "test": {"a": 1}}) is None


@pytest.mark.parametrize("protocol", ["subject_kfold", "leave_one_subject_out", "sequence_disjoint", "kfold"])
def test_a_fold_is_run(toy, tmp_path, protocol):
    record = run(
        {
            "plugin": "toy",
            "data": {"name": "synthetic", "samples": 210, "subjects": 10, "image_size": 24},
            "protocol": {"name": protocol},
            "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(tmp_path / "runs"), "fold": 0 if protocol == "sequence_disjoint" else 2},
        }
    )
    assert record.manifest["protocol"]["name"] == protocol
    assert record.manifest["protocol"]["flaw"] is None
    assert len(record.manifest["data"]["split_hash"]) == 16
