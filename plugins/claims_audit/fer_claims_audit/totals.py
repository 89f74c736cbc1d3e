"""Sums of counts: classes to a total, splits to the whole, and both to the release."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import ClassCounts, complete_classes, is_total, release, stated, whole_release
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show
from fer_claims_audit.paper_numbers import Paper, cite, group, has_signs_of_several_labels, nearest_source
from fer_plugins.analysis.claims import Printed, suggest

_ADDED = ("n_images", "n_correct", "params")
_WHOLES = (
    ("train", "validation", "test"),
    ("train", "validation_and_test"),
    ("train", "validation"),
    ("train", "test"),
)


def check_totals(paper: Paper) -> Iterator[Outcome]:
    """Check sums over classes and splits, counts against the release, and accuracy against correct predictions."""
    for metric in _ADDED:
        numbers = [number for number in paper.printed if number.claim.metric == metric]
        for dataset in group(numbers, lambda c: c.dataset):
            yield from _classes(paper, dataset)
    images = [number for number in paper.printed if number.claim.metric == "n_images"]
    for dataset in group(images, lambda c: c.dataset):
        for of_class in group(dataset, lambda c: None if is_total(c) else c.class_name):
            yield from _splits(paper, of_class)
        yield from _release(paper, dataset)
    yield from _enlarged(paper)
    yield from _hits(paper)


def _classes(paper: Paper, numbers: list[Printed]) -> Iterator[Outcome]:
    """Compare the sum over classes with the total; a list that may be incomplete is wrong only if its sum is too large.

    A list of layers is assumed to be complete, and a list of classes only if that is known.
    """
    parts = [number for number in numbers if not is_total(number.claim)]
    totals = [number for number in numbers if is_total(number.claim)]
    tables = group(parts, lambda c: (c.model, c.split, c.source))
    complete = complete_classes(paper, numbers[0].claim.dataset)
    for table in tables:
        claim = table[0].claim
        of_split = [
            number
            for number in totals
            if number.claim.split == claim.split and number.claim.model in (claim.model, None)
        ]
        low, high = (
            sum(ends, Fraction(0)) for ends in zip(*((number.low, number.high) for number in table), strict=True)
        )
        for total in nearest_source(of_split, claim.source):
            paper.mark(total, *table)
            is_complete = claim.dataset is None or frozenset(number.claim.class_name for number in table) in complete
            if high < total.low and not is_complete:
                yield Remark(
                    _where(total),
                    f"the classes of {claim.source} sum to {show(high)} of {show(total.value)}: some are left out, or "
                    "a count is wrong",
                )  # fmt: skip
            elif low > total.high and has_signs_of_several_labels(paper, claim.dataset):
                yield Remark(_where(total), f"{show(low)} labels on {show(total.value)} images: several an image")
            elif low > total.high or (len(table) > 1 and high < total.low):
                value = sum((number.value for number in table), Fraction(0))
                terms = " + ".join(show(number.value) for number in table)
                yield Finding(
                    "sums", _where(total), (cite(total),), f"the classes sum to {show(value)}",
                    (f"{terms} = {show(value)} ({claim.source}); difference {show(value - total.value)}",),
                )  # fmt: skip


def _splits(paper: Paper, numbers: list[Printed]) -> Iterator[Finding]:
    """Add the parts of a dataset and compare them with the whole."""
    by_split: dict[str, list[Printed]] = {}
    for number in numbers:
        by_split.setdefault(number.claim.split, []).append(number)
    parts = next((names for names in _WHOLES if set(names) <= by_split.keys()), None)
    wholes = by_split.get("all", [])
    if parts:
        chosen = _of_one_source([by_split[name] for name in parts])
        total = sum(number.value for number in chosen)
        low, high = (
            sum(ends, Fraction(0)) for ends in zip(*((number.low, number.high) for number in chosen), strict=True)
        )
        paper.mark(*chosen, *wholes)
        complete = len(parts) == 3 or "validation_and_test" in parts
        for all_images in wholes:
            if low > all_images.high or (complete and high < all_images.low):
                yield Finding(
                    "sums", _where(all_images), (*map(cite, chosen), cite(all_images)),
                    f"{' + '.join(name.replace('_', ' ') for name in parts)} = all",
                    (f"{' + '.join(show(number.value) for number in chosen)} = {show(total)}; "
                     f"difference {show(total - all_images.value)}",),
                )  # fmt: skip
    for number in by_split.get("train", []):
        for all_images in [*wholes, *by_split.get("not_stated", [])]:
            paper.mark(number, all_images)
            if number.low > all_images.high and not (parts and all_images in wholes):
                yield Finding(
                    "sums", _where(number), (cite(number), cite(all_images)), "a part is not larger than the whole",
                    (f"{show(number.value)} in the part, {show(all_images.value)} in all",),
                )  # fmt: skip


def _of_one_source(choices: list[list[Printed]]) -> list[Printed]:
    """Return the numbers of a source that has all parts, if there is one; else the first of each."""
    shared = set.intersection(*({number.claim.source for number in choice} for choice in choices))
    return [next((number for number in choice if number.claim.source in shared), choice[0]) for choice in choices]


def _release(paper: Paper, numbers: list[Printed]) -> Iterator[Outcome]:
    """Compare counts with the release's; if only the whole is known, a class has at most that many images."""
    splits, everything = release(paper, numbers[0].claim.dataset), whole_release(paper, numbers[0].claim.dataset)
    if everything is None:
        return
    for table in group(numbers, lambda c: (c.split, c.source)):
        claim = table[0].claim
        official = splits.get(claim.split) if claim.split_means is None else None
        title = everything.source.partition(",")[0]
        off = []
        for number in table:
            true, largest = _official(number, official), _official(number, everything)
            if is_total(number.claim) and (not splits or everything.dataset == "RAF-DB"):
                continue  # RAF-DB also has compound expressions, JAFFE is often enlarged
            if true is not None or largest is not None:
                paper.mark(number)
            elif claim.dataset and not is_total(number.claim):
                yield Unchecked(_where(number), f"images against the {title}: it has no class of that name"
                                f"{suggest(number.claim.class_name or '', everything.counts)}")  # fmt: skip
            if largest is not None and number.low > largest:
                off.append((number, f"more than the {largest:,} of the whole release"))
            elif true is not None and not number.low <= true <= number.high:
                off.append((number, f"{true:,} in the release"))
        if off:
            yield Finding(
                "release", f"{claim.dataset}, split {claim.split.replace('_', ' ')}, {claim.source}",
                tuple(cite(number) for number, _ in off), f"image counts of {title}",
                tuple(f"{_class(number)}: {show(number.value)} printed, {why}" for number, why in off),
            )  # fmt: skip


