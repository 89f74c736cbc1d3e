"""What a call costs before it does anything: help, lists and the configuration come at once."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 0.2  # seconds of CPU above a bare interpreter
CALLS = (
    ("fer", "--help"),
    ("fer-run", "--help"),
    ("fer-run", "--list"),
    ("fer-run", "--plugin", "lenet5", "--print-config"),
)


def least_cpu_seconds(argv: list[str]) -> float:
    """Return the user and system time of the cheapest of five calls."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_starts_at_once(call):
    bare = least_cpu_seconds([sys.executable, "-c", "pass"])
    command = Path(sys.executable).with_name(call[0])
    above = least_cpu_seconds([sys.executable, str(command), *call[1:]]) - bare
    assert above <= max(LIMIT, 20 * bare)  # a slow or busy machine starts a bare interpreter slowly too
