"""Honest files of several places: what may be of two models, datasets or splits is not held against each other."""

import json

import numpy as np
import pytest
from fer_claims_audit.check import audit
from sklearn.metrics import classification_report, confusion_matrix

from fer_plugins.analysis.claims import Subject, read_foreign

RANDOM = np.random.default_rng(1)


def network(images, accuracy, classes=4):
    true = RANDOM.integers(0, classes, images)
    return true, np.where(RANDOM.random(images) < accuracy, true, RANDOM.integers(0, classes, images))


@pytest.fixture
def check(tmp_path):
    def run(name, text, **subject):
        path = tmp_path / name
        path.write_text(text)
        return audit(read_foreign(path, Subject(**subject)))

    return run


def notebook(*outputs):
    cells = [{"cell_type": "code", "outputs": [{"output_type": "stream", "text": text}]} for text in outputs]
    return json.dumps({"cells": cells, "nbformat": 4})


def test_a_notebook_with_the_reports_of_two_networks(check):
    pairs = network(997, 0.9), network(203, 0.6)
    texts = [text for pair in pairs for text in (classification_report(*pair, digits=4), str(confusion_matrix(*pair)))]
    outcome = check("two.ipynb", notebook(*texts))
    assert outcome.findings == []
    assert "each place was checked by itself" in outcome.remarks[0].text
    wrong = texts[0].replace("accuracy                         0.", "accuracy                         0.1")
    assert check("two.ipynb", notebook(wrong, *texts[1:])).findings


def test_cells_that_disagree_are_a_remark_and_one_cell_a_contradiction(check):
    true, predicted = network(200, 0.8)
    report, other = classification_report(true, predicted), str(confusion_matrix(true, np.roll(predicted, 1)))
    apart = check("run.ipynb", notebook(report, other))
    assert apart.findings == []
    assert any("if these are of one test" in remark.text for remark in apart.remarks)
    assert check("run.ipynb", notebook(f"{report}\n{other}")).findings


@pytest.mark.parametrize(
    "text",
    [
        "| Model | Dataset | Accuracy (%) |\n|---|---|---|\n| Ours | FER2013 | 71.27 |\n| Ours | RAF-DB | 86.31 |\n",
        "| Model | Attention | Accuracy |\n|---|---|---|\n| Ours | no | 70.10 |\n| Ours | yes | 71.27 |\n",
        "| Model | Accuracy |\n|---|---|\n| Ours | 70.10 |\n| Ours | 71.27 |\n",
        (2 * "# A\n| Model | Accuracy |\n|---|---|\n| Ours | 71.27 |\n\n").replace("71.27", "86.31", 1),
        "| Class | Recall | Recall |\n|---|---|---|\n| Happy | 0.7 | 0.9 |\n| Sad | 0.5 | 0.6 |\n",
        "| Class | Recall |\n|---|---|\n| Happy | 95.1 |\n| Disgust | 0.9 |\n| macro avg | 48.0 |\n",
        "| Class | P | Recall | F1 |\n|---|---|---|---|\n| a |90|80|85|\n|b|70|75|72|\n|c|88|81|84|\n",
    ],
)
def test_tables_of_several_datasets_variants_and_columns(check, text):
    outcome = check("README.md", text)
    assert outcome.findings == []
    assert "confusion_matrix" not in {item.claim.metric for item in outcome.statuses}


def test_sums_of_sample_weights_are_no_images(check):
    weights = RANDOM.random(300)
    text = classification_report(*network(300, 0.7), sample_weight=300 * weights / weights.sum(), digits=4)
    outcome = check("report.txt", text, dataset="FER2013", split="test")
    assert outcome.findings == []
    assert "n_images" not in {item.claim.metric for item in outcome.statuses}


def test_without_a_split_no_release_is_asked(check):
    matrix = "\n".join(",".join(str(n if j == k else 0) for j in range(7)) for k, n in
                       enumerate([467, 56, 496, 895, 653, 415, 607]))  # fmt: skip
    named = check("m.csv", matrix, dataset="FER2013", split="test")
    assert "these are the counts of PublicTest, called test" in named.findings[0].certificate[0]
    assert check("m.csv", matrix, dataset="FER2013").findings == []
    outcome = check("m.md", "| Model | Accuracy |\n|---|---|\n| Net | 0.70001 |\n", dataset="FER2013")
    assert outcome.unknown_counts == ["FER2013, split test; which split it is was not said: give --split"]


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_normalised_matrices_as_numpy_prints_them(check, normalize):
    pair = network(500, 0.95, 7)
    shares = confusion_matrix(*pair, normalize=normalize)
    report = classification_report(*pair)
    for text in (
        str(np.round(shares, 4)),
        repr(shares),
        str(shares.astype(np.float32)),
        str(np.round(shares * 1e-2, 6)),
    ):
        assert check("log.txt", f"{report}\n{text}").findings == []


def test_a_report_of_some_classes_beside_the_matrix_of_all(check):
    pair = network(500, 0.7)
    text = classification_report(*pair, labels=[0, 1, 3], digits=4)
    assert check("log.txt", f"{text}\n{confusion_matrix(*pair)}").findings == []


@pytest.mark.parametrize(
    ("dataset", "reason"), [("FERG", "55,767 images in all"), ("AffectNet", "no images per class")]
)
def test_what_a_release_does_not_print_is_said(check, dataset, reason):
    outcome = check("m.md", "| Model | Accuracy |\n|---|---|\n| Net | 0.9 |\n", dataset=dataset, split="test")
    assert reason in outcome.unknown_counts[0]
