"""Health check of a spatial transformer: whether its sampling grid has left the image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fer_plugins.contract import Health
from fer_sdl_stn.localisation import IDENTITY
from fer_sdl_stn.sampler import share_inside

LEAST_INSIDE = 0.2  # assumed: below this fraction of the grid a module sees almost nothing of the image


def examine(
    thetas: Mapping[str, Tensor], sides: Mapping[str, tuple[int, int]], logits: Tensor, align_corners: bool
) -> Health:
    """Return statistics of each module, and a fault if less than a fifth of its grid is inside the image.

    Args:
        thetas: theta (B, 2, 3) of each module by name.
        sides: height and width of each module's grid by name.
        logits: (B, K).
        align_corners: as in the grid sampler.

    Returns:
        ``NAME_inside`` (fraction of grid points inside, in [0, 1]), ``NAME_theta_change`` (mean absolute difference
        from the identity), ``NAME_theta_spread`` (standard deviation over the images, averaged over the six numbers),
        and ``predicted_classes`` of the batch.
    """
    figures: dict[str, float] = {"predicted_classes": float(len(logits.argmax(1).unique()))}
    faults = []
    for name, theta in ((name, theta.detach()) for name, theta in thetas.items()):
        inside = float(share_inside(theta, *sides[name], align_corners).mean())
        identity = torch.tensor(IDENTITY, device=theta.device).view(2, 3)
        figures[f"{name}_inside"] = inside
        figures[f"{name}_theta_change"] = float((theta - identity).abs().mean())
        figures[f"{name}_theta_spread"] = float(theta.std(0, unbiased=False).mean())
        if not inside >= LEAST_INSIDE:  # also true if theta is NaN
            faults.append(
                f"the sampling grid of {name} has left the image: {inside:.1%} of its points are inside; where none "
                "is, its gradient is exactly 0"
            )
    return Health(figures, faults)
