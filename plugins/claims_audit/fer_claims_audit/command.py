"""``fer claims PLUGIN | FILE.yaml``: contradictions between a paper's printed numbers, each with its certificate."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from dataclasses import asdict

from fer_claims_audit.findings import KINDS, Finding, Remark, Unchecked
from fer_plugins.analysis.claims import Claims, find_claims, read_claims
from fer_plugins.runtime.errors import InputError

_WIDTH = 100
_USAGE = "fer claims PLUGIN | FILE.yaml [--json]"


def claims(argv: list[str]) -> int:
    """Print what contradicts what in the claims of a plug-in's paper, or of a claims file.

    Returns:
        0, whether or not there are contradictions: they are the result.

    Raises:
        InputError: wrong words, unknown plug-in, no such file, or the file is wrong.
    """
    names = [word for word in argv if not word.startswith("-")]
    unknown = [word for word in argv if word.startswith("-") and word != "--json"]
    if unknown or len(names) != 1:
        wrong = f"unknown word {unknown[0]!r}" if unknown else f"expected one plug-in or file, got {len(names)}"
        raise InputError(f"fer claims: {wrong}: {_USAGE}")
    read = read_claims(find_claims(names[0]))
    from fer_claims_audit.check import check_claims

    findings, remarks, unchecked = check_claims(read)
    if "--json" in argv:
        print(json.dumps(_as_json(read, findings, remarks, unchecked), indent=2))
    else:
        _print(read, findings, remarks, unchecked)
    return 0


def _as_json(
    read: Claims, findings: list[Finding], remarks: list[Remark], unchecked: list[Unchecked]
) -> dict[str, object]:  # fmt: skip
    return {
        "paper": read.paper,
        "file": str(read.path),
        "numbers": len(read.claims),
        "contradictions": [asdict(finding) for finding in findings],
        "by_kind": dict(Counter(finding.kind for finding in findings)),
        "remarks": [asdict(remark) for remark in remarks],
        "not_checked": [asdict(gap) for gap in unchecked],
    }


def _print(read: Claims, findings: list[Finding], remarks: list[Remark], unchecked: list[Unchecked]) -> None:
    print(f"{read.paper['title']}\n{len(read.claims)} numbers, {read.path.name}")
    kind = None
    for place, finding in enumerate(findings, 1):
        if finding.kind != kind:
            kind = finding.kind
            print(f"\n{kind}: {KINDS[kind]}")
        print(f"\n{place:>3}  {finding.about}")
        _wrapped("printed", "; ".join(finding.printed))
        _wrapped("broken", finding.bound)
        for line in finding.certificate:
            _wrapped("because" if line == finding.certificate[0] else "", line)
    if remarks:
        print("\nremarks, which are no contradictions")
        for remark in remarks:
            _wrapped("-", f"{remark.about}: {remark.text}", 2)
    if unchecked:
        print("\nnot checked")
        for missing in _by_missing(unchecked):
            _wrapped("-", missing, 2)
    counts = Counter(finding.kind for finding in findings)
    print(f"\n{len(findings)} contradiction{'' if len(findings) == 1 else 's'}")
    for name, count in counts.items():
        print(f"{count:>5}  {name}")


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
