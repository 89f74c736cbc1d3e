"""Checks a built network: trained parameters, deterministic inference, optional attributes, export."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from fer_plugins.runtime.errors import first_line
from fer_plugins.runtime.plural import count
from fer_plugins.testing.findings import Failed, Findings, listed
from fer_plugins.testing.reach import find_unreached, reached

TOLERANCE = 1e-5  # relative to the largest logit
_STEPS = 3
_BATCH = 8


def infer(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits in evaluation mode, without gradients."""
    with torch.no_grad():
        logits: Tensor = network.eval()(images)
    return logits


def differ(logits: Tensor, expected: Tensor) -> str | None:
    """Return a description of how two tensors of logits differ, or None if they agree within ``TOLERANCE``."""
    if logits.shape != expected.shape:
        return f"shapes {tuple(logits.shape)} and {tuple(expected.shape)}"
    gap = (logits - expected).abs().max().item()
    scale = max(logits.abs().max().item(), 1e-3)  # lower limit for networks whose initial logits are zero
    return None if gap <= TOLERANCE * scale else f"largest difference {gap:.2g}, largest logit {scale:.2g}"


def train_briefly(findings: Findings, network: nn.Module, images: Tensor, num_classes: int) -> bool:
    """Take a few training steps on random images, so that later checks see a trained network.

    The gradient of a parameter may be 0 at the start (after a factor that starts at 0), but not after some steps.

    Returns:
        Whether the steps could be taken.
    """
    network.train()
    unreached = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(_STEPS):
        batch = torch.rand(_BATCH, *images.shape[1:])
        before = batch.clone()
        optimizer.zero_grad()
        try:
            loss = _training_loss(findings, network, batch, torch.randint(num_classes, (_BATCH,)))
            torch.autograd.backward(loss)
        except Exception as error:  # whatever the plug-in raises is the finding
            findings.add(
                "trains", f"a step raises {first_line(error)}", "avoid in-place changes of what autograd needs"
            )
            return False
        if not findings.require(
            math.isfinite(loss.item()),
            "trains",
            f"the loss is {loss.item()}",
            "look for a division by 0 or a logarithm",
        ):
            return False
        findings.require(
            torch.equal(batch, before), "input unchanged", "the forward pass wrote to it", "work on a copy"
        )
        for name, weight in list(unreached.items()):
            if reached(weight):
                del unreached[name]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    unused = _find_unused(network, unreached, images, num_classes)
    findings.require(
        not unused,
        "gradient reaches every parameter",
        f"none in {count(_STEPS, 'step')}, nor at other weights, for {listed(unused)}",
        "use these layers in forward, or remove them; freeze with requires_grad_(False) what must not learn",
    )
    return True


def _find_unused(network: nn.Module, unreached: Collection[str], images: Tensor, num_classes: int) -> list[str]:
    """Return the parameters without a gradient that also get none with many other weights and images."""
    if not unreached:
        return []
    labels = torch.randint(num_classes, (_BATCH,))
    batch = torch.rand(_BATCH, *images.shape[1:])
    ignored = Findings("architecture", network)  # problems of the loss were recorded before
    return find_unreached(network, unreached, lambda tried: _training_loss(ignored, network, tried, labels), batch)


def _training_loss(findings: Findings, network: Any, images: Tensor, labels: Tensor) -> Tensor:
    weight = getattr(network, "criterion_weight", 1.0)
    loss: Tensor = weight * nn.functional.cross_entropy(network(images), labels)
    if not hasattr(network, "auxiliary_loss"):
        return loss
    extra = network.auxiliary_loss()
    if not isinstance(extra, Tensor) or extra.ndim != 0 or not extra.isfinite():
        observed = f"a tensor {tuple(extra.shape)}" if isinstance(extra, Tensor) and extra.ndim else repr(extra)
        findings.add(
            "auxiliary_loss is a finite scalar",
            f"after a forward pass in training mode it is {observed}",
            "return a tensor without dimensions that belongs to the last forward pass",
        )
        return loss
    return loss + extra


