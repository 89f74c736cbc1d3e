"""Reads evaluation.json, the measurements of ``fer robustness``, and checks that it matches the run's checkpoint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from fer_plugins.config.installed_commands import fer_command
from fer_plugins.runs.record import Record
from fer_plugins.runs.record_types import find_fault
from fer_plugins.runs.schema import Evaluation
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word

FILE = "evaluation.json"
_READ = ("part", "n", "of", "suites", "data", "seeds", "checkpoint")  # keys that readers rely on


def read_evaluation(record: Record) -> Evaluation:
    """Read evaluation.json in a run's folder.

    Raises:
        InputError: the file does not exist, is damaged, or belongs to another checkpoint than the run's.
    """
    path = record.folder / FILE
    try:
        content: Evaluation = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or any(content.get(key) is None for key in _READ):
            raise ValueError
        if find_fault(content, Evaluation) is not None:
            raise ValueError
    except FileNotFoundError:
        command = fer_command(f"robustness {shell_word(record.folder)} --suite shift")
        raise InputError(f"{record.folder}: has no {FILE}; measure it with {command}") from None
    except (OSError, ValueError, RecursionError):
        command = fer_command("robustness")
        raise InputError(f"{path}: damaged, or not written by {command}; remove it and measure again") from None
    checkpoint = record.checkpoints / "best.ckpt"
    # only if the checkpoint exists: records may be passed on without checkpoints
    if checkpoint.is_file() and content["checkpoint"].get("sha256") != hash_file(checkpoint):
        raise InputError(f"{path}: is of another checkpoint than {checkpoint}; remove it and measure again")
    return content


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
