"""FER+: votes, the four label modes, and what is left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_plugins.data.datasets.ferplus import FERPlus
from fer_plugins.data.datasets.vote_targets import make_targets
from fer_plugins.errors import InputError

_spec = importlib.util.spec_from_file_location("fake_datasets", Path(__file__).with_name("fake_datasets.py"))
fake = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake)


@pytest.fixture
def root(tmp_path):
    return fake.write_folder(fake.ferplus(), tmp_path)


def targets(votes, mode, share=0.0):
    """The target of one row of ten votes: eight expressions, unknown, no face."""
    found, _ = make_targets(np.array([votes], float), mode, share)
    return found[0].round(4).tolist()


def test_votes_labels_and_counts(root):
    dataset = FERPlus(root=root)
    table = dataset.table
    votes = np.asarray(table["votes"])
    assert votes.shape == (len(dataset), 8)
    assert (votes.argmax(1) == table["label"]).all()
    # Of each usage: 24 clear rows, one with two equal tops; "unknown" on top and no name are left out.
    assert len(dataset) == 3 * 25
    assert "3 rows have no image name and were left out." in dataset.notes
    assert "3 rows are unclear under label mode majority and were left out." in dataset.notes
    assert any(
        "train 25 instead of 28,389, val 25 instead of 3,553, test 25 instead of 3,546" in n for n in dataset.notes
    )


def test_images_stay_with_their_votes(root):
    """The image of each kept row is that of the same row of fer2013.csv."""
    dataset = FERPlus(root=root, label_mode="cross_entropy")
    lines = (root / "fer2013.csv").read_text().splitlines()[1:]
    named = {name: row for row, (_, name, _) in enumerate(fake.ferplus_rows()) if name}
    kept = [int(source.rpartition(" ")[2]) - 1 for source in dataset.table["source"]]
    assert set(kept) <= set(named.values())
    for index in (0, 7, len(dataset) - 1):
        pixels = np.array(lines[kept[index]].split(",")[1].split(), np.uint8).reshape(48, 48, 1)
        assert np.array_equal(dataset[index], pixels)
        voted = dict(zip(fake.FERPLUS_HEADER.split(",")[2:], fake.ferplus_rows()[kept[index]][2], strict=True))
        of_class = dict(zip(dataset.classes, dataset.table["votes"][index], strict=True))
        assert (of_class["happy"], of_class["anger"]) == (voted["happiness"], voted["anger"])


@pytest.mark.parametrize(
    ("mode", "use"), [("probability", "draw"), ("cross_entropy", "distribution"), ("multi_target", "any")]
)
def test_the_soft_modes_say_how_training_uses_the_target(mode, use, root):
    dataset = FERPlus(root=root, label_mode=mode)
    assert dataset.target_mode == use
    assert np.allclose(np.asarray(dataset.table["target"]).sum(1), 1)
    assert not hasattr(FERPlus(root=root), "target_mode")
    assert "target" not in FERPlus(root=root).table


# By hand, from the rules.


def test_majority_takes_the_most_voted_and_may_ask_for_a_share():
    votes = [4, 3, 2, 0, 0, 0, 0, 0, 1, 0]
    assert targets(votes, "majority") == [1, 0, 0, 0, 0, 0, 0, 0]
    assert targets(votes, "majority", 0.5) == [0] * 8  # 4 of 9: the single vote does not count
    assert targets([5, 3, 1, 0, 0, 0, 0, 0, 1, 0], "majority", 0.5) == [1, 0, 0, 0, 0, 0, 0, 0]  # 5 of 8


def test_cross_entropy_takes_expressions_until_three_quarters_of_the_votes():
    assert targets([5, 3, 2, 0, 0, 0, 0, 0, 0, 0], "cross_entropy") == [0.625, 0.375, 0, 0, 0, 0, 0, 0]  # 8 of 10
    assert targets([8, 1, 1, 0, 0, 0, 0, 0, 0, 0], "cross_entropy") == [1, 0, 0, 0, 0, 0, 0, 0]  # single votes
    assert targets([2, 2, 2, 2, 2, 0, 0, 0, 0, 0], "cross_entropy") == [0] * 8  # five equal ones: too many
    assert targets([0, 3, 0, 0, 0, 0, 0, 0, 7, 0], "cross_entropy") == [0] * 8  # unknown first
    assert targets([6, 0, 0, 0, 0, 0, 0, 0, 4, 0], "cross_entropy") == [
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ]  # unknown behind: dropped
    assert targets([4, 0, 0, 0, 0, 0, 0, 0, 3, 3], "cross_entropy") == [0] * 8  # 4 of 10 are not more than half


def test_multi_target_takes_all_from_thirty_per_cent():
    assert targets([5, 3, 2, 0, 0, 0, 0, 0, 0, 0], "multi_target") == [0.625, 0.375, 0, 0, 0, 0, 0, 0]
    assert targets([2, 2, 2, 2, 2, 0, 0, 0, 0, 0], "multi_target") == [0] * 8


@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_every_target_is_a_distribution_or_empty_and_holds_only_what_was_voted_for(votes):
    for mode in ("majority", "probability", "cross_entropy", "multi_target"):
        found, on_top = make_targets(np.array([votes], float), mode)
        assert found.sum() == pytest.approx(1) or not found.any()
        assert not found[0][np.array(votes[:8]) == 0].any()
        if mode == "majority":
            assert bool(on_top[0]) == bool(found.any())


def refused(root, **options):
    with pytest.raises(InputError) as caught:
        FERPlus(root=root, **options).table  # noqa: B018
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_rows_that_do_not_belong_together_are_refused(root):
    lines = (root / "fer2013new.csv").read_text().splitlines()
    (root / "fer2013new.csv").write_text("\n".join(lines[:-1]))
    assert "has 80 rows for 81 images" in refused(root)
    lines[1], lines[-2] = lines[-2], lines[1]
    (root / "fer2013new.csv").write_text("\n".join(lines))
    assert "the two do not belong together" in refused(root)


def test_the_release_check_can_refuse(root):
    assert "not the complete FER+" in refused(root, check="error")
    unchecked = FERPlus(root=root, check="off")
    assert not any("instead of" in note for note in unchecked.notes)
    assert "train 25 instead of 28,389" in unchecked.deviations[0]


def test_votes_that_are_none_and_other_options(root, tmp_path):
    text = (root / "fer2013new.csv").read_text()
    (root / "fer2013new.csv").write_text(text.replace(",7,", ",x,", 1))
    assert "'x', a number of votes is needed" in refused(root)
    (root / "fer2013new.csv").write_text(
        text.replace(",7,", ",\u00b2,", 1), encoding="utf-8"
    )  # a digit that is no number
    assert "a number of votes is needed" in refused(root)
    assert "majority_share belongs to label_mode majority" in refused(
        root, label_mode="probability", majority_share=0.5
    )
    (root / "fer2013new.csv").unlink()
    assert "no fer2013new.csv lies there" in refused(root)
    elsewhere = tmp_path.parent / "votes.csv"
    elsewhere.write_text(text)
    assert len(FERPlus(root=root, labels=str(elsewhere))) == 75
