"""All checks on one claims file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fer_plugins.analysis.claims import Claims
from fer_plugins.analysis.claims.printed import Paper
from fer_plugins.consistency.anova import check_anova
from fer_plugins.consistency.chance import check_chance, check_losses
from fer_plugins.consistency.class_rows import check_rows
from fer_plugins.consistency.confusion import check_matrices
from fer_plugins.consistency.findings import KINDS, Finding, Outcome, Remark, Unchecked
from fer_plugins.consistency.formulae import check_formulae
from fer_plugins.consistency.granularity import check_granularity
from fer_plugins.consistency.mean_rates import check_means
from fer_plugins.consistency.repeated import check_repeated
from fer_plugins.consistency.runs import check_runs
from fer_plugins.consistency.signed_ranks import check_signed_ranks
from fer_plugins.consistency.totals import check_totals

_CHECKS: tuple[Callable[[Paper], Iterator[Outcome]], ...] = (
    check_means,
    check_formulae,
    check_rows,
    check_matrices,
    check_granularity,
    check_chance,
    check_losses,
    check_anova,
    check_signed_ranks,
    check_runs,
    check_totals,
    check_repeated,
)


def check_claims(claims: Claims) -> tuple[list[Finding], list[Remark], list[Unchecked]]:
    """Check the arithmetic of a paper's printed numbers.

    Args:
        claims: as ``evaluate.claims.read_claims`` returns them.

    Returns:
        Contradictions in the order of ``KINDS``, remarks, and what could not be checked.
    """
    paper = Paper(claims)
    outcomes = list(dict.fromkeys(outcome for check in _CHECKS for outcome in check(paper)))
    order = list(KINDS)
    findings = sorted((one for one in outcomes if isinstance(one, Finding)), key=lambda one: order.index(one.kind))
    remarks = [one for one in outcomes if isinstance(one, Remark)]
    return findings, remarks, [one for one in outcomes if isinstance(one, Unchecked)]
