"""The final states of a bidirectional LSTM, taken from its output at every position."""

from __future__ import annotations

import torch
from torch import Tensor


def final_states(steps: Tensor) -> Tensor:
    """Return the state of each direction after its last position, (B, 2 H).

    The same numbers as ``h_n`` of ``nn.LSTM``, whose size torch.export gets wrong with PyTorch 2.6 to 2.10.

    Args:
        steps: (B, T, 2 H), the output of a bidirectional LSTM; forward states first.

    >>> lstm = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    >>> steps, (final, _) = lstm(torch.rand(2, 5, 3))
    >>> torch.equal(final_states(steps), torch.cat([final[0], final[1]], 1))
    True
    """
    forward, backward = steps.chunk(2, dim=-1)
    return torch.cat([forward[:, -1], backward[:, 0]], 1)