def check_inference(findings: Findings, network: nn.Module, images: Tensor) -> None:
    """Check that evaluation mode is deterministic, independent of the batch, keeps its input, and returns logits."""
    before = images.clone()
    logits = infer(network, images)
    findings.require(torch.equal(images, before), "input unchanged", "the forward pass wrote to it", "work on a copy")
    images = before
    difference = differ(logits, infer(network, images))
    if not findings.require(
        difference is None,
        "eval is deterministic",
        f"two passes over one batch: {difference}",
        "switch off dropout and other randomness where self.training is False",
    ):
        return
    alone = torch.cat([infer(network, images[i : i + 1]) for i in range(len(images))])
    difference = differ(logits, alone)
    findings.require(
        difference is None,
        "eval is independent of the batch",
        f"an image alone and in a batch of {len(images)}: {difference}",
        "normalise by running statistics or within one image, never over the batch",
    )
    _check_no_softmax(findings, logits)


def _check_no_softmax(findings: Findings, logits: Tensor) -> None:
    if logits.ndim != 2:
        return
    sums, log_sums = logits.sum(1), logits.logsumexp(1)
    remedy = "return what goes into the softmax; the loss applies it"
    ones = torch.ones_like(sums)
    findings.require(
        not (bool((logits >= 0).all()) and torch.allclose(sums, ones, atol=1e-4)),
        "no softmax",
        f"the {len(logits)} rows are not negative and sum to 1",
        remedy,
    )
    findings.require(
        not torch.allclose(log_sums, torch.zeros_like(sums), atol=1e-4),
        "no log_softmax",
        f"log(sum(exp(row))) is 0 for all {len(logits)} rows",
        remedy,
    )


def check_optional_members(findings: Findings, network: nn.Module, images: Tensor) -> None:
    """Check ``criterion_weight`` and ``explain`` if the network has them."""
    weight = getattr(network, "criterion_weight", 1.0)
    findings.require(
        isinstance(weight, int | float) and 0 <= weight <= 1,
        "criterion_weight is a share",
        f"it is {weight!r}",
        "make it a float from 0 to 1",
    )
    if not hasattr(network, "explain"):
        return
    with torch.no_grad():
        maps = findings.attempt(
            lambda: network.eval().explain(images),  # type: ignore[operator]  # a member of the plug-in's
            "explain runs",
            f"explain of a batch {tuple(images.shape)}",
            "serve every batch that forward serves",
        )
    if isinstance(maps, Failed):
        return
    rule, remedy = "explain returns named tensors", "return a dict of tensors whose first dimension is the batch"
    if not isinstance(maps, dict) or not maps:
        findings.add(rule, f"it returns {maps if maps == {} else type(maps).__name__}", remedy)
        return
    for name, value in maps.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            findings.add(rule, f"{name!r} is a {type(value).__name__}", remedy)
        elif value.ndim == 0 or len(value) != len(images):
            findings.add(rule, f"{name!r} has shape {tuple(value.shape)} for {len(images)} images", remedy)
        else:
            findings.require(
                bool(value.isfinite().all()), rule, f"{name!r} has values that are not finite", "mend or mask them"
            )


def check_export(findings: Findings, network: nn.Module, images: Tensor) -> None:
    """Check that ``torch.export`` can trace the forward pass, and that the exported program computes the same."""
    rule, remedy = (
        "exports",
        "decide by shapes and options, not by values; no .item(), numpy or lists of tensors' values",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's warnings about its own deprecations
        exported = findings.attempt(
            lambda: torch.export.export(network.eval(), (images,)), rule, "torch.export.export in eval mode", remedy
        )
        if isinstance(exported, Failed):
            return
        new_images = torch.rand_like(images)
        logits = findings.attempt(lambda: exported.module()(new_images).detach(), rule, "the exported program", remedy)
        if isinstance(logits, Failed):
            return
        difference = differ(infer(network, new_images), logits)
    findings.require(difference is None, rule, f"other images through the exported program: {difference}", remedy)
