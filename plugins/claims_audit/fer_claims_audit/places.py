"""Similar names of places (``source``): the rows of one table must have the same name to be joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher

from fer_claims_audit.findings import Remark
from fer_claims_audit.paper_numbers import Paper

_NEAR = 0.8  # similarity in [0, 1]; "Tabel" and "Table"


def check_places(paper: Paper) -> Iterator[Remark]:
    """Report places that differ only in the spelling of one word."""
    counts = Counter(claim.source for claim in paper.named)
    sources = sorted(counts, key=lambda source: counts[source])
    for place, source in enumerate(sources):
        near = [name for name in sources[place + 1 :] if _is_near(source, name)]
        if near:
            rows = "number stands" if counts[source] == 1 else "numbers stand"
            yield Remark(
                "the file", f"{counts[source]} {rows} under source {source!r}; did you mean {near[-1]!r}? Rows of one "
                "table are held against each other under one name only",
            )  # fmt: skip


def _is_near(one: str, two: str) -> bool:
    words, others = one.lower().split(), two.lower().split()
    if len(words) != len(others):
        return False
    pairs = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    return len(pairs) == 1 and all(
        min(len(a), len(b)) > 3 and (a + b).isalpha() and SequenceMatcher(None, a, b).ratio() >= _NEAR for a, b in pairs
    )
