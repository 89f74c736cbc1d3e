"""Finds parameters that get no gradient for any weights and images: a dead ReLU is not an unused layer."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn

_TRIES = 12  # with random weights a single unit is dead about every second time, a whole layer hardly ever


def reached(weight: nn.Parameter) -> bool:
    """Return whether the last backward pass gave this parameter a gradient that is finite and not all 0."""
    return weight.grad is not None and bool(weight.grad.isfinite().all()) and bool(weight.grad.any())


def find_unreached(
    network: nn.Module, names: Collection[str], loss: Callable[[Tensor], Tensor], batch: Tensor
) -> list[str]:
    """Search for gradients of parameters with other weights, and images of other contrast.

    The network is restored afterwards.

    Args:
        network: the network, in training mode.
        names: the parameters without a gradient so far.
        loss: maps images (B, C, H, W) in [0, 1] to a scalar; called once per try.
        batch: a batch with the shape of the images to try, (B, C, H, W).

    Returns:
        Those of ``names`` that got no gradient in any try, in their order.
    """
    state = {name: value.detach().clone() for name, value in network.state_dict().items()}
    left = {name: weight for name, weight in network.named_parameters() if name in names}
    try:
        for number in range(_TRIES):
            if not left:
                break
            _scatter(network)
            low, high = torch.rand(2).sort().values.tolist()
            images = (low + (high - low) * torch.rand_like(batch)) if number % 2 else torch.rand_like(batch)
            network.zero_grad()
            try:
                torch.autograd.backward(loss(images))
            except (RuntimeError, ValueError):  # the network fails with these weights
                continue
            finally:
                touched = [name for name, weight in left.items() if reached(weight)]
                network.load_state_dict(state)
            for name in touched:
                del left[name]
    finally:
        network.load_state_dict(state)
        network.zero_grad()
    return list(left)


def _scatter(network: nn.Module) -> None:
    """Add noise to every parameter, as large as its own values."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.requires_grad:
                size = float(weight.square().mean().sqrt())
                weight.add_(torch.randn_like(weight) * max(size, 0.05))
