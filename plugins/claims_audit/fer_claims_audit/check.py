"""All checks on one claims file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
from fer_claims_audit.statuses import Status, statuses, unknown_counts
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


@dataclass(frozen=True)
class Audit:
    """All that the checks say about a file."""

    findings: list[Finding]  # in the order of ``KINDS``
    remarks: list[Remark]
    unchecked: list[Unchecked]
    statuses: list[Status]  # one a claim
    unknown_counts: list[str]  # splits whose images are not known


def check_claims(claims: Claims) -> tuple[list[Finding], list[Remark], list[Unchecked]]:
    """Check the arithmetic of a paper's printed numbers.

    Args:
        claims: as ``read_claims`` returns them.

    Returns:
        Contradictions in the order of ``KINDS``, remarks, and what could not be checked.
    """
    outcome = audit(claims)
    return outcome.findings, outcome.remarks, outcome.unchecked


def audit(claims: Claims) -> Audit:
    """Check the arithmetic of a paper's printed numbers, and say how each of them ended.

    What is a contradiction only if every digit was rounded, and none if last digits were cut off, is a remark.
    """
    paper = Paper(claims)
    outcomes = _run(paper)
    findings = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
    remarks = [outcome for outcome in outcomes if isinstance(outcome, Remark)]
    places = paper.places
    if findings:
        lenient = Paper(claims, may_be_cut=True)
        places = {**places, **lenient.places}
        certain = {_key(outcome): outcome for outcome in _run(lenient) if isinstance(outcome, Finding)}
        cut = [finding for finding in findings if _key(finding) not in certain]
        findings = [finding for finding in findings if _key(finding) in certain]
        strict = set(map(_key, findings))
        findings += [finding for key, finding in certain.items() if key not in strict]
        remarks += [
            Remark(finding.about, f"{'; '.join(finding.printed)}: possible only if last digits were cut off, not "
                   f"rounded; rounded, {finding.bound}")
            for finding in cut
        ]  # fmt: skip
    order = list(KINDS)
    findings.sort(key=lambda finding: order.index(finding.kind))
    unchecked = [outcome for outcome in outcomes if isinstance(outcome, Unchecked)]
    return Audit(findings, remarks, unchecked, statuses(paper, findings, places), unknown_counts(paper))


def _run(paper: Paper) -> list[Outcome]:
    return list(dict.fromkeys(outcome for check in _CHECKS for outcome in check(paper)))


def _key(finding: Finding) -> tuple[str, str, tuple[str, ...]]:
    """Name what a finding is about; a table is searched until its rows are found impossible in one way."""
    return finding.kind, finding.about, () if finding.kind == "rows" else finding.printed
