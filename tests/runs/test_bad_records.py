"""Records whose files hold what no run writes: every reader of finished runs answers in one line."""

import json

import pytest
import yaml
from support import written_run
from support.verbs import compare, table, verify

from fer_plugins.commands import main

FILES = ("config.yaml", "manifest.json", "metrics.json", "predictions.csv")
RAW = (b"", b"\x00\xff", b"[1, 2]", b"null", b'"x"', b"{}", b'{"a":', b"\t{", b"a: &a [*a]\n", b"[" * 20_000)
VALUES = {
    "config.yaml": ["recipe", "model", "model.name", "data", "data.name", "protocol.name", "trainer", "optimizer"],
    "manifest.json": [
        "status", "reported_on", "plugin", "plugin.name", "data", "data.title", "data.classes", "data.split_hash",
        "data.fingerprint", "data.limit", "protocol", "protocol.name", "protocol.flaw", "seeds", "seeds.run", "assumed",
        "demonstration",
    ],
    "metrics.json": [
        "test", "test.n", "test.accuracy", "test.f1", "test.per_class", "test.per_class.anger", "test.intervals",
        "test.intervals.accuracy", "test.intervals.accuracy.low", "test.intervals.per_class", "claims", "not_a_result",
    ],
}  # fmt: skip
JUNK = (0, -1, True, float("nan"), "x", "表情\n", [], [1, "a", None], {}, {"a": 1}, 10**400)


def answers(folder, capsys, good=None):
    """Ask the readers; return what was refused, after proving that it was refused in one line."""
    refused = []
    asked = [(verify, [folder]), (verify, [folder, "--json", "--all"]), (table, [folder])]
    for function, words in [*asked, (compare, [good, folder])] if good else asked:
        code = main.call("fer", function, [str(word) for word in words])
        captured = capsys.readouterr()
        assert code in (0, 2), captured.err
        if code == 2:
            assert captured.out == ""
            assert captured.err.count("\n") == 1
            refused.append(captured.err)
    return refused


@pytest.fixture
def two(tmp_path):
    true, predicted = written_run.draw(1)
    return written_run.write_run(tmp_path / "bad", true, predicted), written_run.write_run(
        tmp_path / "good", true, true
    )


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_one_line(two, file, capsys):
    bad, good = two
    for content in RAW:
        (bad / file).write_bytes(content)
        assert len(answers(bad, capsys, good)) == 4, content[:20]


@pytest.mark.parametrize("file", VALUES)
def test_a_value_of_another_type_is_one_line_or_harmless(two, file, capsys):
    bad, _ = two
    original = yaml.safe_load((bad / file).read_text())  # JSON is YAML
    refused = 0
    for path in VALUES[file]:
        for value in JUNK:
            content = json.loads(json.dumps(original))
            *above, last = path.split(".")
            home = content
            for key in above:
                home = home[key]
            home[last] = value
            (bad / file).write_text(json.dumps(content))
            refused += bool(answers(bad, capsys))
    assert refused > len(VALUES[file]) * len(JUNK) / 2
