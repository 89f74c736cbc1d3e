"""One quantity printed in several places, and printed products and differences of other printed numbers."""

from __future__ import annotations

from collections.abc import Iterator

from fer_claims_audit.class_counts import is_total
from fer_claims_audit.findings import Finding, show, span
from fer_claims_audit.paper_numbers import Paper, about, group, together
from fer_plugins.analysis.claims import Printed

_SUFFIX = "_gain"


def check_repeated(paper: Paper) -> Iterator[Finding]:
    """Check that what is printed twice agrees, that epochs x time an epoch is the time, and gains are differences."""
    same = group(
        (number for number in paper.printed if number.claim.over is None),
        lambda c: (c.model, c.dataset, c.split, c.metric, None if is_total(c) else c.class_name, c.epoch, c.averaged),
    )
    for numbers in same:
        yield from _one_quantity(numbers)
    yield from _times(paper)
    yield from _gains(paper)


def _one_quantity(numbers: list[Printed]) -> Iterator[Finding]:
    low, high = max(number.low for number in numbers), min(number.high for number in numbers)
    if low <= high:
        return
    different = list({(number.low, number.high): number for number in reversed(numbers)}.values())[::-1]
    every = [together(alike) for alike in group(numbers, lambda c: (c.value, c.written))]
    yield Finding(
        "printed twice", about(numbers[0].claim, with_class=True), tuple(every),
        "one quantity has one value",
        ("no value rounds to all: " + "; ".join(span(number.low, number.high) for number in different),),
    )  # fmt: skip


def _times(paper: Paper) -> Iterator[Finding]:
    for epoch_time in paper.take("epoch_time_s"):
        claim = epoch_time.claim
        epochs = paper.take("epochs", model=claim.model)
        epochs = [number for number in epochs if number.claim.dataset in (claim.dataset, "all", None)]
        for count in epochs[:1]:
            for time in paper.take("train_time_s", claim, source=claim.source):
                low, high = count.value * epoch_time.low, count.value * epoch_time.high
                product = f"{show(count.value)} x {show(epoch_time.value)} s = {show(count.value * epoch_time.value)} s"
                if not time.meets(low, high):
                    yield Finding(
                        "products and gains", about(claim), (str(count), str(epoch_time), str(time)),
                        f"training time is {span(low, high)} s",
                        (f"{product}; printed is {span(time.low, time.high)} s, rounding allowed for",),
                    )  # fmt: skip


def _gains(paper: Paper) -> Iterator[Finding]:
    """A gain (metric ``<rate>_gain`` with ``over``) is the difference of two printed rates."""
    for gain in paper.printed:
        if gain.claim.over is None or not gain.claim.metric.endswith(_SUFFIX):
            continue
        metric, claim = gain.claim.metric.removesuffix(_SUFFIX), gain.claim
        ours = paper.take(metric, claim, class_name=None, epoch=None)
        theirs = paper.take(metric, claim, model=claim.over, class_name=None, epoch=None)
        for minuend, subtrahend in zip(ours[:1], theirs[:1], strict=False):
            low, high = minuend.low - subtrahend.high, minuend.high - subtrahend.low
            if not gain.meets(low, high):
                yield Finding(
                    "products and gains", about(claim), (str(gain), str(minuend), f"{claim.over}: {subtrahend}"),
                    f"the gain is {span(low, high)}",
                    (f"{show(minuend.value)} - {show(subtrahend.value)} = {show(minuend.value - subtrahend.value)}",),
                )  # fmt: skip
