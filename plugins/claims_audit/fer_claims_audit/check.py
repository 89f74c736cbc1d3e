"""All checks on one claims file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fer_claims_audit.anova import check_anova
from fer_claims_audit.chance import check_chance, check_losses
from fer_claims_audit.class_rows import check_rows
from fer_claims_audit.confusion import check_matrices
from fer_claims_audit.findings import KINDS, Finding, Outcome, Remark, Unchecked
from fer_claims_audit.formulae import check_formulae
from fer_claims_audit.granularity import check_granularity
from fer_claims_audit.mean_rates import check_means
from fer_claims_audit.paper_numbers import Paper
from fer_claims_audit.repeated import check_repeated
from fer_claims_audit.runs import check_runs
from fer_claims_audit.signed_ranks import check_signed_ranks
from fer_claims_audit.totals import check_totals
from fer_plugins.analysis.claims import Claims

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
        claims: as ``read_claims`` returns them.

    Returns:
        Contradictions in the order of ``KINDS``, remarks, and what could not be checked.
    """
    paper = Paper(claims)
    outcomes = list(dict.fromkeys(outcome for check in _CHECKS for outcome in check(paper)))
    order = list(KINDS)
    findings = sorted(
        (outcome for outcome in outcomes if isinstance(outcome, Finding)), key=lambda outcome: order.index(outcome.kind)
    )
    remarks = [outcome for outcome in outcomes if isinstance(outcome, Remark)]
    return findings, remarks, [outcome for outcome in outcomes if isinstance(outcome, Unchecked)]
