"""``fer claims PLUGIN | FILE.yaml``: contradictions between a paper's printed numbers, each with its certificate."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from fer_claims_audit.findings import CHECKED, CONTRADICTED, KINDS, NOT_CHECKED, Unchecked
from fer_plugins.analysis.claims import Claims, find_claims, read_claims
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from fer_claims_audit.check import Audit

_CLAIM = ("model", "dataset", "split", "metric", "source")
_WIDTH = 100
_USAGE = "fer claims PLUGIN | FILE.yaml [--json | --markdown]"


def claims(argv: list[str]) -> int:
    """Print what contradicts what in the claims of a plug-in's paper, or of a claims file.

    Returns:
        0, whether or not there are contradictions: they are the result.

    Raises:
        InputError: wrong words, unknown plug-in, no such file, or the file is wrong.
    """
    names = [word for word in argv if not word.startswith("-")]
    unknown = [word for word in argv if word.startswith("-") and word not in ("--json", "--markdown")]
    if unknown or len(names) != 1:
        wrong = f"unknown word {unknown[0]!r}" if unknown else f"expected one plug-in or file, got {len(names)}"
        raise InputError(f"fer claims: {wrong}: {_USAGE}")
    read = read_claims(find_claims(names[0]))
    from fer_claims_audit.check import audit

    outcome = audit(read)
    if "--json" in argv:
        print(json.dumps(_as_json(read, outcome), indent=2))
    elif "--markdown" in argv:
        print(_as_markdown(read, outcome))
    else:
        _print(read, outcome)
    return 0


def _as_json(read: Claims, audit: Audit) -> dict[str, object]:
    return {
        "paper": read.paper,
        "file": str(read.path),
        "numbers": len(read.claims),
        "statuses": _count(audit),
        "contradictions": [vars(finding) for finding in audit.findings],
        "by_kind": dict(Counter(finding.kind for finding in audit.findings)),
        "remarks": [vars(remark) for remark in audit.remarks],
        "not_checked": [vars(gap) for gap in audit.unchecked],
        "claims": [
            {
                **{key: getattr(item.claim, key) for key in _CLAIM}, "class": item.claim.class_name,
                "value": item.claim.written or item.claim.value, "status": item.status, "reason": item.reason or None,
            }
            for item in audit.statuses
        ],
    }  # fmt: skip


def _count(audit: Audit) -> dict[str, int]:
    counts = Counter(item.status for item in audit.statuses)
    return {status: counts[status] for status in (CHECKED, CONTRADICTED, NOT_CHECKED)}


def _summary(audit: Audit) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in _count(audit).items())
    return f"{len(audit.statuses)} number{'' if len(audit.statuses) == 1 else 's'}: {counts}"


def _print(read: Claims, audit: Audit) -> None:
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
        print("\nremarks, which are no contradictions")
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


def _as_markdown(read: Claims, audit: Audit) -> str:
    """Write the result as a section of a review."""
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
        ("Remarks, which are no contradictions", [f"{remark.about}: {remark.text}" for remark in audit.remarks]),
        ("Not checked", [*_by_missing(audit.unchecked), *_by_reason(audit)]),
    ):
        if texts:
            lines += [f"**{title}**", "", *(f"- {text}" for text in texts), ""]
    return "\n".join(lines).rstrip()


def _by_reason(audit: Audit) -> list[str]:
    """Put the claims that were not checked for one reason into one line."""
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
    """Put what lacks the same thing into one line."""
    lines: dict[str, list[str]] = {}
    for gap in unchecked:
        lines.setdefault(gap.missing, []).append(gap.about)
    return [f"{missing} ({'; '.join(dict.fromkeys(places))})" for missing, places in lines.items()]


def _wrapped(key: str, text: str, width: int = 8) -> None:
    indent = 5
    first = " " * indent + f"{key:<{width}} "
    print(textwrap.fill(text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False))
