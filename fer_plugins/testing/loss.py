"""The contract of ``fer_plugins.losses``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.runtime.generators import kept_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature

_OFFERED = ("num_classes", "class_counts")
_BATCH = 6


def check_loss(factory: Callable[..., Any]) -> None:
    """Check a loss: a finite scalar for labels and class probabilities, gradients, lower for better predictions.

    Args:
        factory: ``(*, num_classes, class_counts, typed options) -> nn.Module``; it may omit either of the first two.
            Wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("loss", factory)
    named = check_signature(findings, factory, required=(), offered=_OFFERED, defaults=True)
    with kept_generators():
        for classes in (7, 3):
            offered = {"num_classes": classes, "class_counts": [10 * (n + 1) for n in range(classes)]}
            criterion = findings.attempt(
                functools.partial(factory, **{name: offered[name] for name in _OFFERED if name in named}),
                "builds",
                f"building for {classes} classes",
                "take every number of classes, and counts from 1",
            )
            if isinstance(criterion, Failed):
                continue
            if findings.require(
                isinstance(criterion, nn.Module),
                "returns a module",
                f"it returns a {type(criterion).__name__}",
                "return an nn.Module, which moves to the device with its buffers",
            ):
                _check_criterion(findings, criterion, classes)
    findings.report()


def _check_criterion(findings: Findings, criterion: nn.Module, classes: int) -> None:
    trained = [name for name, parameter in criterion.named_parameters() if parameter.requires_grad]
    findings.require(
        not trained,
        "has no trainable parameters",
        f"{', '.join(trained)} would never be trained: the optimiser moves the network",
        "make them buffers, or give the network an auxiliary_loss()",
    )
    labels = torch.arange(_BATCH) % classes
    sharp = nn.functional.one_hot(labels, classes).float()
    draws = torch.Generator().manual_seed(0)
    logits = torch.randn(_BATCH, classes, generator=draws)
    for case, target in (("labels (B,) int64", labels), ("shares (B, K) float32", sharp)):
        loss = _take(findings, criterion, logits, target, case)
        if loss is None:
            return
        for scale in (1000, -1000):  # logits for which a probability is 0 in float32
            _take(findings, criterion, scale * sharp, target, f"{case} and logits of {scale}")
        good, bad = (_value(criterion, sign * 5 * sharp, target) for sign in (1, -1))
        findings.require(
            good < bad,
            "a better prediction costs less",
            f"{case}: right and sure costs {good:.6g}, wrong and sure {bad:.6g}",
            "return a loss, smaller where the target's logits are larger",
        )
        again = _value(criterion, logits, target)
        findings.require(
            again == float(loss), "deterministic", f"{float(loss):.6g}, then {again:.6g}", "draw nothing at random"
        )
        order = torch.arange(_BATCH - 1, -1, -1)
        turned = _value(criterion, logits[order], target[order])
        findings.require(
            abs(turned - again) <= 1e-4 * max(1.0, abs(again)),
            "the order of a batch does not matter",
            f"{case}: {again:.6g} becomes {turned:.6g} when the batch is reversed",
            "return the mean over the images",
        )
        double = target.double() if target.is_floating_point() else target
        findings.attempt(
            functools.partial(_value, criterion.double(), logits.double(), double),
            "takes float64",
            "float64 logits",
            "keep tensors in buffers, so that trainer.precision 64-true turns them",
        )
        criterion.float()
    mixed = 0.6 * sharp + 0.4 / classes
    findings.require(
        _value(criterion, logits, mixed) != _value(criterion, logits, sharp),
        "reads the shares",
        "shares of several classes cost the same as the largest alone",
        "weigh the classes by the target's shares: mixed images and several annotators give such",
    )


def _take(findings: Findings, criterion: nn.Module, logits: Tensor, target: Tensor, case: str) -> Tensor | None:
    """Return the loss of a batch; None, with a finding, if it is not a finite scalar with finite gradients."""
    leaf = logits.clone().requires_grad_()
    loss = findings.attempt(
        lambda: criterion(leaf, target), "runs", case, "take labels (B,) and shares (B, K) of logits (B, K)"
    )
    if isinstance(loss, Failed):
        return None
    if not isinstance(loss, Tensor) or loss.shape != () or not loss.isfinite():
        observed = (
            f"{tuple(loss.shape)} {loss.flatten()[:3].tolist()}" if isinstance(loss, Tensor) else type(loss).__name__
        )
        findings.add("returns a finite scalar", f"{case} give {observed}", "return the mean over the batch, shape ()")
        return None
    gradient = findings.attempt(
        lambda: torch.autograd.grad(loss, leaf)[0], "gradients", case, "compute it of the logits with torch"
    )
    if isinstance(gradient, Failed):
        return None
    findings.require(
        bool(gradient.isfinite().all()),
        "gradients",
        f"{case} give gradients that are not finite",
        "use log_softmax, and keep what is raised to a power above 0",
    )
    return loss.detach()


def _value(criterion: nn.Module, logits: Tensor, target: Tensor) -> float:
    with torch.no_grad():
        return float(criterion(logits, target))
