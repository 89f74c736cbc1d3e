"""The folder of a search or of a comparison of protocols: begun, or gone on with where the same command ended."""

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
    """Make a folder and write down what is run in it; or check that what was begun in it is the same.

    A folder that was made here is removed where the first run refuses its input.

    Args:
        folder: of ``--out``.
        plan: key -> value of all that decides the results; made of what JSON holds.
        kind: what it is the folder of, such as "search".

    Raises:
        InputError: the folder holds something else, another process is at work in it, or it cannot be made.
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
    # What an older version began lacks later keys: it was trained with their defaults.
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
    """The runs that are there already, each for one cell.

    Args:
        folder: holds the folders of runs.
        locate: from a run's configuration to one that is equal wherever the folder lies; None: as it is.
    """

    def __init__(self, folder: Path, locate: Callable[[config.RunConfig], config.RunConfig] | None = None) -> None:
        self._locate = locate or (lambda settings: settings)
        self._runs: dict[Any, deque[ExistingRun]] = defaultdict(deque)
        runs = find_runs(folder, lambda record: (self._key_of_run(record), record.folder.name)).runs
        for (key, _), run in runs.items():  # the oldest first
            if run.status != FAILED:  # that is run anew
                self._runs[key].append(run)

    def _key_of_run(self, record: Record) -> Any:
        settings = config.read_config(record.config)
        return identify(self._locate(settings), record.manifest.get("plugin")), settings.run.fold

    def cell(self, name: str, resolved: config.Resolved) -> Cell:
        """Return a cell, with its run where that is there; the next cell of an equal configuration has another."""
        runs = self._runs[identify(self._locate(resolved.config)), resolved.config.run.fold]
        if not runs:
            return Cell(name, resolved)
        run = runs.popleft()
        return Cell(name, resolved, begun=run.record, finished=run.status == FINISHED)


def check_begun_with(first: Record, record: Record, folder: Path) -> None:
    """Compare the data of two runs that belong together.

    Raises:
        InputError: they are others.
    """
    then, now = (run.manifest["data"]["fingerprint"] for run in (first, record))
    if then != now:
        raise InputError(
            f"--out {folder}: the data have changed since (fingerprint {then} then, {now} now); give another folder"
        )
