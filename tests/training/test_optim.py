import math

import pytest
import torch
from torch import nn

from fer_plugins import config
from fer_plugins.config.schema import OptimizerConfig, SchedulerConfig
from fer_plugins.runtime.errors import InputError
from fer_plugins.training import optim


def rates(scheduler, epochs=10, lr=1.0, mode="max"):
    """Return the rate that each epoch is trained with."""
    full = config.read_config({"optimizer": {"name": "SGD", "lr": lr}, "scheduler": scheduler})
    optimizer = optim.build_optimizer(full.optimizer, [nn.Parameter(torch.zeros(1))])
    schedule = optim.build_schedule(full.scheduler, optimizer, epochs, mode)
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return seen


def test_torchs_own_names_and_arguments():
    section = OptimizerConfig(name="AdamW", lr=0.01, options={"betas": [0.8, 0.9], "weight_decay": 0.1})
    group = optim.build_optimizer(section, [nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (group["lr"], tuple(group["betas"]), group["weight_decay"]) == (0.01, (0.8, 0.9), 0.1)


def test_inverse_decay():
    assert rates({"name": "inverse_decay", "gamma": 0.01}, 77, lr=0.01)[76] == pytest.approx(0.01 / 1.76)


def test_warm_up_rises_linearly_and_the_schedule_begins_after_it():
    assert rates({"name": "none", "warmup_epochs": 3}, 5) == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    seen = rates({"name": "CosineAnnealingLR", "warmup_epochs": 2}, 12)
    assert seen[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert seen[7] == pytest.approx(0.5 * (1 + math.cos(math.pi * 5 / 10)))  # T_max is the 10 epochs that remain


def test_torchs_schedules():
    assert rates({"name": "StepLR", "step_size": 2, "gamma": 0.1}, 5) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert rates({"name": "none"}, 3) == [1, 1, 1]


def test_plateau_looks_the_way_of_the_selection():
    optimizer = optim.build_optimizer(OptimizerConfig(name="SGD", lr=1.0), [nn.Parameter(torch.zeros(1))])
    section = SchedulerConfig(name="ReduceLROnPlateau", options={"patience": 0})
    schedule = optim.build_schedule(section, optimizer, 9, "max")
    for value in (0.1, 0.2, 0.3, 0.3, 0.3):
        schedule.step(value)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("flags", "messages"),
    [
        ({"optimizer": {"name": "Adamm"}}, ["torch.optim has no 'Adamm'", "did you mean Adam"]),
        ({"optimizer": {"name": "Adam", "momentun": 0.9}}, ["optimizer.momentun", "unknown argument of Adam", "betas"]),
        ({"optimizer": {"lr": 0.1, "betas": [2, 3]}}, ["optimizer: Adam refuses", "beta"]),
        ({"optimizer": {"lr": 0.1, "betas": "high"}}, ["optimizer: Adam refuses"]),
        ({"scheduler": {"name": "StepLR"}}, ["scheduler: StepLR refuses", "step_size"]),
        ({"scheduler": {"name": "StepL"}}, ["scheduler.name: unknown 'StepL'", "did you mean StepLR"]),
        ({"scheduler": {"name": "none", "gamma": 0.1}}, ["scheduler.gamma", "set scheduler.name"]),
        ({"scheduler": {"name": "inverse_decay", "beta": 1}}, ["scheduler.beta", "known: gamma"]),
        ({"scheduler": {"name": "inverse_decay", "gamma": -1}}, ["scheduler.gamma", "negative"]),
        ({"scheduler": {"name": "none", "warmup_epochs": 30}}, ["leave nothing of 30 epochs"]),
        ({"scheduler": {"name": "ReduceLROnPlateau", "warmup_epochs": 1}}, ["cannot follow a warm-up"]),
        ({"optimizer": {"name": "SparseAdam"}}, ["optimizer: SparseAdam fails in its first step", "Adam instead"]),
        ({"optimizer": {"foreach": True, "fused": True}}, ["optimizer: Adam", "fused"]),
        ({"optimizer": {"differentiable": True}}, ["optimizer: Adam fails in its first step"]),
        pytest.param(
            {"optimizer": {"name": "Muon"}},
            ["optimizer: Muon", "2D"],
            marks=pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon"),
        ),
        ({"optimizer": {"betas": [0.9]}}, ["optimizer: Adam refuses"]),
        ({"scheduler": {"name": "StepLR", "step_size": 0}}, ["scheduler: StepLR fails after epoch 1", "zero"]),
        ({"scheduler": {"name": "StepLR", "step_size": "often"}}, ["scheduler: StepLR fails"]),
        ({"scheduler": {"name": "CosineAnnealingLR", "T_max": 0}}, ["scheduler: CosineAnnealingLR fails"]),
        ({"scheduler": {"name": "OneCycleLR", "max_lr": 0.1, "total_steps": 5}}, ["OneCycleLR fails after epoch 6"]),
        ({"scheduler": {"name": "ExponentialLR", "gamma": -2}}, ["makes the learning rate -", "in epoch 2"]),
        ({"scheduler": {"name": "ExponentialLR", "gamma": float("inf")}}, ["makes the learning rate inf"]),
    ],
)
def test_wrong_arguments_are_one_line_before_anything_is_built(flags, messages):
    full = config.defaults()
    for section, values in flags.items():
        full[section] = {**full[section], **values}
    with pytest.raises(InputError) as caught:
        optim.check(config.read_config(full))
    assert "\n" not in str(caught.value)
    for message in messages:
        assert message in str(caught.value)


OPTIMIZERS = [
    name
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_of_torch_steps_or_is_refused_in_one_line(name):
    full = config.defaults()
    for more in ({}, {"capturable": True}, {"differentiable": True}, {"foreach": True}, {"fused": True}, {"lr": 1e308}):
        full["optimizer"] = {"name": name, "lr": 0.001, **more}
        try:
            optim.check(config.read_config(full))
        except InputError as error:
            message = str(error)
            assert message.startswith("optimizer")
            assert len(message.splitlines()) == 1
        else:  # then the real thing works as well
            network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
            optimizer = optim.build_optimizer(config.read_config(full).optimizer, optim.parameter_groups(network))
            network(torch.ones(2, 1, 4, 4)).square().sum().backward()
            optimizer.step(lambda: torch.zeros(()))
