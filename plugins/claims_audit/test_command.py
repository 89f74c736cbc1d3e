"""``fer claims``: what it prints, its exit codes, and what of a claims file it takes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fer_claims_audit.command import claims

from fer_plugins.analysis.claims import read_claims
from fer_plugins.commands import main

ENTRY = {"model": "Net", "dataset": "Set", "split": "test", "source": "Table 1"}


def write(tmp_path, *entries, **more):
    path = tmp_path / "paper.yaml"
    content = {
        "paper": {"id": "p", "title": "A paper"},
        "models": [{"name": "Net", "role": "proposed"}],
        "claims": [{**ENTRY, **entry} for entry in entries],
        **more,
    }
    path.write_text(yaml.safe_dump(content))
    return path


def call(*argv):
    return main.call("fer claims", claims, [str(word) for word in argv])


def test_the_example_of_the_document_is_true_word_for_word(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "claims.md").read_text()
    table = re.search(r"```markdown\n(.*?)```", text, re.DOTALL).group(1)
    command = re.search(r"`fer claims (README.md .*?)`", text).group(1)
    printed = re.search(r"```text\n(.*?)```", text, re.DOTALL).group(1)
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text(table)
    assert call(*command.split()) == 0
    out = capsys.readouterr().out
    assert [line for line in printed.splitlines() if f"{line}\n" not in out] == []


def test_contradictions_are_a_result_not_a_failure(tmp_path, capsys):
    path = write(tmp_path, {"metric": "recall", "value": 0.89}, {"metric": "gar", "value": 0.92})
    assert call(path) == 0
    out = capsys.readouterr().out
    assert "recall 0.89 (Table 1); GAR 0.92 (Table 1)" in out
    assert "both are TP/(TP + FN)" in out
    assert out.endswith("1 contradiction\n    1  one formula, two values\n")
    assert max(map(len, out.splitlines())) <= 100


def test_a_paper_without_contradictions(tmp_path, capsys):
    assert call(write(tmp_path, {"metric": "recall", "value": 0.91})) == 0
    assert capsys.readouterr().out.endswith("0 contradictions\n")


def test_json(tmp_path, capsys):
    path = write(
        tmp_path, {"metric": "recall", "value": 0.89}, {"metric": "gar", "value": 0.92},
        {"metric": "accuracy", "value": 0.81},
    )  # fmt: skip
    assert call(path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["by_kind"] == {"one formula, two values": 1}
    assert document["contradictions"][0]["printed"] == ["recall 0.89 (Table 1)", "GAR 0.92 (Table 1)"]
    assert document["not_checked"]
    assert document["numbers"] == 3
    assert document["statuses"] == {"checked": 0, "contradicted": 2, "not checked": 1}
    assert document["claims"][2]["reason"] == "the images of Set, split test, are not known"


@pytest.mark.parametrize("name", ["aa_dcn", "dcn", "fer-sdl_stn:sdl_stn"])
def test_an_installed_plugin_is_found_by_its_name(name, capsys):
    assert call(name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["contradictions"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "expected one plug-in or file, got 0"),
        (["a", "b"], "got 2"),
        (["a", "--wide"], "unknown option '--wide'"),
        (["none.yaml"], "none.yaml: cannot be read (No such file or directory)"),
        (["no_such_net"], "unknown architecture 'no_such_net'"),
    ],
)
def test_wrong_input_is_one_line(argv, message, capsys):
    assert call(*argv) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "more", "message"),
    [
        ({"metric": "accuracy", "value": 82.89}, {}, "must be a fraction in 0..1; a percentage? write 0.8289"),
        ({"metric": "macro_f1", "value": -0.1}, {}, "must be a fraction in 0..1"),
        ({"metric": "accuracy", "value": 0.8, "step": 0}, {}, "step 0 must be a number above 0"),
        ({"metric": "f1_gain", "value": 0.1, "over": "Old"}, {}, "over 'Old' is not in models"),
        ({"metric": "accuracy", "value": 0.8}, {"counts": [{"dataset": "Set"}]}, "counts[0] lacks the key 'counts'"),
        (
            {"metric": "accuracy", "value": 0.8},
            {"counts": [{"dataset": "Set", "split": "test", "source": "x", "counts": {"a": 1.5, "b": 2}}]},
            "counts of 'a' must be a whole number",
        ),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, capsys, entry, more, message):
    assert call(write(tmp_path, entry, **more)) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_number_keeps_the_zeros_that_it_was_written_with(tmp_path):
    path = tmp_path / "paper.yaml"
    path.write_text(
        'paper: {id: p, title: P}\nmodels: [{name: Net, role: proposed}]\nclaims:\n'
        "  - {model: Net, dataset: Set, split: test, metric: accuracy, value: 0.80, source: T}\n"
        "  - {model: Net, dataset: Set, split: test, metric: anova_p, value: 1e-3, source: T}\n"
        "  - {model: Net, dataset: Set, split: test, metric: n_images, value: 34000, step: 1000, source: T}\n"
    )  # fmt: skip
    first, second, third = read_claims(path).claims
    assert (first.value, first.written) == (0.8, "0.80")
    assert (second.value, second.written) == (0.001, "1e-3")
    assert (third.value, third.written, third.step) == (34000, "34000", 1000)


def test_needs_no_torch():
    code = "import sys, fer_claims_audit.command as one; one.claims(['dcn']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
