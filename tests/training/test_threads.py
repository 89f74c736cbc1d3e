"""The number of CPU threads: as the user says, as an interrupted run had it, or measured."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from fer_plugins.config.schema import DataConfig, RunConfig, TrainerConfig
from fer_plugins.training import threads
from fer_plugins.training.threads import choose_threads

SETTINGS = RunConfig(trainer=TrainerConfig(accelerator="cpu"), data=DataConfig(batch_size=4, image_size=8))


@pytest.fixture(autouse=True)
def _restore(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield
    torch.set_num_threads(before)


def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.BatchNorm1d(7), nn.Dropout(0.5))


def timed(monkeypatch, seconds):
    """Let a step take ``seconds[number of threads]``."""
    torch.set_num_threads(4)
    monkeypatch.setattr(threads, "time_step", lambda step, *_, **__: (step(), seconds[torch.get_num_threads()])[1])


def test_the_user_s_number_is_taken(monkeypatch):
    asked = replace(SETTINGS, trainer=TrainerConfig(accelerator="cpu", threads=3))
    assert choose_threads(asked, net(), recorded=2)[:2] == (3, "trainer.threads")
    assert torch.get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    torch.set_num_threads(4)
    assert choose_threads(SETTINGS, net())[:2] == (4, "OMP_NUM_THREADS")


def test_a_resumed_run_keeps_its_number():
    assert choose_threads(SETTINGS, net(), recorded=2)[:2] == (2, "the interrupted run")
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        ({4: 1.0, 2: 1.5, 1: 9.0}, 4),
        ({4: 1.0, 2: 0.9, 1: 1.1}, 4),  # hardly faster: a quiet machine must always choose alike
        ({4: 3.0, 2: 1.0, 1: 1.2}, 2),
        ({4: 9.0, 2: 3.0, 1: 1.0}, 1),
    ],
)
def test_fewer_threads_are_taken_where_they_are_clearly_faster(monkeypatch, seconds, number):
    timed(monkeypatch, seconds)
    chosen = choose_threads(SETTINGS, net())
    assert (chosen.number, chosen.chosen_by) == (number, "measured")
    assert torch.get_num_threads() == number
    assert chosen.seconds == {key: seconds[key] for key in chosen.seconds}


def test_measuring_leaves_weights_buffers_and_random_state_alone():
    torch.set_num_threads(2)
    network = net()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    assert choose_threads(SETTINGS, network).chosen_by == "measured"
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_that_cannot_be_measured_runs_as_torch_would():
    torch.set_num_threads(2)
    assert choose_threads(SETTINGS, nn.Linear(3, 7))[:2] == (2, "torch")


def test_the_commands_let_threads_wait_without_spinning_long():
    code = (
        "import os, sys; from fer_plugins.commands import main; main.call('fer', main._verb, ['--version']); "
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    for environment, expected in (
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "active"}, "None"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split()[-1] == expected