def _official(number: Printed, counts: ClassCounts | None) -> int | None:
    if counts is None:
        return None
    return counts.total if is_total(number.claim) else counts.counts.get(number.claim.class_name or "")


def _enlarged(paper: Paper) -> Iterator[Finding]:
    """Check that augmentation does not reduce a set (metric ``n_images_augmented``)."""
    for after in paper.take("n_images_augmented"):
        for before in paper.take("n_images", dataset=after.claim.dataset, split=after.claim.split):
            if is_total(before.claim):
                paper.mark(after, before)
            if is_total(before.claim) and after.high < before.low:
                yield Finding(
                    "sums", _where(after), (cite(after), cite(before)), "augmentation does not take images away",
                    (f"{show(after.value)} after, {show(before.value)} before",),
                )  # fmt: skip


def _hits(paper: Paper) -> Iterator[Finding]:
    """Check that accuracy, or a class's recall, is the number of correct predictions over the number of images."""
    for hits in paper.take("n_correct"):
        claim = hits.claim
        metric = "accuracy" if is_total(claim) else "recall"
        sizes = [
            number
            for number in paper.known
            if number.claim.metric == "n_images"
            and (number.claim.dataset, number.claim.split) == (claim.dataset, claim.split)
            and (is_total(number.claim) if is_total(claim) else number.claim.class_name == claim.class_name)
        ]
        printed = {
            number.value: cite(number) for number in nearest_source([n for n in sizes if n.value > 0], claim.source)
        }
        official = {
            Fraction(count): counts.source for counts in stated(paper, claim) if (count := _official(hits, counts))
        }
        images = printed or official
        rates = paper.take(metric, claim, class_name=claim.class_name, over=None, epoch=None, averaged=None)
        if images and all(hits.low > size for size in images):
            paper.mark(hits)
            yield Finding(
                "sums", _where(hits), (cite(hits),), "no more right answers than images",
                tuple(f"{show(size)} images ({source})" for size, source in images.items()),
            )  # fmt: skip
        for rate in rates if images else ():
            paper.mark(hits, rate)
            shares = {hits.value / size: (size, source) for size, source in images.items()}
            if not any(rate.meets(share, share) for share in shares):
                yield Finding(
                    "sums", _where(rate), (cite(rate), cite(hits), *printed.values()),
                    f"{metric} = {' or '.join(show(share, 6) for share in shares)}",
                    tuple(f"{show(hits.value)}/{show(size)} = {show(share, 6)} ({source})"
                          for share, (size, source) in shares.items()),
                )  # fmt: skip


def _class(number: Printed) -> str:
    return number.claim.class_name or "total"


def _where(number: Printed) -> str:
    claim = number.claim
    subject = claim.dataset or claim.model or "the paper"
    split = f", split {claim.split.replace('_', ' ')}" if claim.dataset else ""
    return subject + split + (f", class {claim.class_name}" if not is_total(claim) else "")
