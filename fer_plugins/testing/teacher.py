"""Checks how a network uses the teacher that it learns from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.testing.findings import Failed, Findings, listed


class _TinyTeacher(nn.Module):
    """A frozen network with batch normalisation, whose running statistics change if it is set to training mode."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.head = nn.Linear(1, num_classes)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(x).mean((2, 3)))
        return logits


def check_teacher(
    findings: Findings, build: Callable[[nn.Module], nn.Module | None], images: Tensor, num_classes: int
) -> None:
    """Check a training step with a teacher, and that it leaves the teacher unchanged.

    Args:
        findings: where to record what is wrong.
        build: builds the network that learns from a given teacher, or returns None (and records why).
        images: a batch with 1 channel.
        num_classes: number of outputs of the teacher.
    """
    teacher = _TinyTeacher(num_classes)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    network = build(teacher)
    if network is None:
        return
    network.train()
    stepped = findings.attempt(
        lambda: _step(network, images),
        "learns from a teacher",
        "a training step with a teacher",
        "call the teacher with the same images, under torch.no_grad()",
    )
    if isinstance(stepped, Failed):
        return
    changed = [name for name, value in teacher.state_dict().items() if not torch.equal(value, before[name])]
    changed += [name for name, value in teacher.named_parameters() if value.requires_grad or value.grad is not None]
    findings.require(
        not changed,
        "teacher stays frozen",
        f"a training step changed or would train {listed(changed)} of it",
        "keep the teacher out of train() and requires_grad_()",
    )


def _step(network: Any, images: Tensor) -> None:
    loss = network(images).sum()
    if hasattr(network, "auxiliary_loss"):
        loss = loss + network.auxiliary_loss()
    torch.autograd.backward(loss)
