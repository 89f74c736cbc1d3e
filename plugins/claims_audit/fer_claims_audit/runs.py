"""Consistency of means, standard deviations and intervals over repeated runs, also with the test set."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from fractions import Fraction

from scipy.special import ndtri, stdtrit  # scipy.stats takes half a second to import

from fer_claims_audit.class_counts import sizes
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.paper_numbers import Paper, about, cite, group
from fer_plugins.analysis.claims import Printed


def check_runs(paper: Paper) -> Iterator[Outcome]:
    """Check every ``accuracy_mean`` with its ``accuracy_sd``, ``ci95_halfwidth`` and the paper's ``n_runs``."""
    yield from _listed_runs(paper)
    for mean in paper.take("accuracy_mean"):
        deviation = next(iter(paper.take("accuracy_sd", mean.claim)), None)
        runs = next(iter(paper.take("n_runs", dataset=mean.claim.dataset) or paper.take("n_runs", dataset=None)), None)
        if deviation is None or runs is None or runs.value < 2:
            yield Unchecked(about(mean.claim), "the spread over runs: it needs accuracy_sd and n_runs beside the mean")
            continue
        count = int(runs.value)
        paper.mark(mean, deviation, runs)
        for half in paper.take("ci95_halfwidth", mean.claim):
            paper.mark(half)
            yield from _interval(half, deviation, count)
        for number in paper.take("accuracy", mean.claim):
            if number.claim.epoch is None and number.claim.class_name is None:
                paper.mark(number)
                yield from _one_run(number, mean, deviation, count)
        yield from _whole_images(paper, mean, deviation, count)


def _listed_runs(paper: Paper) -> Iterator[Outcome]:
    """Check the results of several runs (key ``run``) against their printed mean and standard deviation."""
    accuracies = [number for number in paper.runs if number.claim.metric == "accuracy" and not number.claim.class_name]
    for results in group(accuracies, lambda c: (c.model, c.dataset, c.split)):
        claim, count = results[0].claim, len(results)
        stated = paper.take("n_runs", dataset=claim.dataset) or paper.take("n_runs", dataset=None)
        if count < 2 or any(runs.value != count for runs in stated):
            yield Unchecked(about(claim), f"the mean of the runs: {count} of them listed, not all")
            continue
        lows, highs = [number.low for number in results], [number.high for number in results]
        low, high = sum(lows, Fraction(0)) / count, sum(highs, Fraction(0)) / count
        means = [*paper.take("accuracy_mean", claim), *paper.take("accuracy", claim, averaged="runs", class_name=None)]
        for mean in means:
            paper.mark(mean, *results)
            if not mean.meets(low, high):
                yield Finding(
                    "spread over runs", about(claim), (cite(mean), *map(cite, results)),
                    f"the mean is {span(low, high)}",
                    (f"({' + '.join(show(number.value) for number in results)}) / {count}, each with its rounding",),
                )  # fmt: skip
        spread = float(statistics.stdev(float(number.value) for number in results))
        reach = max(float(number.high - number.low) for number in results)  # rounding shifts each run by half of it
        reach *= math.sqrt(count / (count - 1)) / 2
        for deviation in paper.take("accuracy_sd", claim):
            paper.mark(deviation, *results)
            ends = [Fraction(max(spread - reach, 0)), Fraction(spread + reach)]
            population = Fraction(math.sqrt((count - 1) / count))
            if not any(deviation.meets(ends[0] * factor, ends[1] * factor) for factor in (Fraction(1), population)):
                yield Finding(
                    "spread over runs", about(claim), (cite(deviation), *map(cite, results)),
                    f"sd is {span(ends[0], ends[1])} (over n - 1) or "
                    f"{span(ends[0] * population, ends[1] * population)} (over n)",
                    (f"of {count} runs: {', '.join(show(number.value) for number in results)}",),
                )  # fmt: skip


def _interval(half: Printed, deviation: Printed, runs: int) -> Iterator[Outcome]:
    z, t = float(ndtri(0.975)), float(stdtrit(float(runs - 1), 0.975))
    ranges = {
        name: (Fraction(factor) * deviation.low / Fraction(math.sqrt(runs)),
               Fraction(factor) * deviation.high / Fraction(math.sqrt(runs)))
        for name, factor in (("z", z), ("t", t))
    }  # fmt: skip
    where = about(half.claim)
    if not any(half.meets(*interval) for interval in ranges.values()):
        yield Finding(
            "spread over runs", where, (cite(half), cite(deviation)), "half-width = factor x sd / sqrt(n)",
            (f"n = {runs}; z {z:.3f}: {span(*ranges['z'], digits=4)}; t {t:.3f}: {span(*ranges['t'], digits=4)}",),
        )  # fmt: skip
    elif not half.meets(*ranges["t"]):
        correct = Fraction(t) * deviation.value / Fraction(math.sqrt(runs))
        yield Remark(
            where,
            f"{half} is {z:.2f} x sd / sqrt({runs}); with {runs} runs the factor is t = {t:.3f}, which gives "
            f"{show(correct, 3)}",
        )


def _one_run(number: Printed, mean: Printed, deviation: Printed, runs: int) -> Iterator[Finding]:
    """Check Samuelson's bound (1968): no value is further from the mean than sd (n - 1)/sqrt(n)."""
    reach = deviation.high * (runs - 1) / Fraction(math.sqrt(runs))
    low, high = mean.low - reach, mean.high + reach
    if not number.meets(low, high):
        yield Finding(
            "spread over runs", about(number.claim), (cite(number), cite(mean), cite(deviation)),
            f"every run lies in {span(low, high)}",
            (f"no value is further from the mean than sd (n - 1)/sqrt(n) = {show(deviation.high)} x {runs - 1} / "
             f"sqrt({runs}) = {show(reach, 4)}",),
        )  # fmt: skip


def _whole_images(paper: Paper, mean: Printed, deviation: Printed, runs: int) -> Iterator[Outcome]:
    """Check that the deviation is large enough: every run is k/n, so a mean between two such rates needs a spread."""
    origins = sizes(paper, mean.claim)
    if mean.claim.averaged == "folds":
        yield Unchecked(about(mean.claim), "the least spread over folds: the images of each fold are not known")
        return
    if not origins:
        yield Unchecked(about(mean.claim), "the least spread over runs: the number of test images is not known")
        return
    least = {size: least_deviation(mean.low, mean.high, size, runs) for size in origins}
    if min(least.values()) > float(deviation.high):
        yield Finding(
            "spread over runs", about(mean.claim), (cite(mean), cite(deviation)),
            "sd >= " + " or ".join(f"{bound:.4f} on {size:,} images" for size, bound in least.items()),
            ("runs are k/n; with f the fraction in mean x n, at best the runs are the two nearest k: "
             "sd = sqrt(f (1 - f) runs/(runs - 1))/n, the least over the mean's rounding",
             f"n: {', '.join(f'{size:,} ({why})' for size, why in origins.items())}"),
        )  # fmt: skip


def least_deviation(low: Fraction, high: Fraction, size: int, runs: int) -> float:
    """Return the minimum sample standard deviation of ``runs`` rates k/size with a mean between ``low`` and ``high``.

    >>> round(least_deviation(Fraction("0.99512"), Fraction("0.99512"), 33, 15), 4)
    0.0115
    """
    if -(-low * size // 1) <= high * size // 1:
        return 0.0
    parts = [float(end * size % 1) for end in (low, high)]
    return min(math.sqrt(share * (1 - share) * runs / (runs - 1)) / size for share in parts)
