"""Convert the votes of several annotators to training targets, by the rules of the FER+ authors."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

LabelMode = Literal["majority", "probability", "cross_entropy", "multi_target"]
_ENOUGH = 0.75  # of the votes: no further expressions are taken from here on
_MOST_TAKEN = 3  # expressions
_TARGET_SHARE = 0.3  # minimum fraction of the votes for an expression to count in multi_target
_Votes = npt.NDArray[np.float64]


def make_targets(votes: _Votes, mode: LabelMode, majority_share: float = 0.0) -> tuple[_Votes, npt.NDArray[np.bool_]]:
    """Return (N, K) targets with rows of sum 1 (0 if unclear), and whether an expression has most votes.

    ``votes`` (N, K + 2) count votes for K expressions, then "unknown" and "no face".

    majority: the expression with most votes, if it has more than ``majority_share`` of them. The other modes ignore
    columns with a single vote. probability, cross_entropy: the columns with most votes are taken one after the other
    (ties together) until they hold 75 % of the votes or are three; if "unknown" or "no face" comes, nothing after it is
    taken, and if more than three expressions or at most half of the votes were taken, the row is unclear. multi_target:
    every column with at least 30 % of the votes; unclear if they hold at most half (any of them is correct, whatever
    its fraction). A row whose column with most votes is not an expression is unclear.

    Barsoum et al. 2016 and the order of their published reader (ties go to the first column).
    """
    expressions = votes.shape[1] - 2
    on_top = (votes.argmax(1) < expressions) & (votes.max(1) > 0)
    targets = np.zeros((len(votes), expressions))
    for row, row_votes in enumerate(votes):
        counted = row_votes if mode == "majority" and majority_share == 0 else np.where(row_votes > 1, row_votes, 0)
        chosen = np.zeros_like(counted)
        if mode == "majority":
            top = int(counted.argmax())
            if counted[top] > majority_share * counted.sum():
                chosen[top] = 1
        elif mode == "multi_target":
            chosen = np.where((counted >= _TARGET_SHARE * counted.sum()) & (counted > 0), counted, 0)
            chosen = chosen if chosen.sum() > counted.sum() / 2 else np.zeros_like(counted)
        else:
            chosen = _take_until_enough(counted, expressions)
        if chosen.sum() > 0 and chosen.argmax() < expressions:
            targets[row] = chosen[:expressions] / chosen[:expressions].sum()
    return targets, on_top


def _take_until_enough(counted: _Votes, expressions: int) -> _Votes:
    left, chosen = counted.copy(), np.zeros_like(counted)
    total, columns = counted.sum(), 0
    while total > 0 and left.max() > 0 and chosen.sum() < _ENOUGH * total and columns < _MOST_TAKEN:
        most = left.max()
        stopped = False
        for place in np.flatnonzero(left == most):
            chosen[place], left[place] = most, 0
            columns += 1
            if place >= expressions:  # unknown or no face: the end, and not counted after an expression
                if chosen.sum() > most:
                    chosen[place] = 0
                    columns -= 1
                stopped = True
                break
        if stopped:
            break
    return chosen if chosen.sum() > total / 2 and columns <= _MOST_TAKEN else np.zeros_like(counted)
