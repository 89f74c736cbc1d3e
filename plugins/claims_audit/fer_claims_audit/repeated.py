"""Quantities printed in several places, and printed products and differences of other printed numbers."""

from __future__ import annotations

from collections.abc import Iterator

from fer_claims_audit.class_counts import is_total, stated
from fer_claims_audit.findings import Finding, Outcome, Remark, show, span
from fer_claims_audit.paper_numbers import Paper, about, cite, group, together
from fer_plugins.analysis.claims import Printed, canonical_metric

_SUFFIX = "_gain"


def check_repeated(paper: Paper) -> Iterator[Outcome]:
    """Check that repeated numbers agree, that time is epochs x time per epoch, and that gains are differences."""
    same = group(
        (number for number in paper.printed if number.claim.over is None),
        lambda c: (c.model, c.dataset, c.split, c.metric, None if is_total(c) else c.class_name, c.epoch, c.averaged),
    )
    for numbers in same:
        if len(numbers) > 1:
            paper.mark(*numbers)
        yield from _one_quantity(paper, numbers)
    yield from _times(paper)
    yield from _gains(paper)


def _one_quantity(paper: Paper, numbers: list[Printed]) -> Iterator[Outcome]:
    if _agree(numbers):
        return
    by_name = group(numbers, lambda c: canonical_metric(paper.as_in_file(c).metric))
    is_recall = numbers[0].claim.metric == "macro_recall" and len(by_name) > 1 and all(map(_agree, by_name))
    if is_recall and not any(min(known.counts.values()) for known in stated(paper, numbers[0].claim)):
        text = "one quantity, unless a class has no images: balanced accuracy leaves it out, macro recall may count 0"
        yield Remark(about(numbers[0].claim, with_class=True), f"{'; '.join(map(str, numbers))}: {text}")
        return
    different = list({(number.low, number.high): number for number in reversed(numbers)}.values())[::-1]
    cited = [together(alike) for alike in group(numbers, lambda c: (c.value, c.written))]
    yield Finding(
        "printed twice", about(numbers[0].claim, with_class=True), tuple(cited),
        "one quantity has one value",
        ("no value rounds to all: " + "; ".join(span(number.low, number.high) for number in different),),
    )  # fmt: skip


def _agree(numbers: list[Printed]) -> bool:
    return max(number.low for number in numbers) <= min(number.high for number in numbers)


def _times(paper: Paper) -> Iterator[Finding]:
    for epoch_time in paper.take("epoch_time_s"):
        claim = epoch_time.claim
        epochs = paper.take("epochs", model=claim.model)
        epochs = [number for number in epochs if number.claim.dataset in (claim.dataset, "all", None)]
        for count in epochs[:1]:
            for time in paper.take("train_time_s", claim, source=claim.source):
                low, high = count.value * epoch_time.low, count.value * epoch_time.high
                paper.mark(count, epoch_time, time)
                product = f"{show(count.value)} x {show(epoch_time.value)} s = {show(count.value * epoch_time.value)} s"
                if not time.meets(low, high):
                    yield Finding(
                        "products and gains", about(claim), (cite(count), cite(epoch_time), cite(time)),
                        f"training time is {span(low, high)} s",
                        (f"{product}; printed is {span(time.low, time.high)} s, rounding allowed for",),
                    )  # fmt: skip


def _gains(paper: Paper) -> Iterator[Outcome]:
    """Check that a gain (metric ``<rate>_gain`` with ``over``) is the difference of two printed rates."""
    for gain in paper.printed:
        if gain.claim.over is None or not gain.claim.metric.endswith(_SUFFIX):
            continue
        metric, claim = gain.claim.metric.removesuffix(_SUFFIX), gain.claim
        names = (metric, f"macro_{metric}", f"weighted_{metric}", f"micro_{metric}")
        fields = {"class_name": claim.class_name, "epoch": None}
        pairs = [
            (minuend, subtrahend)
            for name in names
            for minuend in paper.take(name, claim, **fields)
            for subtrahend in paper.take(name, claim, **{**fields, "model": claim.over})
        ]
        paper.mark(*(number for pair in pairs for number in (gain, *pair)))
        if pairs and not any(gain.meets(a.low - b.high, a.high - b.low) for a, b in pairs):
            minuend, subtrahend = pairs[0]
            low, high = minuend.low - subtrahend.high, minuend.high - subtrahend.low
            if any(b.low > 0 and gain.meets(a.low / b.high - 1, a.high / b.low - 1) for a, b in pairs):
                yield Remark(about(claim), f"{gain} is the relative gain; the difference is {span(low, high)}")
            else:
                yield Finding(
                    "products and gains", about(claim),
                    (cite(gain), cite(minuend), cite(subtrahend, f"{claim.over}: ")),
                    f"the gain is {span(low, high)}",
                    (f"{show(minuend.value)} - {show(subtrahend.value)} = {show(minuend.value - subtrahend.value)}",),
                )  # fmt: skip
