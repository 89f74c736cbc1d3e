"""Dual attention: self-attention over windows of positions and over channel groups, in parallel (Eqs. 13 to 18).

Maps have the layout (B, H, W, C): each position is a token, and the output of the LSTM needs no copy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer_dcnn_bilstm_dam.pointwise import Pointwise


class Attended(NamedTuple):
    """Output of a layer: two maps (B, H, W, C) and the two attention weights, whose rows sum to 1."""

    spatial: Tensor
    channel: Tensor
    spatial_weights: Tensor  # (B, windows^2, queries, keys)
    channel_weights: Tensor  # (B, groups, C / groups, C / groups)


def split_windows(x: Tensor, windows: int) -> Tensor:
    """Split maps (B, H, W, C) into a grid of windows, each a set of tokens: (B, windows^2, H W / windows^2, C)."""
    batch, height, width, channels = x.shape
    grid = x.reshape(batch, windows, height // windows, windows, width // windows, channels)
    return grid.transpose(2, 3).reshape(batch, windows**2, -1, channels)


def join_windows(tokens: Tensor, windows: int, height: int, width: int) -> Tensor:
    """Invert ``split_windows``: (B, windows^2, H W / windows^2, C) -> (B, H, W, C)."""
    batch, _, _, channels = tokens.shape
    grid = tokens.reshape(batch, windows, windows, height // windows, width // windows, channels)
    return grid.transpose(2, 3).reshape(batch, height, width, channels)


def legal_windows(side: int, distil: bool) -> list[int]:
    """Return the numbers of windows per side that split a side into equal windows with more than one key each."""
    return [
        windows for windows in range(1, side + 1) if side % windows == 0 and side // windows >= (3 if distil else 2)
    ]


class Distil(nn.Module):
    """The reduction of keys and values, DNs and DNc (Eqs. 17 and 18), without the max pooling of DNs.

    The printed "+" and "-" are read as lost superscripts: a convolution C -> C / r, then a 3x3 convolution C / r -> C.

    Args:
        channels: number of channels C.
        reduction: reduction factor r.
        kernel: kernel size of the first convolution: 3 in DNs, 1 in DNc.
        share_kv: use one pair of convolutions for keys and values, as the equations write it, or one pair each.
    """

    def __init__(self, channels: int, reduction: int, kernel: int, share_kv: bool) -> None:
        super().__init__()
        low = channels // reduction
        self.paths = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, low, kernel, padding=kernel // 2), nn.Conv2d(low, channels, 3, padding=1))
            for _ in range(1 if share_kv else 2)
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, keys: Tensor, values: Tensor) -> Tensor:
        """Return the reduced keys, followed by the reduced values: (2B, H, W, C)."""
        if len(self.paths) == 1:
            return self._reduce(0, torch.cat([keys, values]))  # one convolution over both is faster than two
        return torch.cat([self._reduce(0, keys), self._reduce(1, values)])

    def _reduce(self, path: int, x: Tensor) -> Tensor:
        reduced: Tensor = self.paths[path](x.permute(0, 3, 1, 2))
        return reduced.permute(0, 2, 3, 1)


class DualAttention(nn.Module):
    """One layer: two maps (B, S, S, C) in, two out. Single head, no position encoding (as the paper argues).

    Each output is a layer normalisation over the channels of attention + original values (the "closed loop") + input
    (Algorithm 1, step 8).

    Args:
        channels: number of channels C.
        windows: number of windows per side, one of ``legal_windows``; spatial attention is within a window (Eq. 14).
        groups: number of channel groups; channel attention is within a group (Eq. 15).
        reduction: reduction factor r of ``Distil``.
        share_kv: see ``Distil``.
        cross: exchange the keys of the two attentions (Eq. 16), as the paper does from the second layer on.
        distil: reduce keys and values (Eqs. 17 and 18); DNs also takes the maximum over 2x2 positions.
        landmarks: weights (S, S, 1) of keys and values by position, or None. The closed loop adds unweighted values.

    Raises:
        ValueError: ``groups`` or ``reduction`` does not divide the channels.
    """

    def __init__(
        self,
        channels: int,
        windows: int = 4,
        groups: int = 8,
        reduction: int = 4,
        share_kv: bool = True,
        cross: bool = False,
        distil: bool = True,
        landmarks: Tensor | None = None,
    ) -> None:
        super().__init__()
        for name, number in (("attn_channel_groups", groups), ("attn_reduction", reduction)):
            if number < 1 or channels % number or channels == number:
                raise ValueError(f"{name}={number}: use a divisor of the {channels} channels below {channels}")
        self.windows, self.groups, self.cross = windows, groups, cross
        # Queries, keys and values. Separate layers: the gradient of one layer split in three would need a copy to join.
        self.project_spatial = nn.ModuleList(Pointwise(channels, channels) for _ in range(3))
        self.project_channel = nn.ModuleList(Pointwise(channels, channels) for _ in range(3))
        self.distil_spatial = Distil(channels, reduction, 3, share_kv) if distil else None
        self.distil_channel = Distil(channels, reduction, 1, share_kv) if distil else None
        self.norm_spatial = nn.LayerNorm(channels)
        self.norm_channel = nn.LayerNorm(channels)
        self.register_buffer("landmarks", landmarks, persistent=False)

    def forward(self, spatial: Tensor, channel: Tensor) -> Attended:
        """Apply attention; before the first layer both inputs are the same map."""
        spatial_queries, spatial_keys, spatial_values = (project(spatial) for project in self.project_spatial)
        channel_queries, channel_keys, channel_values = (project(channel) for project in self.project_channel)
        if self.cross:
            spatial_keys, channel_keys = channel_keys, spatial_keys
        near, near_weights = self._attend_windows(spatial_queries, *self._weight(spatial_keys, spatial_values))
        wide, wide_weights = self._attend_groups(channel_queries, *self._weight(channel_keys, channel_values))
        return Attended(
            self.norm_spatial(near + spatial_values + spatial),
            self.norm_channel(wide + channel_values + channel),
            near_weights,
            wide_weights,
        )

    def _weight(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return (keys, values) if self.landmarks is None else (keys * self.landmarks, values * self.landmarks)

    def _attend_windows(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        q = split_windows(queries, self.windows)
        if self.distil_spatial is None:
            k, v = split_windows(keys, self.windows), split_windows(values, self.windows)
        else:
            k, v = self._pool_windows(self.distil_spatial(keys, values)).unflatten(0, (2, -1)).unbind()
        weights = _weigh(q, k)
        return join_windows(weights @ v, self.windows, *queries.shape[1:3]), weights

    def _pool_windows(self, x: Tensor) -> Tensor:
        """Max-pool 2x2 inside each window (fewer positions at the end of a window of odd size) and return tokens."""
        side = x.shape[1] // self.windows
        if side % 2 == 0:  # no 2x2 crosses a window: pool the whole map at once
            return split_windows(F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1), self.windows)
        tokens = split_windows(x, self.windows)
        maps = tokens.flatten(0, 1).unflatten(1, (side, side)).permute(0, 3, 1, 2)
        pooled = F.max_pool2d(maps, 2, ceil_mode=True).permute(0, 2, 3, 1)
        return pooled.flatten(1, 2).unflatten(0, tokens.shape[:2])

    def _attend_groups(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        if self.distil_channel is None:
            k, v = self._split_groups(keys), self._split_groups(values)
        else:
            k, v = self._split_groups(self.distil_channel(keys, values)).unflatten(0, (2, -1)).unbind()
        weights = _weigh(self._split_groups(queries), k)
        return (weights @ v).permute(0, 3, 1, 2).reshape(values.shape), weights

    def _split_groups(self, x: Tensor) -> Tensor:
        """Split maps (B, H, W, C) into channel groups: (B, groups, C / groups, H W)."""
        return x.flatten(1, 2).unflatten(2, (self.groups, -1)).permute(0, 2, 3, 1)


def _weigh(queries: Tensor, keys: Tensor) -> Tensor:
    """Return attention weights (..., N, M) of queries (..., N, D) over keys (..., M, D)."""
    return torch.softmax(queries @ keys.transpose(-2, -1) / math.sqrt(queries.shape[-1]), dim=-1)
