"""Claims: the file's checks, and the row beside the measured number."""

import copy
import subprocess
import sys

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fer_plugins.analysis.claims import Claim, read_claims
from fer_plugins.analysis.claims.claims_beside import beside, compare, for_run
from fer_plugins.runtime.errors import InputError

CONTENT = {
    "paper": {"id": "a_paper", "title": "A paper", "year": 2024, "doi": None},
    "models": [{"name": "Net", "role": "proposed", "params": 12}, {"name": "Old", "role": "baseline"}],
    "claims": [
        {"model": "Net", "dataset": "CK+", "split": "test", "metric": "accuracy", "value": 0.98, "source": "Table 1"},
        {
            "model": "Net", "dataset": "FER2013", "split": "validation", "metric": "accuracy", "value": 0.65,
            "source": "Table 2", "note": "4693/7178",
        },
        {
            "model": "Net", "dataset": "FER2013", "split": "train", "metric": "accuracy", "value": 0.77,
            "source": "Table 2", "epoch": 3,
        },
        {
            "model": "Net", "dataset": "FER2013", "split": "not_stated", "metric": "recall", "value": 0.9,
            "source": "Table 3", "class": "fear",
        },
        {
            "model": "Net", "dataset": "FER2013", "split": "not_stated", "metric": "gar", "value": 0.9,
            "source": "Table 3",
        },
        {
            "model": None, "dataset": "FER2013", "split": "all", "metric": "n_images", "value": 35887,
            "source": "text",
        },
        {
            "model": "Old", "dataset": "FER2013", "split": "test", "metric": "confusion_matrix",
            "value": [[3, 1], [0, 4]], "classes": ["fear", "happy"], "source": "Table 4",
        },
        {
            "model": "Net", "dataset": "FER2013", "split": "train", "metric": "loss", "value": 1.7, "source": "Table 5",
        },
        {
            "model": "Net", "dataset": "FER2013", "split": "train", "metric": "learning_rate", "value": "1e-3",
            "source": "text",
        },
    ],
}  # fmt: skip
SCORES = {
    "accuracy": 0.6,
    "recall": 0.55,
    "precision": 0.5,
    "intervals": {"accuracy": {"low": 0.58, "high": 0.62}, "recall": {"low": 0.5, "high": 0.6}},
}


def write(tmp_path, content):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def changed(path, value):
    """CONTENT with one place replaced; `path` is keys and indices."""
    content = copy.deepcopy(CONTENT)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def claim(**fields):
    written = {"model": "Net", "dataset": "CK+", "split": "test", "metric": "accuracy", "value": 0.98, "source": "T"}
    return Claim(**written | fields)


