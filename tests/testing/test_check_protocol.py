"""check_protocol: the core's protocols pass, and every rule has a protocol that breaks it."""

import random
import re

import numpy as np
import pytest
import torch

from fer_plugins.contract import Fold
from fer_plugins.data.protocols import official
from fer_plugins.data.table import SampleTable
from fer_plugins.testing import check_protocol
from fer_plugins.testing.protocol import example_table

CLASSES = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def halves(table, seed):
    order = np.random.default_rng(seed).permutation(len(table))
    third = len(table) // 3
    return [Fold(np.sort(order[:third]), np.sort(order[third : 2 * third]), np.sort(order[2 * third :]))]


def with_fold(train=range(10), val=range(10, 20), test=range(20, 30)):
    def function(table, seed):
        return [Fold(*(np.asarray(list(rows), dtype=np.int64) for rows in (train, val, test)))]

    return function


def draws(permute):
    def function(table, seed):
        order = np.asarray(permute(len(table)), dtype=np.int64)
        return [Fold(order[:70], order[70:140], order[140:])]

    return function


def python_permutation(size):
    return random.sample(range(size), size)


def sorts_in_place(table, seed):
    table.label.sort()
    return halves(table, seed)


def tuples(table, seed):
    return [tuple(halves(table, seed)[0])]


def lists(table, seed):
    return [Fold(*(rows.tolist() for rows in halves(table, seed)[0]))]


def small_integers(table, seed):
    return [Fold(*(rows.astype(np.int32) for rows in halves(table, seed)[0]))]


def one_fold(table, seed):
    return halves(table, seed)[0]


def no_seed(table):
    return halves(table, 0)


def needs_age(table, seed):
    raise ValueError("the table has no ages")


def small_seeds_only(table, seed):
    return [halves(table, 0), halves(table, 1)][seed]


def untyped_option(table, seed, *, share=0.5):
    return halves(table, seed)


def with_flaw(table, seed):
    return halves(table, seed)


with_flaw.flaw = ""

BROKEN_PROTOCOLS = {
    "seed": (no_seed, "takes seed", "signature is"),
    "option": (untyped_option, "option share is typed", "no annotation"),
    "needs": (needs_age, "splits the table", "ValueError: the table has no ages"),
    "fold": (one_fold, "returns folds", "it returns Fold"),
    "none": (lambda table, seed: None, "returns folds", "it returns None"),
    "empty_list": (lambda table, seed: [], "returns folds", r"it returns \[\]"),
    "tuple": (tuples, "returns folds", "an element is a tuple"),
    "list": (lists, "rows are int64", "train of fold 0 is a list"),
    "int32": (small_integers, "rows are int64", "int32"),
    "range": (with_fold(test=[20, 210]), "rows are in range", "test of fold 0 has rows 20 to 210, the table 210"),
    "negative": (with_fold(val=[-1]), "rows are in range", "-1 to -1"),
    "twice": (with_fold(train=[1, 1]), "rows are unique", "train of fold 0 repeats rows"),
    "overlap": (with_fold(val=[8, 9, 20]), "parts are disjoint", "train and val of fold 0 share 2 rows"),
    "empty": (with_fold(train=[]), "something to train and to score", "0 train"),
    "unscored": (with_fold(val=[], test=[]), "something to train and to score", "0 val and 0 test rows"),
    "numpy": (draws(np.random.permutation), "leaves global seeds alone", r"numpy\.random"),
    "python": (draws(python_permutation), "leaves global seeds alone", "draws from random"),
    "torch": (draws(torch.randperm), "leaves global seeds alone", "draws from torch"),
    "unseeded": (draws(np.random.permutation), "same seed, same folds", "other folds"),
    "own": (draws(np.random.default_rng(0).permutation), "same seed, same folds", "other folds"),
    "sorts": (sorts_in_place, "table unchanged", "changed the column label"),
    "seeds": (small_seeds_only, "takes any seed", "seed 12345 raises IndexError"),
    "flaw": (with_flaw, "flaw is text", "''"),
}


@pytest.mark.parametrize("name", BROKEN_PROTOCOLS)
def test_every_protocol_rule_has_teeth(name, rules_broken):
    function, rule, words = BROKEN_PROTOCOLS[name]
    broken = rules_broken(check_protocol, function)
    assert rule in broken
    assert re.search(words, broken[rule])


@pytest.mark.parametrize("function", [official.official, official.random, halves])
def test_good_protocols_pass(function):
    check_protocol(function)


def test_a_table_of_ones_own(rules_broken):
    table = SampleTable(label=np.arange(9) % 3, source=np.array(list("abcdefghi")))
    check_protocol(halves, table)
    assert (
        "train of fold 0 has rows 0 to 9, the table 9 (and 5 times more)"
        in rules_broken(check_protocol, with_fold(), table)["rows are in range"]
    )


def test_example_table_is_a_table():
    table = example_table()
    again = SampleTable.from_columns(dict(table.columns()), CLASSES, "example")
    assert len(again) == 210
