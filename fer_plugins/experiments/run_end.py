"""Records in the manifest how a run ended, and determines the exception to raise."""

from __future__ import annotations

import os
import subprocess
import sys

from fer_plugins.runs.record import Record
from fer_plugins.runtime import process
from fer_plugins.runtime.errors import InputError, Interrupted, RunError
from fer_plugins.runtime.plain_values import shell_word


def note_end(record: Record, error: BaseException) -> BaseException:
    """Record in the manifest why a run ended early, and return the exception to raise.

    A run whose result was already written stays finished: only drawing and printing were left.
    """
    finished = record.manifest.get("status") == "finished"
    if _is_interruption(error):
        if finished:
            return Interrupted(
                f"interrupted after the run was finished; draw it with: fer figures {shell_word(record.folder)}"
            )
        record.manifest["status"] = "interrupted"
        return Interrupted(f"{_requeue()}; continue with: fer-run --resume {shell_word(record.folder)}")
    raised = error
    if isinstance(error, InputError):
        text = str(error)
    elif isinstance(error, RunError):
        text = str(error)
        raised = RunError(f"{error}. Folder: {record.folder}")
    elif isinstance(error, OSError):
        text = f"cannot continue: {error.strerror or error} {error.filename or ''}".strip()
        raised = RunError(text)
    else:
        text = f"{type(error).__name__}: {error}"
    if not finished:
        record.manifest["status"], record.manifest["error"] = "failed", text
    return raised


def _requeue() -> str:
    """Requeue the SLURM job if its time is nearly over; return a description of how the run ended."""
    if not process.is_out_of_time():
        return "interrupted"
    job = os.environ["SLURM_JOB_ID"]
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        subprocess.run(["scontrol", "requeue", job], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        cause = " ".join((getattr(error, "stderr", None) or str(error)).split())
        return f"interrupted, the time of SLURM's job {job} is over, and scontrol does not start it again ({cause})"
    return f"interrupted, the time of SLURM's job {job} is over, and it waits to be started again"


def _is_interruption(error: BaseException | None) -> bool:
    """Return whether the user stopped the run; Lightning may raise another error while it cleans up."""
    if process.interruptions():  # a library may have replaced the exception by its own
        return True
    visited = set()
    while error is not None and id(error) not in visited:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return True
        visited.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def write_if_possible(record: Record) -> None:
    """Write the manifest; if the disk is full, only print this, since the original error is being raised."""
    try:
        record.write_manifest()
    except RunError as error:
        print(f"fer-run: {error}", file=sys.stderr)
