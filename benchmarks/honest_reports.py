"""Counts the false accusations of ``fer claims`` on random honest reports: python benchmarks/honest_reports.py [N]."""

import sys
import time
from collections import Counter

import numpy as np
from fer_claims_audit.check import audit
from random_reports import random_report  # beside this file


def main(reports: int, first: int = 0) -> None:
    """Check ``reports`` reports, one a seed, and print every accusation with its seed."""
    statuses, accused, start = Counter(), 0, time.perf_counter()
    for seed in range(first, first + reports):
        outcome = audit(random_report(np.random.default_rng(seed)))
        statuses.update(item.status for item in outcome.statuses)
        accused += bool(outcome.findings)
        for finding in outcome.findings:
            print(f"seed {seed}: {finding.kind}: {finding.about}: {'; '.join(finding.printed)}; {finding.bound}")
    seconds = time.perf_counter() - start
    counts = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
    print(f"{accused} of {reports:,} honest reports accused; numbers: {counts}; {seconds:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["5000"]))
