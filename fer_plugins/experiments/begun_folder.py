"""The folder of a search or a comparison of protocols: created, or continued where the same command stopped."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.experiments.cells import Cell
from fer_plugins.experiments.existing_runs import FAILED, FINISHED, ExistingRun, find_runs
from fer_plugins.experiments.folder_lock import hold_folder
from fer_plugins.experiments.identity import identify
from fer_plugins.runs.record import Record, check_output, write_atomically
from fer_plugins.runtime.errors import InputError

PLAN = "plan.json"


@contextmanager
def begun_folder(folder: Path, plan: Mapping[str, Any], kind: str) -> Iterator[None]:
    """Create a folder and record what is run in it, or check that the existing folder belongs to the same command.

    A folder that was created here is removed if the first run rejects its input.

    Args:
        folder: the folder given with ``--out``.
        plan: key -> value of everything that affects the results; must be serialisable as JSON.
        kind: what the folder is for, such as "search".

    Raises:
        InputError: the folder belongs to something else, is in use by another process, or cannot be created.
    """
    made = not folder.exists()
    plan = json.loads(json.dumps(plan, default=str))
    if made:
        check_output(folder, f"--out {folder}", "another folder")
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise InputError(f"--out {folder}: cannot be made: {error.strerror}") from None
    with hold_folder(folder):
        if made:
            write_atomically(folder / PLAN, json.dumps(plan, indent=2) + "\n")
        else:
            _check_plan(folder, plan, kind)
        try:
            yield
        except InputError:
            if made and not any(folder.glob("*/*/metrics.json")):
                shutil.rmtree(folder)
            raise


def _check_plan(folder: Path, plan: Mapping[str, Any], kind: str) -> None:
    try:
        before = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        if not isinstance(before, dict):
            raise ValueError("no plan")
    except (OSError, ValueError):
        raise InputError(f"--out {folder}: already exists, and no {kind} in it; give another folder") from None
    # A folder of an older version lacks newer keys; its runs were trained with their defaults.
    later = {key: value for key, value in config.leaves(config.defaults(), depth=2) if key in plan}
    before = {**later, **before}
    for key in {**before, **plan}:
        if before.get(key) != plan.get(key):
            raise InputError(
                f"--out {folder}: holds another {kind}: {key} was {_short(before.get(key))}, now it is "
                f"{_short(plan.get(key))}; give another folder, or what it was"
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class BegunRuns:
    """The runs that already exist in a folder, each assigned to one cell.

    Args:
        folder: contains the folders of the runs.
        locate: maps a run's configuration to one that does not depend on where the folder is; None: unchanged.
    """

    def __init__(self, folder: Path, locate: Callable[[config.RunConfig], config.RunConfig] | None = None) -> None:
        self._locate = locate or (lambda settings: settings)
        self._runs: dict[Any, deque[ExistingRun]] = defaultdict(deque)
        runs = find_runs(folder, lambda record: (self._key_of_run(record), record.folder.name)).runs
        for (key, _), run in runs.items():  # the oldest first
            if run.status != FAILED:  # failed runs are repeated
                self._runs[key].append(run)

    def _key_of_run(self, record: Record) -> Any:
        settings = config.read_config(record.config)
        return identify(self._locate(settings), record.manifest.get("plugin")), settings.run.fold

    def cell(self, name: str, resolved: config.Resolved) -> Cell:
        """Return a cell, with its run if it exists; the next cell with an equal configuration gets another run."""
        runs = self._runs[identify(self._locate(resolved.config)), resolved.config.run.fold]
        if not runs:
            return Cell(name, resolved)
        run = runs.popleft()
        return Cell(name, resolved, begun=run.record, finished=run.status == FINISHED)


def check_begun_with(first: Record, record: Record, folder: Path) -> None:
    """Check that two runs that belong together use the same data.

    Raises:
        InputError: the data differ.
    """
    then, now = (run.manifest["data"]["fingerprint"] for run in (first, record))
    if then != now:
        raise InputError(
            f"--out {folder}: the data have changed since (fingerprint {then} then, {now} now); give another folder"
        )
