"""Accuracy, mean recall and mean specificity against each other, given the number of images per class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fer_claims_audit.class_counts import ClassCounts, candidates
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.multiclass import Window, nearest_matrix
from fer_claims_audit.paper_numbers import Paper, about, cite, nearest_source, without_classes
from fer_claims_audit.rate_bounds import (
    Range,
    accuracy_in_parts,
    accuracy_range,
    specificity_in_parts,
    specificity_range,
)
from fer_plugins.analysis.claims import Printed


def check_means(paper: Paper) -> Iterator[Outcome]:
    """Check accuracy, mean recall and mean specificity of every report against the class counts of its split."""
    for report in paper.reports():
        headline = without_classes(report)
        accuracies = [number for number in headline if number.claim.metric == "accuracy"]
        averaged = [
            number for number in headline if number.claim.metric.removeprefix("macro_") in ("recall", "specificity")
        ]
        folds = next((number.claim.averaged for number in (*accuracies, *averaged) if number.is_averaged), None)
        if accuracies and averaged and folds:
            missing = f"accuracy against recall or specificity: means over {folds}, whose class shares are not known"
            yield Unchecked(about(accuracies[0].claim), missing)
        elif accuracies and averaged:
            yield from _against_counts(paper, headline, accuracies, averaged)


def _usable(counts: list[ClassCounts]) -> list[ClassCounts]:
    """Leave out counts with an empty class, for which means are defined in more than one way."""
    return [candidate for candidate in counts if min(candidate.counts.values()) > 0]


def _with_empty(counts: list[ClassCounts]) -> list[ClassCounts]:
    """Add, for counts that may lack a class without images, a copy with one: means may include it as well."""
    lacking = [candidate for candidate in counts if candidate.may_lack_empty]
    return counts + [
        replace(candidate, counts={**candidate.counts, "a class without images": 0}) for candidate in lacking
    ]


def _against_counts(
    paper: Paper, headline: list[Printed], accuracies: list[Printed], averaged: list[Printed]
) -> Iterator[Outcome]:
    claim = accuracies[0].claim
    usable = _usable(candidates(paper, claim))
    if not usable:
        names = " and ".join(dict.fromkeys(number.claim.metric for number in averaged))
        yield Unchecked(about(claim), f"accuracy against {names}: no class counts of this split are known")
        return
    paper.mark(*accuracies, *averaged)
    usable = _with_empty(usable)
    outcomes: list[Outcome] = []
    for mean in averaged:
        for accuracy in nearest_source(accuracies, mean.claim.source):
            if mean.claim.metric.endswith("recall"):
                outcomes += _recall(accuracy, mean, usable)
            else:
                outcomes += _specificity(accuracy, mean, usable, headline)
    if outcomes or claim.split == "not_stated":
        yield from outcomes
        return
    if any(counts.may_lack_empty for counts in usable):
        return
    by_counts = [list(_jointly(accuracies, averaged, counts)) for counts in usable]  # several only if papers disagree
    yield from by_counts[0] if all(by_counts) else ()


def _jointly(accuracies: list[Printed], averaged: list[Printed], counts: ClassCounts) -> Iterator[Finding]:
    """Search by integer programming for a matrix with all means that are stated to be macro means."""
    macro = [number for number in averaged if number.claim.metric.startswith("macro_")]
    together = [*nearest_source(accuracies, macro[0].claim.source), *macro] if macro else []
    miss = nearest_matrix(
        counts.counts, [Window(number.claim.metric, number.low, number.high, str(number)) for number in together]
    )  # fmt: skip
    if miss is not None and miss.images > 0:
        yield Finding(
            "joint rates", about(accuracies[0].claim), tuple(map(cite, together)),
            "a confusion matrix with these class counts has all of them", (str(counts), *miss.certificate),
        )  # fmt: skip


def _recall(accuracy: Printed, recall: Printed, known: list[ClassCounts]) -> Iterator[Outcome]:
    unstated = recall.claim.metric == "recall"
    if unstated and accuracy.meets(recall.low, recall.high):  # may be the weighted mean, which is the accuracy
        return
    ranges = [accuracy_range(list(counts.counts.values()), (recall.low, recall.high)) for counts in known]
    if any(accuracy.meets(*interval) for interval in ranges):
        return
    best = _closest(accuracy, ranges)
    (low, high), counts = ranges[best], known[best]
    sizes, lacking = sorted(counts.counts.values(), reverse=True), len(counts.counts) * (1 - recall.low)
    largest = max(counts.counts, key=lambda name: counts.counts[name])
    lines = [str(counts)]
    if accuracy.high < low:
        bound = f"accuracy >= {show(low)}"
        lines.append(
            f"the class recalls lack at most {len(sizes)} x (1 - {show(recall.low)}) = {show(lacking)} of 1 together;"
        )
        if lacking <= 1:
            lines[-1] += (
                f" all of it in the largest class ({largest}) costs {show(lacking)} x {sizes[0]:,}/{counts.total:,} = "
                f"{show(1 - low)} of accuracy"
            )
        else:
            lines[-1] += f" in the largest classes, at most 1 each, it costs {show(1 - low)} of accuracy"
    else:
        bound = f"accuracy <= {show(high)}"
        missing = len(sizes) * (1 - recall.high)
        lines.append(
            f"the class recalls lack at least {len(sizes)} x (1 - {show(recall.high)}) = {show(missing)} of 1 "
            f"together; in the smallest classes, at most 1 each, it costs {show(1 - high)} of accuracy"
        )
    if len(known) > 1:
        lines.append(f"the nearest of {len(known)} known class counts; broken for: {_names(known)}")
    if unstated:
        lines.append("nor is it the weighted or micro mean, which equals the accuracy")
    images = max(counts.total for counts in known)
    in_parts = [accuracy_in_parts(list(counts.counts.values()), images, (recall.low, recall.high)) for counts in known]
    if accuracy.claim.split == "not_stated" and any(accuracy.meets(*interval) for interval in in_parts):
        yield _only_for_shares(accuracy, recall, bound, counts)
        return
    yield Finding("accuracy and recall", about(accuracy.claim), (cite(accuracy), cite(recall)), bound, tuple(lines))


def _specificity(
    accuracy: Printed, mean: Printed, known: list[ClassCounts], headline: list[Printed]
) -> Iterator[Outcome]:
    window = (accuracy.low, accuracy.high)
    ranges = [specificity_range(list(counts.counts.values()), window) for counts in known]
    if any(mean.meets(*interval) for interval in ranges):
        return
    best = _closest(mean, ranges)
    (low, high), counts = ranges[best], known[best]
    classes, total, largest = len(counts.counts), counts.total, max(counts.counts.values())
    lines, excluded_by_recall = [str(counts)], False
    if mean.high < low:
        bound = f"mean specificity >= {show(low)}"
        lines.append(
            f"at most {show((1 - accuracy.low) * total)} errors, each a false positive of one class; all in the "
            f"largest class: 1 - (1 - {show(accuracy.low)}) x {total:,} / ({classes} x {total - largest:,}) = "
            f"{show(low)}"
        )
    else:
        bound = f"mean specificity <= {show(high)}"
        lines.append(
            f"at least {show((1 - accuracy.high) * total)} errors, each a false positive of one class; all in the "
            f"smallest classes they still cost {show(1 - high)}"
        )
    if mean.claim.metric == "specificity":
        micro = (1 - (1 - accuracy.low) / (classes - 1), 1 - (1 - accuracy.high) / (classes - 1))
        if mean.meets(*micro):
            return
        lines.append(f"micro mean: 1 - (1 - accuracy)/{classes - 1} = {span(*micro)}, not it either")
        by_share = [specificity_range(list(counts.counts.values()), window, weighted=True) for counts in known]
        if any(mean.meets(*interval) for interval in by_share):
            recalls = [number for number in headline if number.claim.metric == "recall"]
            if not recalls or any(accuracy.meets(number.low, number.high) for number in recalls):
                return  # everything may be weighted by class frequencies
            excluded_by_recall = True
            lines.append(f"only a mean weighted by class shares could be; then {recalls[0]} would equal the accuracy")
        else:
            nearest = by_share[_closest(mean, by_share)]
            lines.append(f"mean weighted by class shares: {span(*nearest)}, not it either")
    weightings = [False, True] if mean.claim.metric == "specificity" and not excluded_by_recall else [False]
    images = max(counts.total for counts in known)
    in_parts = [
        specificity_in_parts(list(counts.counts.values()), images, window, weighted=kind)
        for counts in known
        for kind in weightings
    ]
    if accuracy.claim.split == "not_stated" and any(mean.meets(*interval) for interval in in_parts):
        yield _only_for_shares(accuracy, mean, bound, counts)
        return
    lines += _as_two_classes(accuracy, mean, [number for number in headline if number.claim.metric == "recall"])
    if len(known) > 1:
        lines.append(f"the nearest of {len(known)} known class counts; broken for: {_names(known)}")
    yield Finding("accuracy and specificity", about(accuracy.claim), (cite(accuracy), cite(mean)), bound, tuple(lines))


def _as_two_classes(accuracy: Printed, specificity: Printed, recalls: list[Printed]) -> list[str]:
    """Return the reading of one class against the rest: accuracy = q recall + (1 - q) specificity, q the positives."""
    if len(recalls) != 1 or recalls[0].meets(specificity.low, specificity.high):
        return []
    recall = recalls[0]
    share = (accuracy.value - specificity.value) / (recall.value - specificity.value)
    outside = accuracy.high < min(recall.low, specificity.low) or accuracy.low > max(recall.high, specificity.high)
    if outside:
        return [f"nor one class against the rest: accuracy would lie between specificity and {recall}"]
    return [f"one class against the rest would need {100 * float(share):.1f} % positives"]


def _only_for_shares(accuracy: Printed, mean: Printed, bound: str, counts: ClassCounts) -> Remark:
    """Return the remark that this holds only for a test set with the class frequencies of the whole."""
    return Remark(
        about(accuracy.claim),
        f"{accuracy} and {mean} exclude each other ({bound}) on a test set with the class shares of {counts.source}; a "
        "random tenth of the images can have others, under which they agree",
    )


def _closest(number: Printed, ranges: list[Range]) -> int:
    return min(range(len(ranges)), key=lambda k: max(ranges[k][0] - number.high, number.low - ranges[k][1]))


def _names(known: list[ClassCounts]) -> str:
    return "; ".join(counts.source for counts in known)
