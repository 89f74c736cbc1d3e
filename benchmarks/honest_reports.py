"""Counts the false accusations of ``fer claims`` on random honest reports."""

import argparse
import time
from collections import Counter

import numpy as np
from fer_claims_audit.check import audit
from random_reports import random_report  # in this folder


def main(reports: int, first: int = 0) -> None:
    """Check ``reports`` reports, one per seed, and print every accusation with its seed."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=int, nargs="?", default=5000, help="how many; one a seed")
    parser.add_argument("first", type=int, nargs="?", default=0, help="the first seed")
    main(**vars(parser.parse_args()))
