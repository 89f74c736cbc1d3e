"""Matrices that may hold counts or percentages of all images: a number must contradict every reading of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from fer_claims_audit.check import audit
from fer_claims_audit.findings import CHECKED, CONTRADICTED
from fer_claims_audit.matrix_rates import rates_of_counts, rates_of_shares
from sklearn.metrics import classification_report, confusion_matrix

from fer_plugins.analysis.claims import Claim, Claims, Subject, read_foreign, read_shares

SEVEN = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")
OF_98 = [
    [13, 0, 1, 0, 0, 0, 0], [1, 4, 0, 0, 0, 0, 1], [0, 0, 17, 0, 0, 1, 0], [0, 0, 0, 7, 0, 1, 0],
    [0, 0, 0, 0, 20, 0, 0], [1, 0, 0, 0, 0, 7, 0], [0, 0, 0, 0, 0, 0, 24],
]  # fmt: skip


def written(matrix, digits=0, *, cut=False):
    """Return the cells of a matrix as text."""
    scaled = [[cell * 10**digits for cell in row] for row in matrix]
    whole = [[int(cell) if cut else round(cell) for cell in row] for row in scaled]
    return tuple(tuple(f"{cell / 10**digits:.{digits}f}" for cell in row) for row in whole)


def matrix_claim(cells, classes=SEVEN):
    value = [[float(cell) for cell in row] for row in cells]
    return Claim("Net", "Own", "test", "confusion_matrix", value, "Fig. 1", classes=tuple(classes), cells=cells)


def number(metric, text, **fields):
    return Claim("Net", "Own", "test", metric, float(text), "Table 1", written=text, **fields)


def check(*claims):
    return audit(Claims(Path("p.yaml"), {"id": "p", "title": "P"}, (), claims))


def test_98_images_are_no_percentages_that_excuse_an_accuracy():
    matrix = matrix_claim(written(OF_98))
    outcome = check(matrix, number("accuracy", "0.9898"))
    (finding,) = outcome.findings
    assert finding.bound == (
        "accuracy is 0.938776 if its cells are counts, 0.885 to 0.955 if its cells are percentages of all images"
    )
    assert [item.status for item in outcome.statuses] == [CHECKED, CONTRADICTED]
    assert check(matrix, number("accuracy", "0.9388")).findings == []  # 92/98
    assert check(matrix, number("accuracy", "0.92")).findings == []  # the diagonal, were they percentages
    (finding,) = check(matrix, number("recall", "0.99", class_name="anger")).findings
    assert "0.928571 if its cells are counts, 0.65 to 0.96429 if" in finding.bound


def test_what_shows_that_they_are_counts_leaves_one_reading():
    matrix = matrix_claim(written(OF_98))
    near = number("accuracy", "0.95")  # possible for percentages alone
    assert check(matrix, near).findings == []
    supports = [number("n_images", str(sum(row)), class_name=k) for k, row in zip(SEVEN, OF_98, strict=True)]
    for more in ([number("n_images", "98")], supports):
        (finding,) = check(matrix, near, *more).findings
        assert "0.938776" in finding.bound
        assert "percentages" not in finding.bound


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("digits", [0, 1, 2])
def test_an_honest_table_of_percentages_of_all_images_is_not_accused(digits, cut):
    random, judged = np.random.default_rng(digits), 0
    for _ in range(40):
        size = int(random.integers(2, 9))
        shares = random.dirichlet(random.choice([0.1, 1.0], size=size * size)).reshape(size, size)
        counts = random.multinomial(int(random.choice([213, 981, 3589])), shares.ravel()).reshape(size, size)
        cells = written(100 * counts / counts.sum(), digits, cut=cut)
        shares = read_shares(cells)
        if shares is None or shares.of != "all":  # all images in one row, say
            continue
        judged += 1
        matrix = matrix_claim(cells, (*SEVEN, "contempt")[:size])
        exact = rates_of_counts(counts.tolist(), matrix.classes)
        numbers = [
            number(metric, repr(float(rates[0].low)), class_name=name)
            for (metric, name), rates in exact.items()
            if not metric.startswith(("n_", "kappa"))
        ]
        inside = rates_of_shares(cells, shares, matrix.classes)
        for key, rates in inside.items():
            assert any(rate.low <= exact[key][0].low <= rate.high for rate in rates), key
        assert check(matrix, *numbers).findings == []
    assert judged >= 30


def test_decimal_percentages_of_all_images_are_held_against_the_accuracy():
    shares = written([[100 * cell / 98 for cell in row] for row in OF_98], 1)  # CK+'s tenths, as percentages
    assert check(matrix_claim(shares), number("accuracy", "0.9388")).findings == []
    (finding,) = check(matrix_claim(shares), number("accuracy", "0.9898")).findings
    assert finding.bound.startswith("accuracy is 0.93")
    assert finding.certificate == ("the diagonal adds up to 93.8 %, each cell rounded or cut off",)


def test_ones_and_zeros_may_be_the_shares_of_a_perfect_network():
    supports = [number("n_images", text, class_name=name) for name, text in zip("abc", "532", strict=True)]
    for digits in (0, 2):
        perfect = matrix_claim(written(np.eye(3), digits), "abc")
        assert check(perfect, number("accuracy", "1.00"), *supports).findings == []
    assert check(perfect, number("accuracy", "0.90"), *supports).findings != []


@pytest.mark.parametrize("zero_division", [0, 1, np.nan])
def test_a_report_may_give_0_through_0_any_value(tmp_path, zero_division):
    label, predicted = [0] * 30 + [1] * 9 + [3] * 12, [0] * 21 + [1] * 9 + [1] * 9 + [3] * 10 + [0] * 2
    report = classification_report(
        label, predicted, labels=range(5), target_names=list("abcde"), digits=4, zero_division=zero_division
    )
    text = f"{report}\n{confusion_matrix(label, predicted, labels=range(5))!r}"
    assert audit(read_notebook(tmp_path, text)).findings == []
    wrong = text.replace("weighted avg     0.8", "weighted avg     0.7")
    assert wrong != text
    assert audit(read_notebook(tmp_path, wrong)).findings != []


def test_micro_means_of_a_report_of_some_classes_are_not_the_accuracy(tmp_path):
    label, predicted = [0] * 21 + [1] * 19 + [2] * 31, [0] * 9 + [1] * 3 + [2] * 9 + [1] * 19 + [2] * 20 + [0] * 11
    some = classification_report(label, predicted, labels=[0, 1], target_names=["a", "b"])
    accuracy = np.mean(np.equal(label, predicted))
    text = f"{confusion_matrix(label, predicted)!r}\n{some}\nAccuracy: {accuracy:.4f}"
    assert "micro avg" in text
    assert audit(read_notebook(tmp_path, text)).findings == []


def read_notebook(folder, text):
    """Return the claims of a notebook with one output."""
    path = folder / "run.ipynb"
    outputs = [{"output_type": "stream", "name": "stdout", "text": text}]
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}], "nbformat": 4}))
    return read_foreign(path, Subject())


def test_rows_and_columns_near_100_may_be_recalls_or_precisions():
    precisions = matrix_claim(written([[99, 0, 3], [0, 100, 0], [1, 0, 97]]), "abc")
    counted = [number("n_correct", "927", class_name="a"), number("n_images", "970", class_name="a")]
    assert check(precisions, *counted).findings == []  # recall 0.956, precision 0.99
    (finding,) = check(precisions, number("accuracy", "0.90")).findings
    assert finding.bound == "accuracy is 0.965 to 1"
