"""What ends a run after its result is written does not take the result away."""

import pytest
from support.killed_run import flags

from fer_plugins.commands import main
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import Interrupted


def interrupt(*arguments):
    raise KeyboardInterrupt


def fail(*arguments):
    raise RuntimeError("of a library")


@pytest.mark.parametrize(("end", "raised"), [(interrupt, Interrupted), (fail, RuntimeError)])
def test_a_run_whose_figures_are_interrupted_or_fail_is_finished(toy, tmp_path, monkeypatch, capsys, end, raised):
    with monkeypatch.context() as patch:
        patch.setattr("fer_plugins.experiments.run.draw_at_end", end)
        with pytest.raises(raised) as caught:
            run(flags(tmp_path / "runs", trainer={"epochs": 1}))
    (folder,) = (tmp_path / "runs").iterdir()
    record = Record.read(folder)
    assert record.manifest["status"] == "finished"
    assert "error" not in record.manifest
    assert record.metrics["test"]["n"] > 0
    assert len(record.manifest["sessions"]) == 1
    if raised is Interrupted:  # the remedy
        assert str(caught.value) == f"interrupted after the run was finished; draw it with: fer figures {folder}"
        pytest.importorskip("matplotlib")
        assert main.call("fer", main._verb, ["figures", str(folder)]) == 0
        assert list((folder / "figures").iterdir())
