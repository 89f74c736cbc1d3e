"""What is found, and what is not accused, in the forms in which people print numbers."""

import json

import pytest
import yaml
from fer_claims_audit.check import audit
from fer_claims_audit.command import claims

from fer_plugins.analysis.claims import read_claims
from fer_plugins.commands import main

SEVEN = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
PUBLIC_TEST = [467, 56, 496, 895, 653, 415, 607]
RECALLS = [0.5866, 0.3423, 0.3828, 0.8884, 0.4820, 0.7870, 0.6902]
PERCENT = [
    [64.03, 4.28, 4.28, 5.14, 8.78, 7.49, 6.0], [10.71, 57.14, 5.36, 5.36, 1.79, 7.14, 12.5],
    [8.87, 7.46, 47.98, 11.49, 7.66, 8.27, 8.27], [1.68, 2.12, 1.34, 89.27, 1.34, 2.23, 2.01],
    [7.35, 8.73, 6.89, 7.96, 56.2, 6.58, 6.28], [4.82, 2.89, 2.17, 3.61, 4.58, 78.8, 3.13],
    [4.45, 3.46, 6.43, 3.79, 5.11, 7.74, 69.03],
]  # fmt: skip


@pytest.fixture
def check(tmp_path):
    def run(*entries, **more):
        defaults = {"model": "N", "dataset": "FER2013", "split": "test", "source": "Table 1"}
        content = {
            "paper": {"id": "p", "title": "P"}, "models": [{"name": "N", "role": "proposed"}],
            "claims": [{**defaults, **entry} for entry in entries], **more,
        }  # fmt: skip
        path = tmp_path / "paper.yaml"
        path.write_text(yaml.safe_dump(content))
        return audit(read_claims(path))

    return run


def matrix(sums, classes=SEVEN):
    rows = [[size if j == k else 0 for j in range(len(sums))] for k, size in enumerate(sums)]
    return {"metric": "confusion_matrix", "classes": list(classes), "value": rows}


def kinds(outcome):
    return [finding.kind for finding in outcome.findings]


def recalls(names=SEVEN, **fields):
    return [
        {"metric": "recall", "class": name, "value": rate, **fields} for name, rate in zip(names, RECALLS, strict=True)
    ]


@pytest.mark.parametrize("value", [0.43382557815547507, 0.5586514472961426, 0.55865145])
def test_a_binary_float_is_no_decimal_rounded_at_its_last_digit(check, value):
    outcome = check({"metric": "accuracy", "value": value})
    assert outcome.findings == []
    assert [item.status for item in outcome.statuses] == ["checked"]
    assert kinds(check({"metric": "accuracy", "value": value + 1e-4})) == ["granularity"]


def test_supports_of_some_classes_are_not_all(check):
    entries = [
        {"metric": "n_images", "class": "happy", "value": 900}, {"metric": "n_images", "class": "disgust", "value": 60},
        {"metric": "accuracy", "value": 0.6429}, {"metric": "macro_recall", "value": 0.61},
    ]  # fmt: skip
    outcome = check(*({**entry, "dataset": "private"} for entry in entries))
    assert outcome.findings == []
    assert outcome.unknown_counts == ["private, split test"]


def test_a_gain_is_any_difference_that_could_be_meant(check):
    models = [{"name": "N", "role": "proposed"}, {"name": "Old", "role": "baseline"}]
    rates = [
        {"metric": "accuracy", "value": 0.70, "source": "Table 1"},
        {"metric": "accuracy", "value": 0.72, "source": "Table 2"},
        {"metric": "accuracy", "value": 0.69, "model": "Old"},
    ]  # fmt: skip
    gain = {"metric": "accuracy_gain", "over": "Old", "source": "text"}
    assert "products and gains" not in kinds(check(*rates, {**gain, "value": 0.03}, models=models))
    assert "products and gains" in kinds(check(*rates, {**gain, "value": 0.30}, models=models))


def test_rows_of_one_table_and_the_accuracy_of_another(check):
    rows = recalls(split="validation_and_test")
    accuracy = {"metric": "accuracy", "split": "validation_and_test", "source": "abstract"}
    assert kinds(check({**accuracy, "value": 0.6812}, *rows)) == ["rows"]
    assert kinds(check({**accuracy, "value": 0.6512}, *rows)) == []


def test_names_as_papers_print_them(check):
    names = ["Angry", "Disgust", "Fear", "Happiness", "Sadness", "Surprised", "Neutral"]
    rows = recalls(names, dataset="FER-2013", split="validation_and_test")
    accuracy = {"metric": "Top-1", "value": 0.95, "split": "validation_and_test"}
    assert kinds(check(accuracy, *rows)) == ["rows"]


def test_names_that_are_unknown_are_said(check):
    outcome = check(
        {"metric": "acuracy", "value": 0.95}, {"metric": "recall", "class": "hapy", "value": 0.9},
        {"metric": "accuracy", "value": 0.9, "dataset": "FER2031"},
    )  # fmt: skip
    reasons = [item.reason for item in outcome.statuses]
    assert reasons[0] == "no check reads the metric 'acuracy'; did you mean accuracy?"
    assert reasons[1] == "FER2013 has no class 'hapy'; did you mean happy?"
    assert reasons[2] == "the images of FER2031, split test, are not known; did you mean FER2013?"


