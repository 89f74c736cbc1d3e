"""Bounds from class counts: accuracy given mean recall, mean specificity given accuracy; also for a random part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def extremes(weights: Sequence[Fraction], capacities: Sequence[Fraction], total: Fraction) -> Range:
    """Return the minimum and maximum of the sum of weight x amount for amounts of 0..capacity that add up to ``total``.

    Greedy filling of a continuous knapsack, which is exact; ``total`` is limited to the sum of capacities.

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
    """Return the range of accuracy that is possible for class counts and a range of macro recall.

    Accuracy is the mean of the class recalls weighted by the class frequencies p_c. What they lack of 1, K(1 - recall)
    in total and at most 1 per class, costs most accuracy in the largest classes and least in the smallest.

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
    """Return the range of mean specificity that is possible for class counts and a range of accuracy.

    Every error is one false positive of one class c, at most N - N_c of them, and costs 1/(N - N_c) of that class's
    specificity: most in the largest class, least in the smallest.

    Args:
        counts: images per class.
        accuracy: range of the accuracy.
        weighted: use the mean weighted by class frequencies instead of the macro mean.

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


Range = tuple[Fraction, Fraction]
_PART = 10  # a test split is assumed to have at least a tenth of all images
_SIGMAS = 4  # in a random draw, one class in 15,000 is further off


def share_ranges(counts: Sequence[int], images: int) -> list[Range]:
    """Return the possible fraction of each class in a random tenth of ``images`` images with these class frequencies.

    Four standard deviations of the hypergeometric distribution; a stratified or larger part is closer.

    >>> [f"{float(low):.3f} to {float(high):.3f}" for low, high in share_ranges([32, 181], 213)]
    ['0.000 to 0.446', '0.554 to 1.000']
    """
    total, size = sum(counts), max(images // _PART, 1)
    ranges = []
    for count in counts:
        share = Fraction(count, total)
        band = Fraction(_SIGMAS * math.sqrt(float(share * (1 - share)) / size * (1 - 1 / _PART)))
        ranges.append((max(share - band, Fraction(0)), min(share + band, Fraction(1))))
    return ranges


def accuracy_in_parts(counts: Sequence[int], images: int, recall: Range) -> Range:
    """Return a range that contains the accuracy of every such part with this range of macro recall.

    As ``accuracy_range``, with the largest possible class fractions for its lower end and the smallest for its upper
    end.
    """
    shares, classes = share_ranges(counts, images), len(counts)
    worst = _fill(sorted((high for _, high in shares), reverse=True), classes * (1 - recall[0]))
    best = _fill(sorted(low for low, _ in shares), classes * (1 - recall[1]))
    return max(1 - worst, Fraction(0)), 1 - best


def specificity_in_parts(counts: Sequence[int], images: int, accuracy: Range, *, weighted: bool = False) -> Range:
    """Return a range that contains the mean specificity of every such part with this range of accuracy.

    An error is a false positive of one class with fraction s and costs 1/(1 - s) of that class's specificity: at most
    that of the largest fraction, at least that of the smallest; weighted, s/(1 - s).
    """
    shares, classes = share_ranges(counts, images), len(counts)
    largest, smallest = max(high for _, high in shares), min(low for low, _ in shares)
    if largest == 1:
        return Fraction(0), Fraction(1)
    most, least = (largest, smallest) if weighted else (Fraction(1, classes),) * 2
    worst, best = (1 - accuracy[0]) * most / (1 - largest), (1 - accuracy[1]) * least / (1 - smallest)
    return max(1 - worst, Fraction(0)), 1 - best


def _fill(costs: Sequence[Fraction], amount: Fraction) -> Fraction:
    """Return the cost of spending ``amount``, at most 1 on each, on these costs in order."""
    spent = Fraction(0)
    for cost in costs:
        spent += cost * min(amount, Fraction(1))
        amount = max(amount - 1, Fraction(0))
    return spent
