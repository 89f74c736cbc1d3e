"""The final states of a bidirectional LSTM, from what it returns for every position."""

from __future__ import annotations

import torch
from torch import Tensor


def final_states(steps: Tensor) -> Tensor:
    """Return the state of each direction behind its last position, (B, 2 H).

    The same numbers as ``h_n`` of ``nn.LSTM``, whose size torch.export takes for another with PyTorch 2.6 to 2.10.

    Args:
        steps: (B, T, 2 H), the output of a bidirectional LSTM; forward states first.

    >>> lstm = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    >>> steps, (final, _) = lstm(torch.rand(2, 5, 3))
    >>> torch.equal(final_states(steps), torch.cat([final[0], final[1]], 1))
    True
    """
    forward, backward = steps.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], 1)
