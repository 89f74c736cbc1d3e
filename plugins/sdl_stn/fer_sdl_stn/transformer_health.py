"""What a spatial transformer must be asked about itself: has its sampling grid left the image?"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fer_plugins.contract import Health
from fer_sdl_stn.localisation import IDENTITY
from fer_sdl_stn.sampler import share_inside

LEAST_INSIDE = 0.2  # assumed: below this share of the grid a module sees next to nothing of the image


def examine(
    thetas: Mapping[str, Tensor], sides: Mapping[str, tuple[int, int]], logits: Tensor, align_corners: bool
) -> Health:
    """Return figures of each module, and a fault where less than a fifth of its grid lies inside the image.

    Args:
        thetas: module's name -> (B, 2, 3).
        sides: module's name -> height and width of its grid.
        logits: (B, K).
        align_corners: of the sampler.

    Returns:
        ``NAME_inside`` (share of grid points inside, 0..1), ``NAME_theta_change`` (mean absolute difference from the
        identity), ``NAME_theta_spread`` (standard deviation between the images, mean over the six numbers), and
        ``predicted_classes`` of the batch.
    """
    figures: dict[str, float] = {"predicted_classes": float(len(logits.argmax(1).unique()))}
    faults = []
    for name, theta in ((name, theta.detach()) for name, theta in thetas.items()):
        inside = float(share_inside(theta, *sides[name], align_corners).mean())
        identity = torch.tensor(IDENTITY, device=theta.device).view(2, 3)
        figures[f"{name}_inside"] = inside
        figures[f"{name}_theta_change"] = float((theta - identity).abs().mean())
        figures[f"{name}_theta_spread"] = float(theta.std(0, unbiased=False).mean())
        if not inside >= LEAST_INSIDE:  # a theta that is not a number counts too
            faults.append(
                f"the sampling grid of {name} has left the image: {inside:.1%} of its points are inside; where none "
                "is, its gradient is exactly 0"
            )
    return Health(figures, faults)
