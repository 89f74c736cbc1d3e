"""Whatever the words, files and records hold: exit 0, 1 or 2, one line on stderr, no traceback, nothing written on 2.

``FER_FUZZ=5000 pytest -n 0 tests/test_fuzz.py`` tries as many inputs of each kind, new ones each time.
"""

import contextlib
import io
import json
import os
import warnings

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import written_run
from support.verbs import compare, table, verify

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.config.key_names import known_keys

INPUTS = int(os.environ.get("FER_FUZZ", "60"))
fuzzed = settings(
    max_examples=INPUTS,
    deadline=None,
    derandomize="FER_FUZZ" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)

NAMES = [component.name for component in registry.available()]
KEYS = sorted({*known_keys({"model": {"name": "sdl_stn"}, "data": "synthetic"}), *config.section_meanings()})
ARCHITECTURES = ["lenet5", "dcnn_bilstm_dam", "sdl_stn"]
SECTIONS = list(config.section_meanings())
ODD_TEXT = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "\0", "\udcff", "a\nb", "~", "..", "/dev/null", "/dev/zero", "null", "[", "{", "&a [*a]"]
    ),
    st.sampled_from(["???", "1e999", "-0", ".nan", "0x10", "1_000", "yes", "2030-01-01", "1:30", "&a [*a]"]),
    st.sampled_from(
        ["[" * 300, "a" * 5000, "9" * 400, "{a: &x [1], b: *x}", "<<: {a: 1}", "{? [1] : 2}", "%", "!!python/name:os.x"]
    ),
)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 99999999999, 2**63, 10**400, 1e308, 5e-324, float("nan")])
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, ODD_TEXT, st.sampled_from(NAMES))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.one_of(SCALARS, st.sampled_from(KEYS)), inner),
    max_leaves=6,
)


def call(function, words):
    """Return the exit code and what was said, after proving that it was said in one line."""
    out, err = io.StringIO(), io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        warnings.simplefilter("ignore")
        code = main.call("fer", function, words)
    message = err.getvalue()
    assert code in (0, 1, 2), (words, message)
    assert "Traceback" not in message
    if code:
        assert message.count("\n") == 1, (words, message)
        assert message.strip() not in ("fer:", ""), words
    if code == 2:
        assert out.getvalue() == "", (words, out.getvalue())
    return code


def as_word(value):
    return value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).split("\n...")[0].strip()


FLAG = st.tuples(
    st.one_of(
        st.sampled_from(KEYS),
        st.sampled_from(KEYS).map(lambda key: key.rpartition(".")[2]),
        st.builds("{}.{}".format, st.sampled_from(SECTIONS), ODD_TEXT),
        ODD_TEXT,
    ),
    VALUES.map(as_word),
)


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Stand in an empty folder; prove that it stays empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@fuzzed
@given(
    flags=st.lists(FLAG, max_size=3),
    plugin=st.integers(0, 9).flatmap(lambda number: ODD_TEXT if number == 9 else st.sampled_from(ARCHITECTURES)),
    ending=st.sampled_from([["--print-config"], ["--data", "fer2013", "--data.root", "no such file"], ["--help"], []]),
    loose=st.one_of(st.just([]), st.lists(ODD_TEXT, max_size=1)),
)
def test_flags(nowhere, flags, plugin, ending, loose):
    words = ["--plugin", plugin, *loose]
    for name, value in flags:
        words += [f"--{name}", value]
    # What would train, for hours where the flags say so, is stopped by a fold that no protocol has.
    words += ending or ["--run.fold", "99", "--data", "synthetic", "--data.samples", "21", "--data.subjects", "3"]
    call(main._run, words)
    assert not [path for path in nowhere.iterdir() if path.name not in ("cache", ".hypothesis")], words


