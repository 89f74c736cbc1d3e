"""``auto``: precision and memory layout are measured once, written down as values, and never differ between runs."""

import pytest
import torch

from fer_plugins import config
from fer_plugins.experiments.run import run
from fer_plugins.experiments.seeds import run_seeds
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError
from fer_plugins.training import arithmetic
from fer_plugins.training.arithmetic import Candidate, refuse_auto, settle_arithmetic

AUTO = {"precision": "auto", "channels_last": "auto", "accelerator": "cpu", "epochs": 1, "progress": "none"}
PLAIN, LAST = Candidate("32-true", False), Candidate("32-true", True)
HALF, HALF_LAST = Candidate("bf16-mixed", False), Candidate("bf16-mixed", True)


def resolve(**trainer):
    return config.resolve({"trainer": {**AUTO, **trainer}, "data": {"batch_size": 4}}, plugin="toy")


@pytest.fixture
def rates(monkeypatch):
    """Return a mapping of candidate to images/s that stands for the measurement."""
    measured = {}
    monkeypatch.setattr(arithmetic, "_rate", lambda settings, network, candidate: measured.get(candidate, 0.0))
    return measured


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        ({PLAIN: 214.0, LAST: 240.0, HALF: 334.0, HALF_LAST: 544.0}, HALF_LAST),
        ({PLAIN: 100.0, LAST: 110.0, HALF: 119.0, HALF_LAST: 90.0}, PLAIN),  # hardly faster: always chosen alike
        ({PLAIN: 100.0, LAST: 130.0}, LAST),  # a network that cannot compute in bfloat16
        ({}, PLAIN),
    ],
)
def test_the_clearly_fastest_is_taken_and_the_rates_are_kept(toy, rates, measured, chosen):
    rates.update(measured)
    settled = settle_arithmetic(resolve())
    assert (settled.config.trainer.precision, settled.config.trainer.channels_last) == chosen
    assert settled.measured["images_per_second"] == {str(key): value for key, value in measured.items()}
    assert f"arithmetic: {chosen}, measured in images/s" in settled.notes[-1]


def test_what_the_user_gave_stays(toy, rates):
    rates.update({Candidate("64-true", False): 10.0, Candidate("64-true", True): 90.0})
    assert settle_arithmetic(resolve(precision="64-true")).config.trainer.precision == "64-true"
    resolved = resolve(precision="32-true", channels_last=False)
    assert settle_arithmetic(resolved) is resolved


def test_the_measurement_is_real_and_leaves_the_random_state_alone(toy):
    state = torch.get_rng_state()
    settled = settle_arithmetic(resolve())
    assert torch.equal(torch.get_rng_state(), state)
    assert set(settled.measured["images_per_second"]) == set(map(str, (PLAIN, LAST, HALF, HALF_LAST)))
    assert min(settled.measured["images_per_second"].values()) > 0


def test_seeds_are_computed_alike_and_the_run_holds_values(toy, rates, tmp_path, capsys):
    rates.update({PLAIN: 1.0, HALF: 2.0})
    flags = {"data": {"name": "synthetic", "samples": 63}, "trainer": AUTO, "logger": "none"}
    flags["run"] = {"output": str(tmp_path)}

    def resolved(number):
        if number:
            rates.update({PLAIN: 2.0, HALF: 1.0})  # a second measurement would choose otherwise
        return config.resolve({**flags, "seed": number}, plugin="toy")

    first, second = run_seeds(2, resolved, run)
    for record in (first, second):
        assert Record.read(record.folder).config["trainer"]["precision"] == "bf16-mixed"
        assert record.manifest["arithmetic"]["images_per_second"] == {"32-true": 1.0, "bf16-mixed": 2.0}
    assert capsys.readouterr().out.count("arithmetic: bf16-mixed, measured") == 1


@pytest.mark.parametrize("key", ["precision", "channels_last"])
def test_runs_that_are_compared_refuse_it_with_the_key(toy, key):
    resolved = resolve(**{"precision": "32-true", "channels_last": False, key: "auto"})
    with pytest.raises(InputError, match=rf"trainer\.{key}: auto is measured by each run"):
        refuse_auto(resolved.config)


def test_the_network_is_built_once_for_all_candidates(toy, monkeypatch):
    build, built = arithmetic.build_network, []
    monkeypatch.setattr(arithmetic, "build_network", lambda *arguments: built.append(build(*arguments)) or built[-1])
    assert len(settle_arithmetic(resolve()).measured["images_per_second"]) == 4
    assert len(built) == 1
