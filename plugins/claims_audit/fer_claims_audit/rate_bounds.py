"""What class counts allow: the range of accuracy beside a mean recall, of mean specificity beside an accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from fer_claims_audit.random_part import Range


def extremes(weights: Sequence[Fraction], capacities: Sequence[Fraction], total: Fraction) -> Range:
    """Return the least and the greatest sum of weight x amount when amounts of 0..capacity add up to ``total``.

    The greedy filling of a continuous knapsack, which is exact; ``total`` beyond all capacities is cut to them.

    >>> tuple(float(one) for one in extremes([Fraction(1, 4), Fraction(3, 4)], [Fraction(1)] * 2, Fraction(3, 2)))
    (0.625, 0.875)
    """
    order = sorted(range(len(weights)), key=lambda k: weights[k])
    ends = []
    for filling in (order, order[::-1]):
        left, value = total, Fraction(0)
        for k in filling:
            amount = min(left, capacities[k])
            value += weights[k] * amount
            left -= amount
        ends.append(value)
    return ends[0], ends[1]


def accuracy_range(counts: Sequence[int], recall: Range) -> Range:
    """Return the range of accuracy that class counts and a range of macro recall allow.

    Accuracy is the mean of the class recalls weighted by the class shares p_c. What they lack of 1, K(1 - recall) in
    all and at most 1 a class, costs most accuracy in the largest classes and least in the smallest.

    >>> low, high = accuracy_range([491, 55, 528, 879, 594, 416, 626], (Fraction("0.9418"),) * 2)
    >>> round(float(low), 4), round(float(high), 4)
    (0.9002, 0.9938)
    """
    total = sum(counts)
    shares = [Fraction(count, total) for count in counts]
    ones = [Fraction(1)] * len(counts)
    worst = extremes(shares, ones, len(counts) * (1 - recall[0]))[1]
    best = extremes(shares, ones, len(counts) * (1 - recall[1]))[0]
    return 1 - worst, 1 - best


def specificity_range(counts: Sequence[int], accuracy: Range, *, weighted: bool = False) -> Range:
    """Return the range of mean specificity that class counts and a range of accuracy allow.

    Every error is one false positive of one class c, at most N - N_c of them, and costs 1/(N - N_c) of that class's
    specificity: most in the largest class, least in the smallest.

    Args:
        counts: images per class.
        accuracy: its range.
        weighted: the mean weighted by class shares instead of the macro mean.

    >>> low, high = specificity_range([491, 55, 528, 879, 594, 416, 626], (Fraction("0.8289"),) * 2)
    >>> round(float(low), 4), round(float(high), 4)
    (0.9676, 0.9752)
    """
    total = sum(counts)
    shares = [Fraction(count, total) if weighted else Fraction(1, len(counts)) for count in counts]
    weights = [share / (total - count) for share, count in zip(shares, counts, strict=True)]
    capacities = [Fraction(total - count) for count in counts]
    worst = extremes(weights, capacities, (1 - accuracy[0]) * total)[1]
    best = extremes(weights, capacities, (1 - accuracy[1]) * total)[0]
    return 1 - worst, 1 - best
