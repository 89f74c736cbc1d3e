"""``trainer.profiler`` and ``trainer.max_time``: where the time went, and a training that ends when it is over."""

import pytest
import torch

from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record

DATA = {"name": "synthetic", "samples": 63, "batch_size": 4}


def train(folder, **trainer):
    given = {"plugin": "toy", "data": DATA, "logger": "none", "trainer": {"epochs": 2, **trainer}}
    return Record.read(run({**given, "run": {"output": str(folder)}}).folder)


@pytest.mark.parametrize(("profiler", "known"), [("simple", "run_training_batch"), ("pytorch", "aten::")])
def test_a_profile_is_written_and_the_stages_are_shown(toy, tmp_path, capsys, profiler, known):
    record = train(tmp_path, profiler=profiler)
    profile = record.folder / "fit-profile.txt"
    out = capsys.readouterr().out
    assert known in profile.read_text()
    assert f"profile: {profile}" in out
    if profiler == "simple":
        rows = [line.split() for line in out.splitlines() if line.strip().endswith("%") and "95" not in line]
        shares = {" ".join(row[:-2]): float(row[-1].rstrip("%")) for row in rows}
        assert {"forward and loss", "backward", "optimiser update", "everything else"} <= set(shares)
        assert sum(shares.values()) == pytest.approx(100.0, abs=1.0)


def test_a_training_ends_with_the_epoch_in_which_its_time_is_over(toy, tmp_path):
    record = train(tmp_path, epochs=5, max_time=1e-6)
    assert record.manifest["epochs"] == 1
    assert "trainer.max_time: 1e-06 minutes are over after 1 of 5 epochs" in record.manifest["warnings"]
    assert train(tmp_path, epochs=1, max_time=60.0).manifest["warnings"] == []


def test_gradients_of_several_batches_make_one_step(toy, tmp_path, monkeypatch):
    steps = []
    real = torch.optim.Adam.step

    def step(self, *given, **options):
        steps.append(1)
        return real(self, *given, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    monkeypatch.setattr("fer_plugins.training.optim.check", lambda settings: None)
    train(tmp_path, epochs=1)
    alone = len(steps)
    steps.clear()
    train(tmp_path, epochs=1, accumulate_grad_batches=2)
    assert alone > 1
    assert len(steps) == -(-alone // 2)
