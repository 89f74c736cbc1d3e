"""Claims files that nobody should write: each is one line and exit code 2, in words and in JSON."""

import pytest
from fer_claims_audit.command import claims

from fer_plugins.commands import main

HEAD = "paper: {id: p, title: P}\nmodels: [{name: Net, role: proposed}]\n"
ENTRY = "model: Net, dataset: Set, split: test, source: T"
RATE = f"{HEAD}claims:\n  - {{{ENTRY}, metric: accuracy, value: 0.9}}\n"


def entry(text, head=HEAD):
    return f"{head}claims:\n  - {{{ENTRY}, {text}}}\n"


BAD = {
    "empty": ("", "must be a mapping"),
    "only a comment": ("# claims\n", "must be a mapping"),
    "a list": ("- 1\n- 2\n", "must be a mapping"),
    "a word": ("claims", "must be a mapping"),
    "two documents": (f"{RATE}---\n{RATE}", "found another document"),
    "not UTF-8": (b"paper: \xff\xfe", "is not UTF-8 text"),
    "binary": (bytes(range(256)) * 4, "is not UTF-8 text"),
    "a NUL": (b"paper: \x00", "cannot be read"),
    "UTF-16": (RATE.encode("utf-16"), "is not UTF-8 text"),
    "tabs": (f"{HEAD}claims:\n\t- {{{ENTRY}}}\n", "line 4: "),
    "an open bracket": (f"{HEAD}claims: [", "line "),
    "a cycle": (f"paper: &p {{id: p, title: P, authors: [*p]}}\n{HEAD[HEAD.index('models'):]}claims: []\n", "itself"),
    "a cycle of values": (entry("metric: confusion_matrix, value: &v [*v]"), "line 4: a value contains itself"),
    "an alias of nothing": (entry("metric: accuracy, value: *v"), "line 4: found undefined alias"),
    "deep": (f"{HEAD}claims: {'[' * 5000}{']' * 5000}", "more than 100 lists and mappings within each other"),
    "deeper": ("[" * 300_000, "more than 100 lists and mappings within each other"),
    "a key twice": (entry("metric: accuracy, value: 0.9, value: 0.8"), "line 4: the key 'value' appears twice"),
    "a section twice": (f"{RATE}claims: []\n", "line 5: the key 'claims' appears twice (first in line 3)"),
    "a class twice": (
        f"{HEAD}claims: []\ncounts:\n  - dataset: S\n    split: test\n    source: x\n"
        "    counts:\n      a: 1\n      b: 2\n      a: 3\n",
        "line 11: the key 'a' appears twice (first in line 9)",
    ),
    "a tag": (f"{HEAD}claims: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    "a 13th month": (f"{RATE}splits: {{test: 2024-13-45}}\n", "a value cannot be read: month must be in 1..12"),
    "a number of 5,000 digits": (entry(f"metric: n_images, value: {'9' * 5000}"), "a value cannot be read"),
    "a number too large": (entry(f"metric: n_images, value: {'9' * 400}"), "must be a number"),
    "infinity": (entry("metric: loss, value: .inf"), "must be a number"),
    "not a number": (entry("metric: accuracy, value: .nan"), "must be a number"),
    "a date": (entry("metric: accuracy, value: 2024-01-01"), "must be a number"),
    "a percentage": (entry("metric: accuracy, value: 82.90"), "must be a fraction in 0..1; a percentage? write 0.8290"),
    "a percent sign": (entry("metric: accuracy, value: 82.89 %"), "must be a number; a percentage? write 0.8289"),
    "a percent sign, no space": (entry('metric: f1, value: "95.0%"'), "a percentage? write 0.950"),
    "a negative rate": (entry("metric: accuracy, value: -0.1"), "must be a fraction in 0..1"),
    "a negative count": (entry("metric: n_images, value: -5"), "must not be below 0"),
    "a matrix for a rate": (entry("metric: accuracy, value: [[1, 2], [3, 4]]"), "must be a number"),
    "a rate for a matrix": (entry("metric: confusion_matrix, value: 0.9"), "square list"),
    "a ragged matrix": (entry("metric: confusion_matrix, value: [[1, 2], [3]]"), "square list"),
    "a matrix with a negative": (entry("metric: confusion_matrix, value: [[1, -2], [3, 4]]"), "square list"),
    "a matrix of halves": (entry("metric: confusion_matrix, value: [[1.5, 2], [3, 4]]"), "square list"),
    "a list for a metric": (entry("metric: [accuracy], value: 0.9"), "metric ['accuracy'] must be text"),
    "an alias without a form": (
        f"{HEAD}claims: []\naliases: [{{name: x, formula: y, score: recall, source: z}}]\n",
        "aliases[0] lacks the key 'form'",
    ),
    "an alias of no form": (
        f"{HEAD}claims: []\naliases: [{{name: x, formula: y, score: recall, form: half, source: z}}]\n",
        "form 'half' must be one of same, complement, complement_per_class, mean_binary",
    ),
    "a mapping for a class": (entry("metric: f1, value: 0.9, class: {a: 1}"), "must be text"),
    "a line break in a name": (entry('metric: "accu\\nracy", value: x'), "accu racy of Net"),
    "an epoch of text": (entry("metric: loss, value: 1, epoch: last"), "must be an integer from 0"),
    "an unknown mean": (entry("metric: f1, value: 0.9, averaged: seeds"), "averaged 'seeds' must be folds or runs"),
    "a mean of a list": (entry("metric: f1, value: 0.9, averaged: [folds]"), "must be folds or runs"),
    "a list for a mapping": (f"{RATE}splits: [test]\n", "splits must be a mapping"),
    "a mapping for a list": (f"{HEAD}claims: {{a: 1}}\n", "claims must be a list"),
    "counts that are 0": (f"{RATE}counts: 0\n", "counts must be a list"),
    "a date for a year": (f"paper: {{id: p, title: P, year: 2024-01-01}}\n{RATE.partition(chr(10))[2]}", "paper: year"),
    "text for parameters": (RATE.replace("proposed}", "proposed, params: many}"), "params 'many' must be a whole"),
    "a long value": (entry(f"metric: accuracy, value: {'x' * 100_000}"), "must be a number"),
}  # fmt: skip


@pytest.mark.parametrize("argv", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line(name, argv, tmp_path, capsys):
    content, message = BAD[name]
    path = tmp_path / "claims.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main.call("fer claims", claims, [str(path), *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 1000
    assert "claims.yaml" in captured.err
    assert message in captured.err


def test_a_folder_is_one_line(tmp_path, capsys):
    (tmp_path / "claims.yaml").mkdir()
    assert main.call("fer claims", claims, [str(tmp_path / "claims.yaml")]) == 2
    assert "cannot be read (Is a directory)" in capsys.readouterr().err


def test_odd_but_sound_files_are_read(tmp_path, capsys):
    path = tmp_path / "claims.yaml"
    merged = (
        f"{HEAD}claims:\n  - &one {{{ENTRY}, metric: recall, value: 0.90, averaged: folds}}\n"
        "  - {<<: *one, metric: accuracy, value: 0.91, dataset: 'Größe 表情 \U0001f600'}\n"
    )
    path.write_text("\ufeff" + merged.replace("\n", "\r\n"), encoding="utf-8")  # as Windows writes it
    assert main.call("fer claims", claims, [str(path), "--json"]) == 0
    assert '"numbers": 2' in capsys.readouterr().out
