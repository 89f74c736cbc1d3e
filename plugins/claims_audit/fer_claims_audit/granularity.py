"""A rate of correct predictions is k/n: is there an integer k for the stated n, and one n for a whole column?"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import candidates, sizes
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show
from fer_claims_audit.paper_numbers import Paper, about, cite, group, together
from fer_plugins.analysis.claims import Printed

_MOST = 200_000  # images; larger sizes are not tried one by one


def reachable(low: Fraction, high: Fraction, size: int) -> bool:
    """Return whether some k/size is between ``low`` and ``high``.

    >>> reachable(Fraction("0.82885"), Fraction("0.82895"), 3589)
    True
    """
    first = -(-low.numerator * size // low.denominator)  # integer arithmetic: this is called thousands of times
    return first * high.denominator <= high.numerator * size


def reachable_sizes(low: Fraction, high: Fraction, largest: int) -> list[int]:
    """Return every n up to ``largest`` for which some k/n is between ``low`` and ``high``.

    >>> reachable_sizes(Fraction("0.95865"), Fraction("0.95875"), 213)
    [121]
    """
    return [size for size in range(1, largest + 1) if reachable(low, high, size)]


def check_granularity(paper: Paper) -> Iterator[Outcome]:
    """Check every accuracy against the size of its split, and columns without a stated split against a common size."""
    runs = [number for number in paper.runs if number.claim.metric == "accuracy"]
    accuracies = [*paper.take("accuracy", class_name=None, over=None, averaged=None), *runs]
    for split in group(accuracies, lambda c: (c.dataset, c.split)):
        claim = split[0].claim
        if claim.split == "not_stated":
            yield from _columns(paper, split)
            continue
        origins = sizes(paper, claim)
        if not origins:
            yield Unchecked(about(claim).partition(" on ")[2], "k/n: the number of images is not known")
            continue
        paper.mark(*split)
        logs = group([number for number in split if number.claim.epoch is not None], lambda c: (c.model, c.source))
        for log in logs:
            yield from _log(log, origins)
        yield from _single([number for number in split if number.claim.epoch is None], origins)


def _single(numbers: list[Printed], origins: dict[int, str]) -> Iterator[Outcome]:
    for same in group(numbers, lambda c: (c.model, c.written)):  # one rate printed in several places is one finding
        number = same[0]
        if any(reachable(number.low, number.high, size) for size in origins):
            continue
        lines = [around(number, size, source) for size, source in origins.items()]
        cut = [size for size in origins if reachable(number.cut[0], number.cut[1], size)]
        if cut:
            lines.append(f"cut off instead of rounded it would be possible with n = {show(cut[0])}")
        yield Finding(
            "granularity", about(number.claim), (together(same),),
            f"accuracy = k/{' or k/'.join(show(size) for size in origins)}", tuple(lines),
        )  # fmt: skip


def around(number: Printed, size: int, source: str) -> str:
    """Format the two k/size on either side of a printed rate."""
    hits = int(number.value * size // 1)
    places = len(number.claim.written.partition(".")[2]) + 1
    around = ", ".join(f"{k:,}/{size:,} = {k / size:.{places}f}" for k in (hits, hits + 1))
    return f"{around} (n: {source})"


def _log(log: list[Printed], origins: dict[int, str]) -> Iterator[Finding]:
    """Check a column of accuracies over epochs: find the n that fits all, or nearly all, of them."""
    missing = [number for number in log if not any(reachable(number.low, number.high, size) for size in origins)]
    if not missing:
        return
    largest = max(origins)
    tried = range(max(largest // 2, 1), largest + 1) if largest <= _MOST else range(largest, largest + 1)
    fits = {n: sum(reachable(number.low, number.high, n) for number in log) for n in tried}
    best = max(fits.values())
    sizes_of_best = [n for n, count in fits.items() if count == best]
    lines = [around(missing[0], size, source) for size, source in origins.items()]
    if best > len(log) - len(missing) and len(sizes_of_best) == 1:
        lines.append(
            f"{best} of {len(log)} are k/{sizes_of_best[0]:,}, the only n from {largest // 2:,} to {largest:,} that "
            "fits so many"
        )
    yield Finding(
        "granularity", about(log[0].claim), tuple(cite(number) for number in missing),
        f"{len(missing)} of {len(log)} are not k/{' or k/'.join(show(size) for size in origins)}", tuple(lines),
    )  # fmt: skip


def _columns(paper: Paper, split: list[Printed]) -> Iterator[Outcome]:
    """Check accuracies without a stated split: models in one table were scored on one test set of some size."""
    class_counts = candidates(paper, split[0].claim)
    if not class_counts:
        return
    largest = max(counts.total for counts in class_counts)
    proposed = {model["name"] for model in paper.claims.models if model["role"] == "proposed"}
    if largest > _MOST:
        yield Unchecked(f"{split[0].claim.dataset}, split not stated", f"k/n: more than {_MOST:,} sizes to try")
        return
    for column in group(split, lambda c: c.source):
        if not any(number.claim.model in proposed for number in column):
            continue  # results quoted from other papers need not share a test set
        claim = column[0].claim
        paper.mark(*column)
        where = f"{claim.dataset}, {claim.source}, split not stated"
        if not any(all(reachable(number.low, number.high, n) for number in column) for n in range(largest, 0, -1)):
            fits = [reachable_sizes(number.low, number.high, largest) for number in column]
            sizes_by_model = [
                f"{number.claim.model} {number.claim.written}: "
                + (f"n = {', '.join(map(str, fit))}" if 0 < len(fit) <= 4 else f"{len(fit)} values of n")
                for number, fit in zip(column, fits, strict=True)
            ]
            yield Finding(
                "granularity", where, tuple(cite(number, f"{number.claim.model}: ") for number in column),
                f"no test set of up to {largest:,} images gives all {len(column)} as k/n",
                (f"n up to {largest:,} for which some k/n rounds to it: {'; '.join(sizes_by_model)}",
                 "means over folds or runs, or different test sets for each model, could give them"),
            )  # fmt: skip
            continue
        for part in class_counts:
            off = [number for number in column if not reachable(number.low, number.high, part.total)]
            if part.split == "test" and off:
                wrong = ", ".join(f"{number.claim.model} {number.claim.written}" for number in off)
                yield Remark(where, f"not k/{part.total:,} ({part.source}): {wrong}")