def test_reads_every_field(tmp_path):
    claims = read_claims(write(tmp_path, CONTENT))
    assert claims.paper["id"] == "a_paper"
    assert [model["params"] for model in claims.models] == [12, None]
    assert claims.claims[2].epoch == 3
    assert claims.claims[3].class_name == "fear"
    assert claims.claims[5].value == 35887
    assert claims.claims[6].value == [[3, 1], [0, 4]]
    assert claims.claims[6].classes == ("fear", "happy")
    assert claims.claims[8].value == 0.001
    assert {claim.split_means for claim in claims.claims} == {None}
    known = read_claims(write(tmp_path, {**CONTENT, "splits": {"validation": "the test folder"}}))
    assert [claim.split_means for claim in known.claims[:2]] == [None, "the test folder"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["claims", 0, "value"], 98.2, r"claims\[0\] \(accuracy of Net on CK\+\): .* write 0.98"),
        (["claims", 0, "value"], -0.1, "must be a fraction in 0..1$"),
        (["claims", 0, "value"], "much", "value 'much' must be a number"),
        (["claims", 0, "value"], float("nan"), "must be a number"),
        (["claims", 0, "value"], True, "must be a number"),
        (["claims", 0, "metrik"], 1, r"claims\[0\] has an unknown key 'metrik'; known: .*metric"),
        (["claims", 0], {"model": "Net"}, r"claims\[0\] lacks the key 'dataset'"),
        (["claims", 0], 7, r"claims\[0\] must be a mapping"),
        (["claims", 0, "model"], "Nett", "model 'Nett' is not in models"),
        (["claims", 0, "model"], ["Net"], r"model \['Net'\] must be text"),
        (["claims", 0, "split"], "val", "split 'val' must be one of train, validation"),
        (["claims", 0, "epoch"], -1, "epoch -1 must be"),
        (["claims", 6, "value"], [[1, 2], [3]], "square list"),
        (["claims", 6, "classes"], "fear", "classes must be a list"),
        (["claims"], {}, "claims must be a list"),
        (["models", 0, "role"], "best", r"models\[0\]: role 'best'"),
        (["paper"], {"id": "x"}, "paper lacks the key 'title'"),
        (["remarks"], [], "unknown key 'remarks'"),
        (["splits"], {"val": "x"}, "unknown key 'val'"),
    ],
)  # fmt: skip
def test_wrong_entries_are_named_in_one_line(tmp_path, path, value, says):
    file = write(tmp_path, changed(path, value))
    with pytest.raises(InputError, match=says) as error:
        read_claims(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_claims(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("paper: {id: [\nclaims: ]")
    with pytest.raises(InputError, match=r"broken.yaml: cannot be read: line \d: ") as error:
        read_claims(broken)
    assert "\n" not in str(error.value)
    broken.write_bytes(b"paper: \xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_claims(broken)
    broken.write_text("")
    with pytest.raises(InputError, match="must be a mapping"):
        read_claims(broken)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.floats() | st.text("ab_ 1", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
PLACES = [["paper"], ["models"], ["claims"], ["splits"], ["paper", "id"], ["models", 0], ["models", 0, "name"]]
PLACES += [["claims", i, key] for i in (0, 6) for key in (*CONTENT["claims"][6], "note", "class", "epoch")]


@given(st.sampled_from(PLACES), JUNK)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_is_read_or_refused_and_never_crashes(tmp_path, path, value):
    file = write(tmp_path, changed(path, value))
    message = ""
    try:
        claims = read_claims(file)
        for_run(claims, claims.models[0]["name"] if claims.models else None, "FER2013")
    except InputError as error:
        message = str(error)
    assert "\n" not in message


def test_headline_claims_of_the_run(tmp_path):
    claims = read_claims(write(tmp_path, CONTENT))
    rows = for_run(claims, "Net", "fer2013")
    assert [(c.metric, c.split) for c in rows] == [("accuracy", "validation"), ("gar", "not_stated")]
    for spelling in ("CK+", "ck+", "ckplus", "ck_plus", "CK Plus"):
        assert [c.value for c in for_run(claims, "Net", spelling)] == [0.98]
    assert for_run(claims, "Net", "CK") == []
    assert for_run(claims, None, "CK+") == []
    with pytest.raises(InputError, match="models has no 'Nett'; known: Net, Old"):
        for_run(claims, "Nett", "CK+")


def test_row_beside_the_measured_number():
    row = beside(claim(), SCORES, "official", "test")
    assert row["claimed"] == 0.98
    assert row["measured"] == 0.6
    assert row["difference"] == pytest.approx(-38)
    assert row["interval"] == SCORES["intervals"]["accuracy"]
    assert row["note"] == ""


@pytest.mark.parametrize(
    ("fields", "protocol", "split", "note"),
    [
        ({"split": "not_stated"}, "official", "test", "claim: split not stated; measured on test"),
        ({"split": "validation"}, "official", "test", "claim: validation split; measured on test"),
        ({"split": "validation"}, "official", "val", ""),
        (
            {"split": "validation", "split_means": "the test folder"}, "official", "test",
            "claim: validation split = the test folder; measured on test",
        ),
        ({"split": "all"}, "official", "test", "claim: all images; measured on test"),
        ({}, "random", "test", "measured under protocol random, not on the release's own split"),
        ({"metric": "recall"}, "official", "test", "averaging not stated, compared with macro"),
        ({"metric": "macro_recall"}, "official", "test", ""),
        ({"metric": "weighted_recall"}, "official", "test", "weighted recall is accuracy"),
    ],
)  # fmt: skip
def test_notes(fields, protocol, split, note):
    row = beside(claim(**fields), SCORES, protocol, split)
    assert row["note"] == note
    assert row["measured"] is not None


def test_caveats_come_last():
    row = beside(claim(split="not_stated"), SCORES, "official", "test", ["trained on 20 % of the data"])
    assert row["notes"][-1] == "trained on 20 % of the data"


def test_what_cannot_be_compared():
    gar = beside(claim(metric="gar"), SCORES, "official", "test")
    assert gar["measured"] == SCORES["recall"]
    for row in (
        beside(claim(metric="far"), SCORES, "official", "test"),
        beside(claim(split="train"), SCORES, "official", "test"),
        beside(claim(metric="kappa"), SCORES, "official", "test"),
    ):
        assert row["measured"] is None
        assert row["difference"] is None
        assert row["interval"] is None
        assert "not" in row["note"]


def test_an_undefined_score_has_no_difference():
    row = beside(claim(metric="specificity"), {"specificity": None}, "official", "test")
    assert row["measured"] is None
    assert row["difference"] is None


def test_compare_takes_the_split_that_the_claim_speaks_of():
    scores = {"val": SCORES, "test": {**SCORES, "accuracy": 0.5}}
    claims = [
        claim(split="validation"),
        claim(split="validation", split_means="the test folder"),
        claim(split="train"),
        claim(),
    ]
    assert [row["measured"] for row in compare(claims, scores, "official")] == [0.6, 0.5, 0.5]
    assert [row["measured"] for row in compare(claims, {"val": SCORES}, "official")] == [0.6, 0.6, 0.6]
    assert compare(claims, {}, "official") == []
    assert len(compare(claims, {**scores, "train": SCORES}, "official")) == 4


def test_needs_no_torch():
    code = "import sys, fer_plugins.analysis.claims; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
