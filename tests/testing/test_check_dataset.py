"""check_dataset: the synthetic faces pass, and every rule has a dataset that breaks it."""

import itertools
import re

import numpy as np
import pytest

from fer_plugins.data.synthetic_faces.synthetic import Synthetic
from fer_plugins.testing import check_dataset

CLASSES = ["anger", "disgust", "fear", "happy"]


class Pictures:
    """A dataset that keeps the contract; the broken ones below change one thing each."""

    title = "Pictures"
    cache_key = "pictures-1"
    notes = ("made for tests",)

    def __init__(self, classes=CLASSES, **columns):
        self.classes = classes
        self.columns = {"label": [0, 1, 2, 3], "source": ["a", "b", "c", "d"], **columns}

    @property
    def table(self):
        return self.columns

    def __getitem__(self, index):
        return np.random.default_rng(index).integers(0, 256, (9, 8, 1), dtype=np.uint8)


def pictures(**members) -> Pictures:
    """Pictures with other members; the class is made here, so its objects are told how to pickle."""
    kind = type("Pictures", (Pictures,), members)
    KINDS.append(kind)
    number = len(KINDS) - 1
    kind.__reduce__ = lambda self: (pictures_again, (number, self.__dict__))
    return kind()


KINDS: list[type] = []


def pictures_again(number, state):
    copied = KINDS[number].__new__(KINDS[number])
    copied.__dict__.update(state)
    return copied


def counting(value_of):
    """A property that is another one each time."""
    numbers = itertools.count()
    return property(lambda self: value_of(self, next(numbers)))


def counter_image(counter):
    return lambda self, index: np.full((9, 8, 1), next(counter) % 256, dtype=np.uint8)


class LosesState(Pictures):
    shade = 0

    def __getstate__(self):
        return {**self.__dict__, "shade": 7}

    def __getitem__(self, index):
        return np.full((9, 8, 1), self.shade, dtype=np.uint8)


def image_of(array):
    return pictures(__getitem__=lambda self, index: array)


BROKEN_DATASETS = {
    "no_classes": (object(), "classes are names", "has no attribute 'classes'"),
    "one_word": (Pictures(classes="happy"), "classes are names", "classes is 'happy'"),
    "numbers": (Pictures(classes=[0, "1", "2", "a"]), "classes are names", "0, '1', '2' among them"),
    "twice": (Pictures(classes=["a", "b", "c", "a"]), "classes are unique", "'a', 'b', 'c', 'a'"),
    "table": (pictures(table=property(lambda self: 1 / 0)), "table", "ZeroDivisionError"),
    "no_mapping": (pictures(table=7), "table", "TypeError"),
    "length": (Pictures(source=["a", "b"]), "table", "column 'source' has 2 rows, column 'label' 4"),
    "sources": (Pictures(source=["a", "a", "c", "d"]), "table", "two samples have the same source name"),
    "range": (Pictures(label=[0, 1, 2, 7]), "table", "a label lies outside 0..3"),
    "column": (Pictures(age=[1, 2, 3, 4]), "table", "unknown column 'age'"),
    "split": (Pictures(split=["train", "train", "dev", "test"]), "table", "something other than train, val, test"),
    "label_text": (Pictures(label=["0", "1", "2", "3"]), "labels are whole numbers", "the column label holds <U1"),
    "label_float": (Pictures(label=[0.0, 1.0, 2.0, 3.5]), "labels are whole numbers", "float64"),
    "votes": (Pictures(votes=[[1, 2]] * 4), "table", "column 'votes' must have 4 figures a row"),
    "missing": (
        pictures(__getitem__=lambda self, index: [][index]),
        "images are read",
        r"dataset\[0\] raises IndexError",
    ),
    "none": (image_of(None), "images are uint8 HxWxC", "is a NoneType"),
    "list": (image_of([[1]]), "images are uint8 HxWxC", "is a list"),
    "float": (image_of(np.zeros((9, 8, 1))), "images are uint8 HxWxC", "is float64"),
    "flat": (image_of(np.zeros((9, 8), np.uint8)), "images are uint8 HxWxC", r"has shape \(9, 8\)"),
    "alpha": (image_of(np.zeros((9, 8, 4), np.uint8)), "images are uint8 HxWxC", r"has shape \(9, 8, 4\)"),
    "random": (pictures(__getitem__=counter_image(itertools.count())), "images are repeatable", "rows 3, 2, 1, 0"),
    "unordered": (
        pictures(table=counting(lambda self, n: {**self.columns, "label": np.roll(range(4), n)})),
        "table is repeatable",
        "label changed",
    ),
    "copy": (LosesState(), "picklable", "rows 3, 2, 1, 0 of its copy"),
    "title": (pictures(title=""), "title is text", "''"),
    "cache_key": (pictures(cache_key=7), "cache_key is text", "7"),
    "cache_key_moves": (
        pictures(cache_key=counting(lambda self, n: f"k{n}")),
        "cache_key is repeatable",
        "from one reading to the next",
    ),
    "notes": (pictures(notes="one"), "notes are sentences", "'one'"),
}


@pytest.mark.parametrize("name", BROKEN_DATASETS)
def test_every_dataset_rule_has_teeth(name, rules_broken):
    dataset, rule, words = BROKEN_DATASETS[name]
    broken = rules_broken(check_dataset, dataset)
    assert rule in broken
    assert re.search(words, broken[rule])


def test_datasets_that_do_not_pickle(rules_broken):
    dataset = Pictures()
    dataset.reader = lambda: None
    assert "pickling it and reading from the copy raises" in rules_broken(check_dataset, dataset)["picklable"]


def test_good_datasets_pass():
    check_dataset(Pictures())
    check_dataset(Pictures(split=["train"] * 4, votes=[[1] * 4] * 4))


def test_a_class_without_an_image_is_found_before_a_training_is_refused(rules_broken):
    broken = rules_broken(check_dataset, Pictures(classes=[*CLASSES, "contempt"]))
    assert list(broken) == ["every class has images"]
    assert "none of contempt" in broken["every class has images"]
    broken = rules_broken(check_dataset, Pictures(split=["train", "train", "train", "test"]))
    assert list(broken) == ["every class has training images"]
    assert "none of happy lies in split train" in broken["every class has training images"]


def test_synthetic_faces_pass():
    check_dataset(Synthetic())
