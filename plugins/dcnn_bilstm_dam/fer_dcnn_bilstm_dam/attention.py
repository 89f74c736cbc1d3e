"""Dual attention: self-attention over windows of positions and over groups of channels, in parallel (Eqs. 13 to 18)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attended(NamedTuple):
    """What a layer returns: two maps (B, C, H, W) and the two attention weights, whose rows sum to 1."""

    spatial: Tensor
    channel: Tensor
    spatial_weights: Tensor  # (B, windows^2, queries, keys)
    channel_weights: Tensor  # (B, groups, C / groups, C / groups)


def split_windows(x: Tensor, windows: int) -> Tensor:
    """Cut maps (B, C, H, W) into a grid of windows, each a set of tokens: (B, windows^2, H W / windows^2, C)."""
    batch, channels, height, width = x.shape
    grid = x.reshape(batch, channels, windows, height // windows, windows, width // windows)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(batch, windows**2, -1, channels)


def join_windows(tokens: Tensor, windows: int, height: int, width: int) -> Tensor:
    """Undo ``split_windows``: (B, windows^2, H W / windows^2, C) -> (B, C, H, W)."""
    batch, _, _, channels = tokens.shape
    grid = tokens.reshape(batch, windows, windows, height // windows, width // windows, channels)
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(batch, channels, height, width)


class Distil(nn.Module):
    """The reduction of keys and values, DNs and DNc (Eqs. 17 and 18) without the max-pooling of DNs.

    The printed "+" and "-" are read as lost superscripts: a channel-lowering convolution C -> C / r, then a 3x3
    convolution C / r -> C.

    Args:
        channels: C.
        reduction: r.
        kernel: of the lowering convolution: 3 in DNs, 1 in DNc.
        share_kv: one pair of convolutions for keys and values, as the equations write it, or one pair each.
    """

    def __init__(self, channels: int, reduction: int, kernel: int, share_kv: bool) -> None:
        super().__init__()
        low = channels // reduction
        self.paths = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, low, kernel, padding=kernel // 2), nn.Conv2d(low, channels, 3, padding=1))
            for _ in range(1 if share_kv else 2)
        )

    def forward(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reduced keys and values, each (B, C, H, W)."""
        if len(self.paths) == 1:
            both = self.paths[0](torch.cat([keys, values]))  # one convolution over twice the batch is faster than two
            reduced_keys, reduced_values = both.chunk(2)
        else:
            reduced_keys, reduced_values = self.paths[0](keys), self.paths[1](values)
        return reduced_keys, reduced_values


class DualAttention(nn.Module):
    """One layer: two maps (B, C, S, S) in, two out. One head, no code of the position (as the paper argues).

    Each result is a layer normalisation over the channels of attention + original values (the "closed loop") +
    input (Algorithm 1, step 8).

    Args:
        channels: C.
        windows: windows a side, one of ``legal_windows``; spatial attention stays within a window (Eq. 14).
        groups: channel groups; channel attention stays within a group (Eq. 15).
        reduction: r of ``Distil``.
        share_kv: see ``Distil``.
        cross: exchange the keys of the two sides (Eq. 16), which the paper does from the second layer on.
        distil: reduce keys and values (Eqs. 17 and 18); DNs also takes the maximum of each 2x2 positions.

    Raises:
        ValueError: groups or reduction do not divide the channels.
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
    ) -> None:
        super().__init__()
        for name, number in (("attn_channel_groups", groups), ("attn_reduction", reduction)):
            if number < 1 or channels % number or channels == number:
                raise ValueError(f"{name}={number}: use a divisor of the {channels} channels below {channels}")
        self.windows, self.groups, self.cross = windows, groups, cross
        self.project_spatial = nn.Conv2d(channels, 3 * channels, 1)  # queries, keys, values in one convolution
        self.project_channel = nn.Conv2d(channels, 3 * channels, 1)
        self.distil_spatial = Distil(channels, reduction, 3, share_kv) if distil else None
        self.distil_channel = Distil(channels, reduction, 1, share_kv) if distil else None
        self.norm_spatial = nn.LayerNorm(channels)
        self.norm_channel = nn.LayerNorm(channels)

    def forward(self, spatial: Tensor, channel: Tensor) -> Attended:
        """Attend; the two inputs are the same map before the first layer."""
        spatial_queries, spatial_keys, spatial_values = self.project_spatial(spatial).chunk(3, dim=1)
        channel_queries, channel_keys, channel_values = self.project_channel(channel).chunk(3, dim=1)
        if self.cross:
            spatial_keys, channel_keys = channel_keys, spatial_keys
        out_s, weights_s = self._attend_windows(spatial_queries, spatial_keys, spatial_values)
        out_c, weights_c = self._attend_groups(channel_queries, channel_keys, channel_values)
        return Attended(
            _normalise(self.norm_spatial, out_s + spatial_values + spatial),
            _normalise(self.norm_channel, out_c + channel_values + channel),
            weights_s,
            weights_c,
        )

    def _attend_windows(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        height, width = queries.shape[-2:]
        q = split_windows(queries, self.windows)
        if self.distil_spatial is None:
            k, v = split_windows(keys, self.windows), split_windows(values, self.windows)
        else:
            k, v = (self._pool_windows(z) for z in self.distil_spatial(keys, values))
        weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)
        return join_windows(weights @ v, self.windows, height, width), weights

    def _pool_windows(self, x: Tensor) -> Tensor:
        """Max-pool 2x2 inside each window, the last row and column of an odd one with fewer, and return tokens."""
        side = x.shape[-1] // self.windows
        if side % 2 == 0:  # pooling does not cross windows: the whole map at once
            return split_windows(F.max_pool2d(x, 2), self.windows)
        batch, channels = x.shape[:2]
        tokens = split_windows(x, self.windows).flatten(0, 1).transpose(1, 2).reshape(-1, channels, side, side)
        pooled = F.max_pool2d(tokens, 2, ceil_mode=True)
        return pooled.flatten(2).transpose(1, 2).reshape(batch, self.windows**2, -1, channels)

    def _attend_groups(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        if self.distil_channel is not None:
            keys, values = self.distil_channel(keys, values)
        q, k, v = (z.flatten(2).unflatten(1, (self.groups, -1)) for z in (queries, keys, values))
        weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)
        return (weights @ v).flatten(1, 2).unflatten(2, queries.shape[-2:]), weights


def _normalise(norm: nn.LayerNorm, x: Tensor) -> Tensor:
    y: Tensor = norm(x.permute(0, 2, 3, 1))
    return y.permute(0, 3, 1, 2)


def legal_windows(side: int, distil: bool) -> list[int]:
    """Windows a side that cut a map of ``side`` positions a side into equal windows of more than one key each."""
    return [windows for windows in range(1, side + 1) if side % windows == 0 and side // windows >= (3 if distil else 2)]
