"""Claims files that people have already: reports, matrices, tables and notebooks, each read as it was written."""

import json

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from fer_plugins.analysis.claims import Subject, read_foreign
from fer_plugins.runtime.errors import InputError

NAMES = ["Angry", "Happy", "Sad surprise"]
TRUE = np.repeat(range(3), (40, 25, 35))
PREDICTED = np.where(np.random.default_rng(0).random(100) < 0.7, TRUE, 2 - TRUE)
MATRIX = confusion_matrix(TRUE, PREDICTED)


def read(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    claims = read_foreign(path, Subject("Net", "Set", "test")).claims
    assert {(claim.dataset, claim.split) for claim in claims} == {("Set", "test")}
    return claims


def values(claims):
    return {(claim.metric, claim.class_name): claim.written for claim in claims}


@pytest.mark.parametrize("digits", [1, 2, 4, 6])
def test_a_report_of_sklearn_at_any_digits(tmp_path, digits):
    text = classification_report(TRUE, PREDICTED, target_names=NAMES, digits=digits)
    scores = values(read(tmp_path, "report.txt", f"epoch 3\n{text}\ndone\n"))
    expected = classification_report(TRUE, PREDICTED, target_names=NAMES, output_dict=True)
    assert len(scores) == 3 * 4 + 2 + 6
    assert scores["accuracy", None] == f"{expected['accuracy']:.{digits}f}"
    assert scores["f1", "Sad surprise"] == f"{expected['Sad surprise']['f1-score']:.{digits}f}"
    assert scores["weighted_recall", None] == f"{expected['weighted avg']['recall']:.{digits}f}"
    assert scores["n_images", "Happy"] == "25"
    assert scores["n_images", None] == "100"


def test_a_report_of_several_labels_has_micro_and_samples_means(tmp_path):
    labels = np.random.default_rng(0).random((30, 2)) < 0.6
    text = classification_report(labels, ~labels | labels[::-1], target_names=["a", "b"], zero_division=0)
    scores = values(read(tmp_path, "report.txt", text))
    assert {"micro_f1", "samples_f1", "macro_f1", "weighted_f1"} <= {metric for metric, _ in scores}
    assert ("accuracy", None) not in scores


@pytest.mark.parametrize("form", ["counts", "named", "shares", "percent", "pandas"])
def test_a_matrix_as_csv(tmp_path, form):
    shares = MATRIX / MATRIX.sum(1, keepdims=True)
    rows = {
        "shares": [[f"{cell:.2f}" for cell in row] for row in shares],
        "percent": [[f"{100 * cell:.1f}%" for cell in row] for row in shares],
        "pandas": [[f"{cell:.1f}" for cell in row] for row in MATRIX],
    }.get(form, [[str(cell) for cell in row] for row in MATRIX])
    if form in ("named", "pandas"):
        rows = [["", *NAMES], *([name, *row] for name, row in zip(NAMES, rows, strict=True))]
    (claim,) = read(tmp_path, "matrix.csv", "\n".join(map(",".join, rows)))
    assert claim.classes == (tuple(NAMES) if form in ("named", "pandas") else None)
    assert claim.cells[0][0] == {"shares": rows[0][0], "percent": rows[0][0].rstrip("%")}.get(form, str(MATRIX[0, 0]))


def test_tables_of_markdown_and_latex(tmp_path):
    markdown = (
        "| Emotion | Precision (%) | F1-score | Support |\n|---|--:|---|---|\n| Angry | 81.50 | **0.80** | 1,040 |\n"
        "| macro avg | 70.00 | 0.71 |  |\n\n| Model | Accuracy |\n|---|---|\n| Net 2 | 82.9 % |\n"
    )
    claims = read(tmp_path, "README.md", markdown)
    assert values(claims) == {
        ("precision", "Angry"): "0.8150", ("f1", "Angry"): "0.80", ("n_images", "Angry"): "1040",
        ("macro_precision", None): "0.7000", ("macro_f1", None): "0.71", ("accuracy", None): "0.829",
    }  # fmt: skip
    assert claims[-1].model == "Net 2"
    latex = r"\begin{tabular}{lc}\toprule" + "\n" + r"Class & Recall \\ \midrule Happy & \textbf{0.91} \\ \bottomrule"
    claims = read(tmp_path, "paper.tex", latex + "\n\\end{tabular}")
    assert values(claims) == {("recall", "Happy"): "0.91"}


def test_a_notebook_with_a_report_a_matrix_and_an_accuracy(tmp_path):
    text = classification_report(TRUE, PREDICTED, target_names=NAMES)
    outputs = [
        {"output_type": "stream", "text": [*text.splitlines(True), "\n", "Test accuracy: 70.00%\n"]},
        {"output_type": "execute_result", "data": {"text/plain": [repr(MATRIX)]}},
        {"output_type": "execute_result", "data": {"text/plain": repr(text)}},
    ]
    cells = [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "outputs": outputs}]
    claims = read(tmp_path, "run.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    assert [claim.metric for claim in claims].count("confusion_matrix") == 1
    assert [claim.metric for claim in claims].count("macro_f1") == 2
    assert "0.7000" in {claim.written for claim in claims}
    assert {claim.source for claim in claims if claim.metric == "confusion_matrix"} == {"cell 1, array 1"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "nothing here", "holds no numbers in a form that is known"),
        ("a.csv", "1,2\n3\n", "holds no numbers in a form that is known"),
        ("a.ipynb", "{}", "is not a notebook of Jupyter"),
        ("a.ipynb", "[]", "is not a notebook of Jupyter"),
        ("a.md", b"\xff\xfe", "is not UTF-8 text"),
        ("a.tex", None, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        read_foreign(path, Subject())