def test_the_rows_of_a_matrix_are_the_counts_of_its_split(check):
    (finding,) = check(matrix(PUBLIC_TEST)).findings
    assert finding.kind == "release"
    assert "these are the counts of PublicTest, called test" in finding.certificate[0]
    assert check({**matrix(PUBLIC_TEST), "split": "validation"}).findings == []
    assert "3,689" not in str(check(matrix(PUBLIC_TEST), splits={"test": "PublicTest"}).findings)
    (finding,) = check(matrix([567, *PUBLIC_TEST[1:]])).findings
    assert "3,689 images in the matrix, 3,589 in the release" in finding.certificate[0]


def test_a_matrix_of_one_image_of_each_sequence_of_ck_is_known(check):
    seven = [name for name in SEVEN if name != "neutral"] + ["contempt"]
    outcome = check({**matrix([45, 59, 25, 69, 28, 83, 18], seven), "dataset": "CK+"})
    assert "one image of each labelled sequence" in outcome.remarks[0].text


def test_matrices_of_percentages(check):
    entry = {"metric": "confusion_matrix", "classes": SEVEN, "split": "validation", "value": PERCENT}
    assert check(entry).findings == []
    accuracy = {"metric": "accuracy", "split": "validation"}
    assert kinds(check(entry, {**accuracy, "value": 0.6913})) == []
    assert kinds(check(entry, {**accuracy, "value": 0.75})) == ["rows"]
    off = [[64.10, 4.21, *PERCENT[0][2:]], *PERCENT[1:]]
    finding = next(f for f in check({**entry, "value": off}).findings if "whole number" in f.bound)
    assert "64.1 of anger is not of the form k/467" in finding.certificate[0]
    whole = [[round(cell) for cell in row] for row in PERCENT]
    assert check({**entry, "value": whole}).findings == []
    one_class = {"metric": "confusion_matrix", "classes": ["a", "b"], "value": [[100, 0], [0, 0]], "dataset": "Set"}
    assert check(one_class, {"metric": "accuracy", "value": 0.9982, "dataset": "Set"}).findings == []
    whole[2][5] += 10
    (finding,) = check({**entry, "value": whole}).findings
    assert finding.bound == "the row of fear adds up to 100 %"


def test_hits_against_the_release(check):
    entries = ({"metric": "n_correct", "class": "happy", "value": 1738}, {"metric": "recall", "class": "happy"})
    both = [{**entry, "split": "validation_and_test"} for entry in entries]
    assert kinds(check(both[0], {**both[1], "value": 0.95})) == ["sums"]
    assert kinds(check(both[0], {**both[1], "value": 0.98})) == []


def test_the_official_counts_of_raf_db(check):
    rows = recalls(dataset="RAF-DB")
    assert "rows" in kinds(check({"metric": "accuracy", "value": 0.9043, "dataset": "RAF-DB"}, *rows))


def test_several_runs_against_their_mean_and_deviation(check):
    rates = [0.701, 0.711, 0.721]
    runs = [{"metric": "accuracy", "value": rate, "run": k, "dataset": "Set"} for k, rate in enumerate(rates)]
    mean = {"metric": "accuracy_mean", "dataset": "Set"}
    deviation = {"metric": "accuracy_sd", "dataset": "Set"}
    assert kinds(check(*runs, {**mean, "value": 0.711}, {**deviation, "value": 0.010})) == []
    assert kinds(check(*runs, {**mean, "value": 0.731}, {**deviation, "value": 0.010})) == ["spread over runs"]
    assert kinds(check(*runs, {**mean, "value": 0.711}, {**deviation, "value": 0.050})) == ["spread over runs"]


def test_a_new_file_is_valid_and_is_not_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main.call("fer claims", claims, ["new"]) == 0
    assert main.call("fer claims", claims, ["claims.yaml"]) == 0
    assert "2 numbers: 2 checked, 0 contradicted, 0 not checked" in capsys.readouterr().out
    assert main.call("fer claims", claims, ["new"]) == 2
    assert "claims.yaml exists; give another name" in capsys.readouterr().err
    assert main.call("fer claims", claims, ["new", "other.yaml"]) == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["m.csv", "--split", "tset"], "did you mean test?"),
        (["m.csv", "--split"], "--split needs a value"),
        (["m.csv", "--json", "--markdown"], "are two outputs; give one"),
        (["claims.yaml", "--dataset", "FER2013"], "has its own keys: leave it out"),
        (["none.csv"], "none.csv: cannot be read"),
        (["new", "claims.txt"], "try claims.yaml"),
    ],
)
def test_wrong_words_are_one_line(tmp_path, capsys, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.csv").write_text("9,1\n1,9\n")
    assert main.call("fer claims", claims, argv) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_csv_as_json_and_as_markdown(tmp_path, capsys):
    path = tmp_path / "matrix.csv"
    rows = matrix(PUBLIC_TEST)["value"]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    argv = [str(path), "--dataset", "FER2013", "--split", "PrivateTest"]
    assert main.call("fer claims", claims, [*argv, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["statuses"] == {"checked": 0, "contradicted": 1, "not checked": 0}
    assert main.call("fer claims", claims, [*argv, "--markdown"]) == 0
    out = capsys.readouterr().out
    assert "1 number: 0 checked, 1 contradicted, 0 not checked" in out
    assert "| 1 | the model on FER2013, split test, matrix.csv |" in out
