"""The ten crops of Khaireddin and Chen: four corners and the centre, and their mirror images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def ten_crops(images: Tensor, side: int) -> Tensor:
    """Return the ten crops (10, B, C, side, side) of images (B, C, H, W): corners and centre, then mirrored."""
    height, width = images.shape[-2:]
    bottom, right = height - side, width - side
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (round(bottom / 2), round(right / 2))]
    crops = torch.stack([images[..., top : top + side, left : left + side] for top, left in places])
    return torch.cat((crops, crops.flip(-1)))


def run_on_crops(network: Callable[[Tensor], Tensor], images: Tensor, side: int, training: bool, ten: bool) -> Tensor:
    """Return logits (B, K): of a random crop per image in training, else averaged over ten crops or of the centre crop.

    Args:
        network: maps crops (N, C, side, side) to logits (N, K).
        images: (B, C, H, W), H and W at least ``side``.
        side: side of the crops in pixels.
        training: draw one of the ten crops for each image, with torch's CPU generator.
        ten: in evaluation, average the logits over the ten crops; else use the centre crop.
    """
    crops = ten_crops(images, side)
    if training:
        chosen = torch.randint(len(crops), (len(images),)).to(images.device)
        return network(crops[chosen, torch.arange(len(images), device=images.device)])
    if not ten:
        return network(crops[4])
    return network(crops.flatten(0, 1)).unflatten(0, (len(crops), -1)).mean(0)
