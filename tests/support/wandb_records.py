"""The records of offline runs of W&B, as W&B's own program reads them."""

import functools
import json
import subprocess
import sys


@functools.cache
def records_of(folder):
    """Return the records of the newest offline run in ``folder/wandb``."""
    file = max(folder.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_of(folder):
    """Return the record with which the newest offline run begins: its name, group, config."""
    return next(record["run"] for record in records_of(folder) if record["type"] == "run")


def summary_of(folder):
    """Return the summary of the newest offline run, as it is at the end."""
    merged = {}
    for record in records_of(folder):
        merged |= record["summary"].get("update", {}) if record["type"] == "summary" else {}
    return merged
