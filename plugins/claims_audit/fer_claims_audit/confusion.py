"""A printed confusion matrix against the rates and counts printed beside it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from fer_claims_audit.findings import Finding, Outcome, Remark, Unchecked, show
from fer_claims_audit.paper_numbers import Paper, about, cite, group
from fer_claims_audit.row_sums import check_row_sums, check_shares
from fer_plugins.analysis.claims import Claim

_Exact = tuple[Fraction, str]  # a rate, and how it comes about


def rates(matrix: list[list[int]], classes: tuple[str, ...]) -> dict[tuple[str, str | None], _Exact]:
    """Return every rate of a confusion matrix exactly, (metric, class or None) -> (value, arithmetic).

    0/0 is 0, as in scikit-learn. Macro means run over all classes of the matrix.

    Args:
        matrix: (K, K) counts, rows true classes, columns predicted ones.
        classes: the K names.
    """
    exact: dict[tuple[str, str | None], _Exact] = {}
    support = [sum(row) for row in matrix]
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    total, diagonal = sum(support), [matrix[k][k] for k in range(len(matrix))]
    for k, name in enumerate(classes):
        false = predicted[k] - diagonal[k]
        for metric, above, below in (
            ("recall", diagonal[k], support[k]),
            ("precision", diagonal[k], predicted[k]),
            ("f1", 2 * diagonal[k], support[k] + predicted[k]),
            ("specificity", total - support[k] - false, total - support[k]),
        ):
            exact[metric, name] = (_share(above, below), f"{above}/{below}")
        exact["n_images", name] = (Fraction(support[k]), "row sum")
        exact["n_correct", name] = (Fraction(diagonal[k]), "diagonal")
        exact["n_predicted", name] = (Fraction(predicted[k]), "column sum")
    for metric in ("recall", "precision", "f1", "specificity"):
        rates = [exact[metric, name][0] for name in classes]
        exact[f"macro_{metric}", None] = (sum(rates, Fraction(0)) / len(rates), f"mean of {len(rates)} classes")
        by_share = sum((rate * size for rate, size in zip(rates, support, strict=True)), Fraction(0))
        exact[f"weighted_{metric}", None] = (_share(by_share, total), "mean weighted by row sums")
    accuracy = _share(sum(diagonal), total)
    chance = _share(sum(a * b for a, b in zip(support, predicted, strict=True)), total**2)
    exact["accuracy", None] = (accuracy, f"{sum(diagonal)}/{total}")
    exact["balanced_accuracy", None] = exact["macro_recall", None]
    for metric in ("recall", "precision", "f1"):
        exact[f"micro_{metric}", None] = exact["accuracy", None]
    exact["n_images", None] = (Fraction(total), "sum")
    exact["n_correct", None] = (Fraction(sum(diagonal)), "sum of the diagonal")
    if chance != 1:
        exact["kappa", None] = ((accuracy - chance) / (1 - chance), f"({show(accuracy)} - {show(chance)}) / (1 - it)")
    return exact


def check_matrices(paper: Paper) -> Iterator[Outcome]:
    """Check every number printed of the model, dataset and split of a confusion matrix against it."""
    for claim, shares in paper.share_matrices:
        yield from check_shares(paper, claim, shares)
    for claim in paper.matrices:
        matrix = claim.value
        if isinstance(matrix, float):
            continue
        classes = claim.classes or tuple(map(str, range(len(matrix))))
        if len(classes) != len(matrix):
            yield Unchecked(about(claim), f"the confusion matrix: {len(matrix)} rows, {len(classes)} class names")
        elif len(set(classes)) < len(classes):
            yield Unchecked(about(claim), "the confusion matrix: a class name stands twice in its classes")
        elif not any(map(any, matrix)):
            yield Unchecked(about(claim), "the confusion matrix: it holds no image")
        else:
            counts = [[int(count) for count in row] for row in matrix]
            exact = rates(counts, classes)
            outcomes = list(_check(paper, claim, exact, _means_of_present(counts, classes, exact)))
            if any(isinstance(outcome, Finding) for outcome in outcomes):
                turned = [list(column) for column in zip(*counts, strict=True)]
                exact = rates(turned, classes)
                other = list(_check(paper, claim, exact, _means_of_present(turned, classes, exact)))
                if not any(isinstance(outcome, Finding) for outcome in other):
                    where = f"{about(claim)}, {claim.source}"
                    outcomes = [Remark(where, "the numbers beside it are those of this matrix if its columns, not its "
                                       "rows, are the true classes")]  # fmt: skip
            yield from outcomes
            yield from check_row_sums(paper, claim, counts)


def _means_of_present(
    matrix: list[list[int]], classes: tuple[str, ...], exact: dict[tuple[str, str | None], _Exact]
) -> dict[tuple[str, str | None], tuple[Fraction, ...]]:
    """Return the macro means over fewer classes: those with images, those with images or predictions."""
    support, predicted = [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)]
    chosen = [support, predicted, [a + b for a, b in zip(support, predicted, strict=True)]]
    chosen.append([a * b for a, b in zip(support, predicted, strict=True)])
    means: dict[tuple[str, str | None], tuple[Fraction, ...]] = {}
    for metric in ("recall", "precision", "f1", "specificity"):
        rates_of_present = [
            [exact[metric, name][0] for name, some in zip(classes, part, strict=True) if some] for part in chosen
        ]
        means[f"macro_{metric}", None] = tuple(
            sum(rates, Fraction(0)) / len(rates) for rates in rates_of_present if rates
        )
    return means


def _check(
    paper: Paper, claim: Claim, exact: dict[tuple[str, str | None], _Exact],
    means_of_present: dict[tuple[str, str | None], tuple[Fraction, ...]],
) -> Iterator[Outcome]:  # fmt: skip
    of_some = _sources_of_some_classes(paper, len(claim.cells))
    for number in paper.printed:
        printed = number.claim
        same = (printed.model, printed.dataset, printed.split) == (claim.model, claim.dataset, claim.split)
        general = printed.model is None and (printed.dataset, printed.split) == (claim.dataset, claim.split)
        if (
            printed.epoch is not None
            or printed.over
            or number.is_averaged  # a mean over folds is not the rate of their images together
            or not (same or general)
            or (printed.metric.startswith(("macro_", "weighted_", "micro_")) and printed.source in of_some)
            or (printed.metric, printed.class_name) not in exact
        ):
            continue
        value, how = exact[printed.metric, printed.class_name]
        paper.mark(number, claim)
        if any(
            number.meets(rate, rate)
            for rate in (value, *means_of_present.get((printed.metric, printed.class_name), ()))
        ):
            continue
        where = f"{about(claim)}, {claim.source}"
        if number.cut[0] <= value < number.cut[1]:
            yield Remark(where, f"{number}: cut off, not rounded ({how} = {show(value, 6)})")
        else:
            yield Finding(
                "confusion matrix", where, (cite(number),), f"{printed.metric} = {show(value, 6)}", (f"{how}",)
            )  # fmt: skip


def _sources_of_some_classes(paper: Paper, classes: int) -> set[str]:
    """Return the reports of some classes alone: with micro means, no accuracy and fewer rows than the matrix has.

    scikit-learn prints so where it is given ``labels``. Its means are of those classes.
    """
    sources = set()
    for report in group(paper.printed, lambda c: c.source):
        metrics = {number.claim.metric for number in report}
        rows = {number.claim.class_name for number in report if number.claim.class_name}
        if "accuracy" not in metrics and any(metric.startswith("micro_") for metric in metrics) and rows:
            sources |= {report[0].claim.source} if len(rows) < classes else set()
    return sources


def _share(above: Fraction | int, below: int) -> Fraction:
    return Fraction(above, below) if below else Fraction(0)
