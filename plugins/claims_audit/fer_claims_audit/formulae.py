"""Rates related by formulae: F1 with precision and recall, two names of one formula, false acceptance rate (FAR)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from fer_claims_audit.class_counts import candidates, complete_classes, sources_of_some_classes
from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show, span
from fer_claims_audit.paper_numbers import Paper, about, cite, nearest_source, several_labels, without_classes
from fer_plugins.analysis.claims import Printed, title

_RECALLS = ("recall", "sensitivity", "gar")  # TP / (TP + FN), all three
_OF_FAR = ("accuracy", "specificity", "recall", "gar", "precision")
RATIOS = ("precision", "recall", "f1")


def harmonic_mean(precision: Fraction, recall: Fraction) -> Fraction:
    """Return F1 = 2PR/(P + R), 0 if both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else Fraction(0)


def check_formulae(paper: Paper) -> Iterator[Outcome]:
    """Check mean F1 against its upper bound, names of one formula against each other, and FAR against its readings."""
    for report in paper.reports():
        headline = without_classes(report)
        yield from _ceiling_of_f1(paper, headline)
        yield from _other_names(paper, headline)
        yield from _false_acceptance(paper, headline)


def _ceiling_of_f1(paper: Paper, headline: list[Printed]) -> Iterator[Finding]:
    for prefix in ("", "macro_", "weighted_"):
        by_name = {name: [number for number in headline if number.claim.metric == prefix + name] for name in RATIOS}
        for f1 in by_name["f1"]:
            rows = [row for row in paper.printed if _is_row_of(row, f1)]
            with_some = len({row.claim.class_name for row in rows if row.high > row.step})
            # A class without images has F1 0/0: included in scikit-learn's mean, or left out, depending on each call.
            of_some = Fraction(len({row.claim.class_name for row in rows}), with_some) if with_some else Fraction(1)
            precisions = nearest_source(by_name["precision"], f1.claim.source)
            recalls = nearest_source(by_name["recall"], f1.claim.source)
            pairs = list(product(precisions, recalls))
            paper.mark(*(number for pair in pairs for number in (f1, *pair)))
            if pairs and not any(f1.low <= of_some * harmonic_mean(p.high, r.high) for p, r in pairs):
                precision, recall = pairs[0]
                ceiling = harmonic_mean(precision.high, recall.high)
                lines = [
                    f"2 x {show(precision.high)} x {show(recall.high)} / ({show(precision.high)} + "
                    f"{show(recall.high)}) = {show(ceiling)}, with the largest values that round to the printed ones",
                    "F1 = 2PR/(P + R) is concave in (P, R), so the mean of the classes' F1 is at most the F1 of the "
                    "means; the same holds for means over folds",
                ]
                if f1.low > max(precision.high, recall.high):
                    lines.append("it exceeds both precision and recall")
                yield Finding(
                    "mean F1", about(f1.claim), (cite(f1), cite(precision), cite(recall)),
                    f"mean F1 <= {show(ceiling)}", tuple(lines),
                )  # fmt: skip


def _is_row_of(row: Printed, mean: Printed) -> bool:
    one, all_classes = row.claim, mean.claim
    return (
        one.metric == "f1"
        and one.class_name is not None
        and (one.model, one.dataset, one.split) == (all_classes.model, all_classes.dataset, all_classes.split)
    )


def _other_names(paper: Paper, headline: list[Printed]) -> Iterator[Outcome]:
    recalls = [number for number in headline if number.claim.metric in _RECALLS]
    accuracies = [number for number in headline if number.claim.metric == "accuracy"]
    for k, first in enumerate(recalls):
        for second in recalls[k + 1 :]:
            if first.claim.metric == second.claim.metric:
                continue  # printed twice: another check
            paper.mark(first, second)
            if first.meets(second.low, second.high):
                continue
            micro = [recall for recall in (first, second) if any(_overlap(recall, accuracy) for accuracy in accuracies)]
            if micro:  # no average is named
                which = f"{micro[0]} may be the weighted mean, which equals the accuracy, and the other the macro mean"
                yield Remark(about(first.claim), f"{first} and {second} differ; {which}")
            else:
                yield Finding(
                    "one formula, two values", about(first.claim), (cite(first), cite(second)),
                    "both are TP/(TP + FN)", (_apart(first, second),),
                )  # fmt: skip
    equal = ("weighted_recall", "micro_precision", "micro_recall", "micro_f1")
    several = several_labels(paper, headline)
    sets = complete_classes(paper, headline[0].claim.dataset) if headline else set()
    of_some = sources_of_some_classes(paper, max(map(len, sets), default=None))
    for number in headline:
        if number.claim.metric in equal and number.claim.source in of_some:
            yield Unchecked(about(number.claim), f"{title(number.claim.metric)} against accuracy: its report has micro "
                            "means and no accuracy, so it may be of some classes alone")  # fmt: skip
        elif number.claim.metric in equal:
            for accuracy in nearest_source(accuracies, number.claim.source):
                if several:
                    yield Unchecked(about(number.claim), f"{title(number.claim.metric)} against accuracy: {several}")
                    continue
                paper.mark(accuracy, number)
                if not accuracy.meets(number.low, number.high):
                    yield Finding(
                        "one formula, two values", about(number.claim), (cite(accuracy), cite(number)),
                        f"{number.claim.metric.replace('_', ' ')} = accuracy", (_apart(accuracy, number),),
                    )  # fmt: skip


def _overlap(first: Printed, second: Printed) -> bool:
    """Return whether more values than a common end round to both; the end would be rounded up once and down once."""
    return max(first.low, second.low) < min(first.high, second.high)


def _apart(first: Printed, second: Printed) -> str:
    return f"values that round to them: {span(first.low, first.high)} and {span(second.low, second.high)}"


def _false_acceptance(paper: Paper, headline: list[Printed]) -> Iterator[Finding]:
    """Compare FAR with all its readings by other printed rates."""
    rates = {number.claim.metric: number for number in headline}
    if not {"far", "accuracy", "specificity", "recall"} <= rates.keys():
        return  # it may be the complement of a rate that is not printed
    rate, readings = rates["far"], {}
    paper.mark(rate)
    for name in _OF_FAR:
        if name in rates:
            readings[f"1 - {name}"] = (1 - rates[name].high, 1 - rates[name].low)
    class_counts = candidates(paper, rate.claim)
    if "accuracy" in rates and class_counts:
        low, high = readings["1 - accuracy"]
        for parts in (classes := len(class_counts[0].counts), classes - 1):
            readings[f"(1 - accuracy)/{parts}"] = (low / parts, high / parts)
    if any(rate.meets(*interval) for interval in readings.values()):
        return
    yield Finding(
        "false acceptance", about(rate.claim),
        (cite(rate), *(cite(rates[name]) for name in _OF_FAR if name in rates)),
        "FAR is one of the readings below",
        ("; ".join(f"{name} = {span(*interval)}" for name, interval in readings.items()),),
    )  # fmt: skip
