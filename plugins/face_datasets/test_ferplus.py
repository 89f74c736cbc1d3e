"""FER+: votes, the four label modes, and what is left out."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from fer_face_datasets.ferplus import ferplus
from fer_face_datasets.vote_targets import make_targets
from hypothesis import given
from hypothesis import strategies as st
from support import fake_datasets as fake
from support.fake_fer2013 import encode

from fer_plugins.runtime.errors import InputError


@pytest.fixture
def root(tmp_path):
    return fake.write_folder(fake.ferplus(), tmp_path)


def targets(votes, mode, share=0.0):
    """The target of one row of ten votes: eight expressions, unknown, no face."""
    result, _ = make_targets(np.array([votes], float), mode, share)
    return result[0].round(4).tolist()


def test_votes_labels_and_counts(root):
    dataset = ferplus(root=root)
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
    dataset = ferplus(root=root, label_mode="cross_entropy")
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
    dataset = ferplus(root=root, label_mode=mode)
    assert dataset.target_mode == use
    assert np.allclose(np.asarray(dataset.table["target"]).sum(1), 1)
    assert not hasattr(ferplus(root=root), "target_mode")
    assert "target" not in ferplus(root=root).table


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
    assert targets([6, 0, 0, 0, 0, 0, 0, 0, 4, 0], "cross_entropy") == [1] + [0] * 7  # unknown behind: dropped
    assert targets([4, 0, 0, 0, 0, 0, 0, 0, 3, 3], "cross_entropy") == [0] * 8  # 4 of 10 are not more than half


def test_multi_target_takes_all_from_thirty_per_cent():
    assert targets([5, 3, 2, 0, 0, 0, 0, 0, 0, 0], "multi_target") == [0.625, 0.375, 0, 0, 0, 0, 0, 0]
    assert targets([2, 2, 2, 2, 2, 0, 0, 0, 0, 0], "multi_target") == [0] * 8


@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_every_target_is_a_distribution_or_empty_and_holds_only_what_was_voted_for(votes):
    for mode in ("majority", "probability", "cross_entropy", "multi_target"):
        result, on_top = make_targets(np.array([votes], float), mode)
        assert result.sum() == pytest.approx(1) or not result.any()
        assert not result[0][np.array(votes[:8]) == 0].any()
        if mode == "majority":
            assert bool(on_top[0]) == bool(result.any())


def refused(root, **options):
    with pytest.raises(InputError) as caught:
        ferplus(root=root, **options).table  # noqa: B018
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
    unchecked = ferplus(root=root, check="off")
    assert not any("instead of" in note for note in unchecked.notes)
    assert "train 25 instead of 28,389" in unchecked.deviations[0]


def test_votes_that_are_none_and_other_options(root, tmp_path):
    text = (root / "fer2013new.csv").read_text()
    (root / "fer2013new.csv").write_text(text.replace(",7,", ",x,", 1))
    assert "'x', a number of votes is needed" in refused(root)
    no_number = text.replace(",7,", ",\u00b2,", 1)  # a digit that is no number
    (root / "fer2013new.csv").write_text(no_number, encoding="utf-8")
    assert "a number of votes is needed" in refused(root)
    assert "majority_share belongs to label_mode majority" in refused(
        root, label_mode="probability", majority_share=0.5
    )
    (root / "fer2013new.csv").unlink()
    assert "no fer2013new.csv lies there" in refused(root)
    elsewhere = tmp_path.parent / "votes.csv"
    elsewhere.write_text(text)
    assert len(ferplus(root=root, labels=str(elsewhere))) == 75


# The tree of the authors' own script.

SCRIPT = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}


def script_tree(below, top="data/"):
    """What generate_training_data.py writes: images, and a list without a header."""
    pixels = [line.split(",")[1] for line in fake.ferplus()["fer2013.csv"].decode().splitlines()[1:]]
    lists = dict.fromkeys(SCRIPT, "")
    files = {}
    for text, (usage, name, votes) in zip(pixels, fake.ferplus_rows(), strict=True):
        if name:
            image = np.array(text.split(), np.uint8).reshape(48, 48)
            files[f"{top}{SCRIPT[usage]}/{name}"] = encode(image)
            lists[usage] += f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}\n'
    files |= {f"{top}{SCRIPT[usage]}/label.csv": text.encode() for usage, text in lists.items()}
    return fake.write_folder(files, below)


def contents(dataset):
    table = dataset.table
    columns = (table["label"], table["split"], np.asarray(table["votes"]).tolist())
    return sorted((dataset[row].tobytes(), *entry) for row, entry in enumerate(zip(*columns, strict=True)))


@pytest.mark.parametrize("mode", ["majority", "cross_entropy"])
def test_the_authors_own_tree_is_the_same_as_both_csv_files(mode, root, tmp_path):
    tree = script_tree(tmp_path / "tree")
    (tree / "fer2013new.csv").write_bytes(fake.ferplus()["fer2013new.csv"])  # as in a clone of their repository
    expected = contents(ferplus(root=root, label_mode=mode))
    assert contents(ferplus(root=tree, label_mode=mode)) == expected
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tree)
    assert contents(ferplus(root=packed, label_mode=mode)) == expected
    one = ferplus(root=tree / "data" / "FER2013Valid", label_mode=mode)
    assert set(one.table["split"]) == {"val"}


def test_a_bad_image_of_the_tree_is_left_out_with_its_votes(tmp_path):
    tree = script_tree(tmp_path / "tree")
    (tree / "data" / "FER2013Train" / "fer0000003.png").write_bytes(b"x")
    whole = ferplus(root=script_tree(tmp_path / "whole"))
    dataset = ferplus(root=tree, on_bad_image="skip", label_mode="probability")
    assert len(dataset) == len(whole) - 1
    assert len(dataset.left_out) == 1
    for source, votes in zip(dataset.table["source"], dataset.table["votes"], strict=True):
        place = whole.table["source"].index(source)
        assert votes.tolist() == whole.table["votes"][place].tolist()


def test_a_name_that_stands_twice_in_a_list_is_the_later_image(tmp_path):
    tree = script_tree(tmp_path / "tree")
    listed = tree / "data" / "FER2013Test" / "label.csv"
    first = listed.read_text().partition(",")[0]
    listed.write_text(listed.read_text() + f'{first},"(0, 0, 48, 48)",0,0,0,9,0,0,0,0,1,0\n')
    dataset = ferplus(root=tree)
    assert "1 image names appear twice in their list; the later row was taken." in dataset.notes
    place = [source.endswith(first) for source in dataset.table["source"]].index(True)
    assert dataset.classes[dataset.table["label"][place]] == "sad"


def test_what_is_missing_of_the_tree_is_named_and_the_remedy_helps(root, tmp_path):
    tree = script_tree(tmp_path / "tree")
    message = refused(tree / "data" / "FER2013Train" / "label.csv")
    assert len(ferplus(root=message.split("--data.root ")[1].split(",")[0])) == 75
    lost = tree / "data" / "FER2013Train" / "fer0000000.png"
    lost.unlink()
    message = refused(tree)
    assert "'fer0000000.png', which does not lie beside it" in message
    assert "fer2013.csv and fer2013new.csv" in message
    alone = fake.write_folder({"fer2013new.csv": fake.ferplus()["fer2013new.csv"]}, tmp_path / "alone")
    assert "the images of fer2013.csv are missing: put it beside" in refused(alone)
    for mended in (tree, alone):
        fake.write_folder(fake.ferplus(), mended)
        assert len(ferplus(root=mended)) == 75


@pytest.mark.parametrize("labels", ["a\0b", "a\ud800b", "/dev/zero", "~nobody_here/x", "missing.csv", "."])
def test_a_path_of_votes_that_is_none_ends_in_one_line_with_its_own_flag(labels, root):
    assert "give --data.labels the path of fer2013new.csv" in refused(root, labels=labels)


def test_a_torn_list_is_named(tmp_path):
    tree = script_tree(tmp_path / "tree")
    listed = tree / "data" / "FER2013Test" / "label.csv"
    listed.write_text(listed.read_text()[:-5])
    assert "label.csv: line 26 is" in refused(tree)


def test_one_row_of_nine_votes_is_the_releases_own(root):
    text = (root / "fer2013new.csv").read_text()
    (root / "fer2013new.csv").write_text(text.replace(",7,2,", ",7,1,", 1))
    assert not any("10 votes" in deviation for deviation in deviations(root))
    (root / "fer2013new.csv").write_text(text.replace(",7,2,", ",7,1,", 2))
    assert any("2 rows do not have 10 votes" in deviation for deviation in deviations(root))


def deviations(root):
    dataset = ferplus(root=root)
    _ = dataset.table
    return dataset.deviations


@pytest.mark.real_data
def test_the_real_votes_are_the_complete_release(real_fer2013):
    votes = real_fer2013.parents[1] / "ferplus" / "fer2013new.csv"
    if not votes.is_file():
        pytest.skip(f"no {votes}")
    dataset = ferplus(root=real_fer2013, labels=str(votes), check="error")
    table = dataset.table
    assert len(dataset) == 35_488
    assert dataset.deviations == []
    assert [table["split"].count(split) for split in ("train", "val", "test")] == [28_389, 3_553, 3_546]
