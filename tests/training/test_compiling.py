"""``trainer.compile``: a compiled network learns the same; one that cannot be compiled trains all the same."""

import warnings
from types import SimpleNamespace

import pytest
import torch

from fer_plugins import config
from fer_plugins.data.loaders import order
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import RunError
from fer_plugins.runtime.ranks import Rank
from fer_plugins.training import compiling

MODES = ("default", "reduce-overhead", "max-autotune")


def train(folder, mode, **trainer):
    flags = {"plugin": "toy", "data": {"name": "synthetic", "samples": 63, "batch_size": 10}, "logger": "none"}
    flags |= {
        "trainer": {"compile": mode, "epochs": 1, "accelerator": "cpu", **trainer},
        "run": {"output": str(folder)},
    }
    return Record.read(run(flags).folder)


@pytest.fixture
def backend(monkeypatch):
    """Let torch.compile trace as it does, and run what it traced without a C++ compiler; return the modes asked for."""
    asked = []
    real = torch.compile

    def traced(model, *arguments, mode=None, **options):
        asked.append(mode)
        return real(model, *arguments, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", traced)
    return asked


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_trains_to_the_weights_of_an_uncompiled_run(toy, backend, tmp_path, capsys, mode):
    plain, compiled = train(tmp_path / "plain", "off"), train(tmp_path / "compiled", mode)
    assert f"compiled (mode {mode}) in " in capsys.readouterr().out
    assert backend == [mode]
    weights = [torch.load(record.checkpoints / "best.ckpt")["state_dict"] for record in (plain, compiled)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-5) for name in weights[0])
    assert compiled.manifest["warnings"] == plain.manifest["warnings"]


@pytest.mark.parametrize(
    ("processes", "oversample", "sizes"), [(1, False, [10, 7]), (1, True, [10]), (2, False, [5, 3])]
)
def test_it_is_compiled_for_the_batches_that_a_process_trains(monkeypatch, processes, oversample, sizes):
    monkeypatch.setattr(order, "current_rank", lambda: Rank(processes - 1, processes))
    labels = torch.tensor([0] * 20 + [1] * 17)
    made = order.EpochOrder(labels, batch_size=10, shuffle=True, seed=0, oversample=oversample)
    loader = SimpleNamespace(order=made)
    data = SimpleNamespace(train_dataloader=lambda: loader, sizes={"train": 37})
    assert compiling._batch_sizes(SimpleNamespace(datamodule=data)) == sizes


def test_a_network_that_cannot_be_compiled_trains_uncompiled_and_the_record_says_so(toy, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        def call(*arguments, **options):
            raise RuntimeError("no compiler here\nand a long trace")

        return call

    monkeypatch.setattr(torch, "compile", refuse)
    record = train(tmp_path, "default")
    assert record.manifest["status"] == "finished"
    expected = "trainer.compile: the network is not compiled (RuntimeError: no compiler here); it trains uncompiled"
    assert expected in record.manifest["warnings"]


def test_breaks_of_the_graph_and_too_many_recompilations_are_a_line_each(toy, backend, tmp_path, monkeypatch, capfd):
    import toy as package

    whole = package.Toy.forward

    def broken(self, x):
        torch._dynamo.graph_break()
        return whole(self, x)  # counts its steps, so that each asks for another compilation

    monkeypatch.setattr(package.Toy, "forward", broken)
    torch._dynamo.reset()
    record = train(tmp_path, "default", epochs=3)
    warnings = [text for text in record.manifest["warnings"] if text.startswith("trainer.compile")]
    assert len(warnings) == 2, warnings
    assert "is compiled in pieces; code between them is not (Call to `torch._dynamo.graph_break()`)" in warnings[0]
    assert "too many recompilations" in warnings[1]
    assert "torch._dynamo hit config" not in capfd.readouterr().err


def test_a_training_that_fails_leaves_no_filter_to_the_next_one(toy, backend, tmp_path):
    flags = {
        "plugin": "toy",
        "model": {"explode_at": 5},
        "data": {"name": "synthetic", "samples": 63, "batch_size": 10},
    }
    flags |= {"trainer": {"compile": "default", "epochs": 3, "accelerator": "cpu"}, "run": {"output": str(tmp_path)}}
    with pytest.raises(RunError, match="the loss is nan"):
        run(flags | {"logger": "none"})
    assert not compiling._DYNAMO.filters


def test_what_pytorch_says_of_compiled_gradients_in_several_processes_is_not_shown():
    with warnings.catch_warnings(record=True) as shown, quiet(config.resolve({"plugin": "lenet5"}).config):
        warnings.warn("Grad strides do not match bucket view strides. This may indicate", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["something else"]
