"""Reports at chance level (labels paired with predictions of other images), and losses too small for the errors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.class_counts import ClassCounts, stated
from fer_claims_audit.class_tables import Table, tables
from fer_claims_audit.findings import Finding, Outcome, Remark, show
from fer_claims_audit.paper_numbers import Paper, about, cite
from fer_plugins.analysis.claims import Printed

_SIGMAS = 2.576  # 99 % of a normal distribution


def check_chance(paper: Paper) -> Iterator[Outcome]:
    """Detect per-class tables that result from randomly paired labels.

    Whatever the network, the precision of class c is then its fraction p_c of the labels, its recall the fraction q_c
    of the predictions, the accuracy sum p_c q_c and kappa 0, each up to random variation. A table is at chance level if
    all printed precisions and the accuracy are that close (within 99 % bands and rounding) and the upper end of kappa
    is below 0.1; it contradicts an accuracy of more than twice sum p_c^2 printed elsewhere for the same split.
    """
    for table in tables(paper):
        counts = next(
            (
                counts
                for counts in stated(paper, table.first.claim)
                if set(counts.counts) == set(table.rows) and counts.total
            ),
            None,
        )
        accuracy = table.below.get("accuracy")
        if (
            counts is None
            or accuracy is None
            or table.averaged
            or not all({"precision", "recall"} <= row.keys() for row in table.rows.values())
        ):
            continue
        lines = _at_chance(table, counts, accuracy)
        if lines is None:
            continue
        squares = sum(Fraction(size, counts.total) ** 2 for size in counts.counts.values())
        better = [
            number
            for number in paper.take("accuracy", accuracy.claim, class_name=None, over=None, epoch=None)
            if number.claim.source != accuracy.claim.source and number.low > 2 * squares
        ]
        if better:
            yield Finding(
                "chance", table.about, (cite(accuracy), *map(cite, better)),
                "predictions and labels of one image go together", (*lines, "precision, recall and F1 of this table "
                "say nothing about the network; " + ", ".join(map(str, better)) + " is not touched by it"),
            )  # fmt: skip
        else:
            yield Remark(
                table.about, f"at chance level, as if labels and predictions were unpaired: {'; '.join(lines)}"
            )


def _at_chance(table: Table, counts: ClassCounts, accuracy: Printed) -> tuple[str, ...] | None:
    """Return the comparison with chance, or None if the table is not at chance level."""
    total = counts.total
    predicted = {name: row["recall"].value for name, row in table.rows.items()}
    if not (sum_of_recalls := sum(predicted.values())):
        return None
    pairs, expected = [], 0.0
    for name, row in table.rows.items():
        share, guessed = counts.counts[name] / total, float(predicted[name] / sum_of_recalls)
        expected += share * guessed
        if guessed:
            band = _SIGMAS * math.sqrt(share * (1 - share) / (total * guessed))
            if not float(row["precision"].low) - band <= share <= float(row["precision"].high) + band:
                return None
        pairs.append(f"{name} {row['precision'].claim.written}/{share:.3f}")
    if expected > 1 - 1e-9:  # all images have one class: predicting it is always correct
        return None
    band = _SIGMAS * math.sqrt(expected * (1 - expected) / total)
    if not float(accuracy.low) - band <= expected <= float(accuracy.high) + band:
        return None
    if (float(accuracy.high) + band - expected) / (1 - expected) >= 0.1:
        return None  # with so few images, or such coarse digits, a useful network would pass as well
    kappa = (float(accuracy.value) - expected) / (1 - expected)
    return (
        f"precision beside the share of the labels: {', '.join(pairs)}",
        f"accuracy {accuracy.claim.written} beside the sum of label share x prediction share = {expected:.4f} "
        f"(prediction shares: the recalls, made to add up to 1); kappa {kappa:.3f}",
    )


def check_losses(paper: Paper) -> Iterator[Finding]:
    """Check losses: a wrong prediction has a probability of at most 1/2 for the true class, so a loss of >= ln 2."""
    for loss in paper.take("loss"):
        for accuracy in paper.take("accuracy", loss.claim, epoch=loss.claim.epoch, class_name=None, over=None):
            if accuracy.claim.source != loss.claim.source:
                continue
            paper.mark(loss, accuracy)
            least = float(1 - accuracy.high) * math.log(2)
            if float(loss.high) < least:
                yield Finding(
                    "loss", about(loss.claim), (cite(loss), cite(accuracy)), f"mean cross-entropy >= {least:.4f} nats",
                    (f"(1 - {show(accuracy.high)}) x ln 2 = {least:.4f}: a wrong answer leaves at most 1/2 on the "
                     "right class; a sum over batches divided by images, a weighted loss or another than "
                     "cross-entropy can be smaller",),
                )  # fmt: skip
