"""Rows of classes whose images are not known, and the names of the places that they stand in."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fer_claims_audit.check import audit
from fer_claims_audit.rows_of_images import simplest

from fer_plugins.analysis.claims import Claim, Claims, Subject, read_foreign


def number(metric, text, source="Table 1", **fields):
    return Claim("Net", "Own", "test", metric, float(text), source, written=text, **fields)


def check(*claims):
    return audit(Claims(Path("p.yaml"), {"id": "p", "title": "P"}, (), claims))


def test_a_rate_of_a_class_is_a_fraction_of_no_more_images_than_there_are():
    recall = number("recall", "0.7113", class_name="a")  # 69/97 is the simplest fraction
    assert check(recall, number("n_images", "97")).findings == []
    (finding,) = check(recall, number("n_images", "96")).findings
    assert finding.bound == "recall = k/n with n <= 96"
    assert "69/97" in finding.certificate[1]
    f1 = number("f1", "0.7113", class_name="a")
    assert check(f1, number("n_images", "49")).findings == []  # 2 TP / (images + predictions)
    assert len(check(f1, number("n_images", "48")).findings) == 1


def test_a_recall_of_one_class_of_a_known_split_is_a_whole_number_of_its_images():
    def recall(text, name="Happy"):
        return replace(number("recall", text, class_name=name), dataset="FER2013")

    assert check(recall("0.8896")).findings == []  # 782/879
    (finding,) = check(recall("0.8891")).findings
    assert finding.bound == "recall = k/879"
    assert [item.status for item in check(recall("0.8891", "hapy")).statuses] == ["not checked"]


def test_the_simplest_fraction_is_that_of_a_search():
    random = np.random.default_rng(0)
    for _ in range(200):
        low, width = Fraction(int(random.integers(10**4)), 10**4), Fraction(1, int(random.choice([100, 1000, 5000])))
        found = simplest(low, low + width)
        assert low <= found <= low + width
        smaller = range(1, found.denominator)
        assert not any(-(-low * n // 1) <= (low + width) * n for n in smaller)


@pytest.mark.parametrize(("accuracy", "findings"), [("0.69", 0), ("0.70", 0), ("0.95", 1), ("0.50", 1)])
def test_accuracy_is_a_mean_of_the_recalls(accuracy, findings):
    cells = (("60", "40"), ("20", "80"))  # percentages of rows: no counts
    value = [[60.0, 40.0], [20.0, 80.0]]
    matrix = Claim("Net", "Own", "test", "confusion_matrix", value, "Fig. 1", classes=("a", "b"), cells=cells)
    assert len(check(matrix, number("accuracy", accuracy)).findings) == findings


def test_a_place_that_is_spelt_like_another_is_named():
    rows = [number("recall", "0.9", class_name=name) for name in "abc"]
    (remark,) = check(*rows, number("accuracy", "0.9", "Tabel 1")).remarks
    assert remark.text.startswith("1 number stands under source 'Tabel 1'; did you mean 'Table 1'?")
    for different in ("Table 2", "text", "abstract", "table 1", "Table 1, below"):
        assert check(*rows, number("accuracy", "0.9", different)).remarks == [], different


def test_a_class_without_images_may_be_left_out_of_the_mean():
    only = number("recall", "0.0", class_name="b")
    assert check(only, number("macro_recall", "1.0"), number("n_images", "0", "Table 2", class_name="b")).findings == []


def test_a_column_of_numbers_beside_classes_is_no_part_of_the_models_name(tmp_path):
    path = tmp_path / "README.md"
    rows = [
        "| Class | Recall | Params | # images |",
        "|---|---|---|---|",
        "| Angry | 0.5 | 1.2 | 34 |",
        "| Fear | 0.6 | 3 | |",
    ]
    path.write_text("\n".join(rows))
    read = read_foreign(path, Subject()).claims
    assert {claim.model for claim in read} == {"the model"}
    assert [claim.value for claim in read if claim.metric == "n_images"] == [34]


def test_counts_that_add_up_may_lack_a_class_without_images():
    counts = [
        number("n_images", "7", class_name="b"),
        number("n_images", "3", class_name="c"),
        number("n_images", "10"),
    ]
    rows = [number("recall", text, class_name=name) for name, text in zip("abc", ("0.0", "0.714", "1.0"), strict=True)]
    rates = [number("accuracy", "0.8"), number("macro_recall", "0.571")]  # over three classes
    assert check(*rates, *counts, *rows).findings == []
    assert check(*rates, *counts).findings == []
    assert check(number("accuracy", "0.1"), rates[1], *counts).findings != []