@fuzzed
@given(
    content=st.one_of(
        st.binary(max_size=60),
        ODD_TEXT.map(lambda text: text.encode(errors="surrogatepass")),
        st.dictionaries(st.one_of(st.sampled_from(SECTIONS), SCALARS), VALUES, max_size=4).map(
            lambda values: yaml.safe_dump(values, allow_unicode=False).encode(errors="surrogatepass")
        ),
        st.builds(
            lambda section, key, value: yaml.safe_dump({section: {key: value}}).encode(errors="surrogatepass"),
            st.sampled_from(SECTIONS),
            st.one_of(SCALARS, st.sampled_from(KEYS).map(lambda key: key.rpartition(".")[2])),
            VALUES,
        ),
    )
)
def test_files(nowhere, content):
    path = nowhere / "given.yaml"
    path.write_bytes(content)
    call(main._run, ["--plugin", "lenet5", "--config", str(path), "--print-config"])
    call(main._run, ["--config", str(path), "--plugin", "sdl_stn", "--data", "fer2013", "--data.root", "no such file"])
    call(main._verb, ["claims", str(path)])
    assert {entry.name for entry in nowhere.iterdir()} <= {"given.yaml", "cache", ".hypothesis"}


@pytest.fixture
def runs(tmp_path):
    true, predicted = written_run.draw(1, size=40)
    folders = [written_run.write_run(tmp_path / name, true, predicted, seed=seed) for seed, name in enumerate("ab")]
    return *folders, {path.name: path.read_bytes() for path in folders[0].iterdir() if path.is_file()}


@st.composite
def damages(draw):
    """Return (file, change), a change of its bytes."""
    file = draw(st.sampled_from(["config.yaml", "manifest.json", "metrics.json", "predictions.csv"]))
    kind = draw(st.sampled_from(["cut", "insert", "replace", "value", "key", "swap"]))
    place, value = draw(st.floats(0, 1)), draw(VALUES)
    some = draw(st.one_of(st.binary(max_size=5), ODD_TEXT.map(lambda text: text.encode(errors="surrogatepass"))))

    def change(content):
        at = int(place * len(content))
        if kind == "cut":
            return content[:at]
        if kind == "insert":
            return content[:at] + some + content[at:]
        if kind == "replace":
            return some
        if file == "predictions.csv":
            lines = content.split(b"\n")
            cells = lines[int(place * (len(lines) - 1))].split(b",")
            cells[int(place * 997) % len(cells)] = as_word(value).encode(errors="surrogatepass")
            lines[int(place * (len(lines) - 1))] = b",".join(cells) if kind == "value" else some
            return b"\n".join(lines)
        return change_tree(yaml.safe_load(content), kind, int(place * 10**6), value)

    return file, change


def change_tree(tree, kind, number, value):
    places = []

    def visit(node):
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                visit(node[key])

    visit(tree)
    node, key = places[number % len(places)]
    if kind == "value":
        node[key] = value
    elif kind == "key":
        del node[key]
    else:
        place, theirs = places[(number * 7 + 1) % len(places)]
        with contextlib.suppress(KeyError, IndexError):
            node[key], place[theirs] = place[theirs], node[key]
    try:
        return json.dumps(tree, default=str).encode(errors="surrogatepass")
    except (ValueError, TypeError, RecursionError):  # it contains itself, or has keys that JSON has not
        return repr(tree).encode(errors="surrogatepass")


@settings(fuzzed, max_examples=INPUTS if "FER_FUZZ" in os.environ else INPUTS // 3)  # four commands each
@given(damage=damages())
def test_records(runs, damage):
    bad, good, whole = runs
    file, change = damage
    for name, content in whole.items():
        (bad / name).write_bytes(content)
    (bad / file).write_bytes(change(whole[file]))
    before = sorted(path.name for path in bad.iterdir())
    for function, words in ((table, [bad, good]), (compare, [bad, good]), (verify, [bad, good])):
        call(function, [str(word) for word in words])
    call(main._run, ["--resume", str(bad), "--print-config"])
    assert sorted(path.name for path in bad.iterdir()) == before
