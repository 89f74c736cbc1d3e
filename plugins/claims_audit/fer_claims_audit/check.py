"""All checks on one claims file, and the status of each claim: checked, contradicted, or not checked."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from fer_claims_audit.anova import check_anova
from fer_claims_audit.chance import check_chance, check_losses
from fer_claims_audit.class_counts import sizes
from fer_claims_audit.class_rows import check_rows
from fer_claims_audit.confusion import check_matrices
from fer_claims_audit.findings import CHECKED, CONTRADICTED, KINDS, NOT_CHECKED, Finding, Outcome, Remark, Unchecked
from fer_claims_audit.formulae import check_formulae
from fer_claims_audit.granularity import check_granularity
from fer_claims_audit.mean_rates import check_means
from fer_claims_audit.paper_numbers import Paper
from fer_claims_audit.places import check_places
from fer_claims_audit.repeated import check_repeated
from fer_claims_audit.runs import check_runs
from fer_claims_audit.signed_ranks import check_signed_ranks
from fer_claims_audit.totals import check_totals
from fer_plugins.analysis.claims import (
    NO_SPLIT,
    Claim,
    Claims,
    agree,
    dataset_key,
    known_datasets,
    release_lacks,
    released_counts,
    suggest,
)

_RATES = ("precision", "recall", "f1", "specificity")
_METRICS = {
    "accuracy", *_RATES, *(f"{mean}_{rate}" for mean in ("macro", "weighted", "micro") for rate in _RATES),
    *("sensitivity", "gar", "far", "kappa", "loss", "confusion_matrix", "n_images", "n_images_augmented", "n_correct"),
    *("n_predicted", "params", "epochs", "epoch_time_s", "train_time_s", "accuracy_mean", "accuracy_sd", "n_runs"),
    *("ci95_halfwidth", "classes"),
}  # fmt: skip
_STARTS = ("anova_", "wilcoxon_")


@dataclass(frozen=True)
class Status:
    """The status of one claim."""

    claim: Claim  # as in the file
    status: str  # CHECKED, CONTRADICTED or NOT_CHECKED
    reason: str = ""  # reason for not checking it


def statuses(paper: Paper, findings: Sequence[Finding], places: dict[int, int]) -> list[Status]:
    """Return the status of each claim of a file, in file order."""
    broken = {places[id(claim)] for finding in findings for number in finding.printed for claim in number.claims}
    outcomes = []
    for place, (claim, named) in enumerate(zip(paper.claims.claims, paper.named, strict=True)):
        if place in broken:
            outcomes.append(Status(claim, CONTRADICTED))
        elif place in paper.compared:
            outcomes.append(Status(claim, CHECKED))
        else:
            outcomes.append(Status(claim, NOT_CHECKED, _reason(paper, named)))
    return outcomes


def unknown_counts(paper: Paper) -> list[str]:
    """Return the splits with rates whose number of images is unknown."""
    rates = [claim for claim in paper.named if claim.metric.split("_")[-1] in {*_RATES, "accuracy"} and claim.dataset]
    splits = {(claim.dataset, claim.split): claim for claim in rates}
    missing = [claim for claim in splits.values() if claim.split != "not_stated" and not sizes(paper, claim)]
    return [f"{claim.dataset}, split {claim.split.replace('_', ' ')}{_meant(claim)}" for claim in missing]


def _reason(paper: Paper, claim: Claim) -> str:
    if claim.metric not in _METRICS and not claim.metric.startswith(_STARTS) and not claim.metric.endswith("_gain"):
        return f"no check reads the metric {claim.metric!r}{suggest(claim.metric, _METRICS)}"
    if claim.source.startswith("derived"):
        return "derived, not printed: serves as a count"
    if claim.averaged:
        return f"a mean over {claim.averaged}, which nothing printed beside it bounds"
    if claim.metric.endswith("_gain"):
        return "the two rates of this gain are not printed"
    classes = released_counts(claim.dataset).get("all", {})
    if claim.class_name and classes and claim.class_name != "total":
        own = {paper.class_name(claim.dataset, name) for name in classes}
        if claim.class_name not in own:
            return f"{claim.dataset} has no class {claim.class_name!r}{suggest(claim.class_name, own)}"
    if claim.split == "not_stated":
        return "its split is not stated, and nothing printed beside it bounds it"
    if claim.metric.split("_")[-1] in {*_RATES, "accuracy"} and not sizes(paper, claim):
        return f"the images of {claim.dataset}, split {claim.split.replace('_', ' ')}, are not known{_meant(claim)}"
    return "nothing is printed beside it that it could contradict"


def _meant(claim: Claim) -> str:
    """Return the nearest known dataset if the name is unknown, or why nothing is known about a known one."""
    titles = known_datasets()
    if dataset_key(claim.dataset) not in titles:
        return suggest(claim.dataset or "", titles.values())
    if claim.split_means == NO_SPLIT and released_counts(claim.dataset):
        return "; which split it is was not said: give --split"
    missing = release_lacks(claim.dataset)
    return f": {missing}" if missing else ""


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
    check_places,
)


@dataclass(frozen=True)
class Audit:
    """All results of the checks on a file."""

    findings: list[Finding]  # in the order of ``KINDS``
    remarks: list[Remark]
    unchecked: list[Unchecked]
    statuses: list[Status]  # one per claim
    unknown_counts: list[str]  # splits with an unknown number of images


def check_claims(claims: Claims) -> tuple[list[Finding], list[Remark], list[Unchecked]]:
    """Check the arithmetic of a paper's printed numbers.

    Returns:
        Contradictions in the order of ``KINDS``, remarks, and what could not be checked.
    """
    outcome = audit(claims)
    return outcome.findings, outcome.remarks, outcome.unchecked


def audit(claims: Claims) -> Audit:
    """Check the arithmetic of a paper's printed numbers, and return the status of each.

    A contradiction that disappears if last digits were truncated instead of rounded is only a remark. So is one between
    numbers of several places, unless the file says that they refer to the same test.
    """
    if not claims.blocks:
        return _audit_one(claims)
    whole = replace(claims, blocks=())
    parts = [
        _audit_one(replace(whole, claims=tuple(claims.claims[place] for place in block))) for block in claims.blocks
    ]
    findings = [finding for part in parts for finding in part.findings]
    remarks = [remark for part in parts for remark in part.remarks]
    if agree(claims.claims):
        together = _audit_one(whole)
        own = set(map(_key, findings))
        remarks += [
            Remark(finding.about, f"{'; '.join(finding.printed)}: if these are of one test, {finding.bound}")
            for finding in together.findings
            if _key(finding) not in own
        ]
    else:
        places = ", ".join(dict.fromkeys(claims.claims[block[0]].source for block in claims.blocks))
        remarks.append(Remark("the file", f"one score has several values in it, so each place was checked by itself: "
                              f"{textwrap.shorten(places, 200, placeholder=' ...')}"))  # fmt: skip
    ended = {
        place: status
        for block, part in zip(claims.blocks, parts, strict=True)
        for place, status in zip(block, part.statuses, strict=True)
    }
    return Audit(
        sorted(findings, key=lambda finding: list(KINDS).index(finding.kind)), list(dict.fromkeys(remarks)),
        list(dict.fromkeys(gap for part in parts for gap in part.unchecked)),
        [ended[place] for place in range(len(claims.claims))],
        list(dict.fromkeys(split for part in parts for split in part.unknown_counts)),
    )  # fmt: skip


def _audit_one(claims: Claims) -> Audit:
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
    """Return what a finding is about; a table is searched only until its rows are found to be impossible."""
    return finding.kind, finding.about, () if finding.kind == "rows" else finding.printed
