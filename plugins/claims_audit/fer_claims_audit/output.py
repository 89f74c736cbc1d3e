"""Output of an audit for a terminal, and as Markdown for a review."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from fer_claims_audit.findings import CHECKED, CONTRADICTED, KINDS, NOT_CHECKED, Unchecked
from fer_plugins.analysis.claims import Claims

if TYPE_CHECKING:
    from fer_claims_audit.check import Audit

_WIDTH = 100


def count_statuses(audit: Audit) -> dict[str, int]:
    """Return the number of claims that were checked, contradicted and not checked."""
    counts = Counter(item.status for item in audit.statuses)
    return {status: counts[status] for status in (CHECKED, CONTRADICTED, NOT_CHECKED)}


def _summary(audit: Audit) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in count_statuses(audit).items())
    return f"{len(audit.statuses)} number{'' if len(audit.statuses) == 1 else 's'}: {counts}"


def print_audit(read: Claims, audit: Audit) -> None:
    """Print the result on a terminal."""
    print(f"{read.paper['title']}\n{_summary(audit)} ({read.path.name})")
    if audit.unknown_counts:
        print()
        _wrapped("counts", f"the images of these splits are not known: {'; '.join(audit.unknown_counts)}")
    kind = None
    for place, finding in enumerate(audit.findings, 1):
        if finding.kind != kind:
            kind = finding.kind
            print(f"\n{kind}: {KINDS[kind]}")
        print(f"\n{place:>3}  {finding.about}")
        _wrapped("printed", "; ".join(finding.printed))
        _wrapped("broken", finding.bound)
        for line in finding.certificate:
            _wrapped("because" if line == finding.certificate[0] else "", line)
    if audit.remarks:
        print("\nremarks, which are not contradictions")
        for remark in audit.remarks:
            _wrapped("-", f"{remark.about}: {remark.text}", 2)
    gaps = [*_by_missing(audit.unchecked), *_by_reason(audit)]
    if gaps:
        print("\nnot checked")
        for missing in gaps:
            _wrapped("-", missing, 2)
    counts = Counter(finding.kind for finding in audit.findings)
    print(f"\n{len(audit.findings)} contradiction{'' if len(audit.findings) == 1 else 's'}")
    for name, count in counts.items():
        print(f"{count:>5}  {name}")


def as_markdown(read: Claims, audit: Audit) -> str:
    """Return the result as a section of a review."""
    lines = [f"### Arithmetic of the printed numbers: {read.paper['title']}", "", f"{_summary(audit)}.", ""]
    if audit.findings:
        lines += ["| | where | printed | broken |", "|---|---|---|---|"]
        for place, finding in enumerate(audit.findings, 1):
            row = (str(place), finding.about, "; ".join(finding.printed), finding.bound)
            lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |")
        lines.append("")
        for place, finding in enumerate(audit.findings, 1):
            lines += [
                f"{place}. **{finding.kind}** ({KINDS[finding.kind]}).",
                *(f"   - {c}" for c in finding.certificate),
            ]
        lines.append("")
    for title, texts in (
        ("Remarks, which are not contradictions", [f"{remark.about}: {remark.text}" for remark in audit.remarks]),
        ("Not checked", [*_by_missing(audit.unchecked), *_by_reason(audit)]),
    ):
        if texts:
            lines += [f"**{title}**", "", *(f"- {text}" for text in texts), ""]
    return "\n".join(lines).rstrip()


def _by_reason(audit: Audit) -> list[str]:
    """Combine the claims that were not checked for the same reason into one line."""
    lines: dict[str, list[str]] = {}
    for item in audit.statuses:
        if item.status == NOT_CHECKED:
            of = f" of {item.claim.class_name}" if item.claim.class_name else ""
            written = item.claim.written or (
                "matrix" if isinstance(item.claim.value, list) else f"{item.claim.value:g}"
            )
            lines.setdefault(item.reason, []).append(f"{item.claim.metric}{of} {written}, {item.claim.source}")
    return [
        f"{len(places)} number{'' if len(places) == 1 else 's'}: {reason} ({'; '.join(places[:3])}"
        f"{'; ...' if len(places) > 3 else ''})"
        for reason, places in lines.items()
    ]


def _by_missing(unchecked: list[Unchecked]) -> list[str]:
    """Combine the claims that lack the same information into one line."""
    lines: dict[str, list[str]] = {}
    for gap in unchecked:
        lines.setdefault(gap.missing, []).append(gap.about)
    return [f"{missing} ({'; '.join(dict.fromkeys(places))})" for missing, places in lines.items()]


def _wrapped(key: str, text: str, width: int = 8) -> None:
    indent = 5
    first = " " * indent + f"{key:<{width}} "
    print(textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False))
