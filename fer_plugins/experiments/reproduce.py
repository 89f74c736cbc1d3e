"""Trains a kept record again and compares the results: identical bit for bit, within the interval, or different."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer_plugins import config
from fer_plugins.config.overlay import leaves
from fer_plugins.data.read_once import reading_once
from fer_plugins.experiments.resuming import change
from fer_plugins.experiments.run import read_data, run
from fer_plugins.runs.elsewhere import require_network
from fer_plugins.runs.kept_record import opened
from fer_plugins.runs.read_runs import FinishedRun, read_run
from fer_plugins.runs.record import check_output
from fer_plugins.runs.same_data import check_same_data, data_options
from fer_plugins.runtime.errors import InputError

EXACT, WITHIN, NOT_REPRODUCED = "bit for bit", "within the interval", "not reproduced"


def reproduce(folder: str | Path, flags: Mapping[str, Any], output: str | Path = "runs") -> dict[str, Any]:
    """Repeat the training of a kept record on the same data, and compare the results.

    Args:
        folder: folder of the kept record.
        flags: nested settings that do not affect the result, such as ``{"data": {"root": PATH}}``.
        output: folder for the new run.

    Returns:
        The result of ``compare_with_kept``.

    Raises:
        InputError: the folder is not a kept record, the data differ, a setting affects the result, or ``output`` is not
            a folder; nothing was trained.
        RunError: the training failed.
    """
    check_output(Path(output), "--out", "--out FOLDER")
    with opened(folder) as kept_run:
        require_network(kept_run.record)
        given = dict(leaves(flags))
        for key, home in data_options(kept_run.record.config).items():
            if key not in given:
                raise InputError(f"{folder}: reads {home}; say where it lies: --{key} PATH")
        without_votes = {**flags, "data": {"votes": None, **flags.get("data", {})}}  # the record has only a file name
        settings, _ = change(kept_run.record, without_votes, kept_name=str(folder))
        resolved = config.Resolved(replace(settings, run=replace(settings.run, output=str(output))))
        with reading_once():
            data = read_data(resolved.config)
            check_same_data(kept_run.record, data.fingerprint, data.split_hash, str(folder))
            del data
            made = run(resolved)
        return compare_with_kept(kept_run, read_run(made.folder))


def compare_with_kept(kept: FinishedRun, again: FinishedRun) -> dict[str, Any]:
    """Compare a repetition with the kept run.

    Returns:
        ``verdict`` (EXACT: every recorded probability is equal; WITHIN: the new accuracy is within the kept run's 95 %
        interval; NOT_REPRODUCED), ``run``, ``n``, ``same_predictions`` (number of images with the same predicted
        class), ``accuracy`` [kept, new], ``interval`` of the kept accuracy, ``versions`` that differ {name: [kept,
        new]}, ``devices`` [kept, new].
    """
    exact = _predictions(kept) == _predictions(again)
    interval = kept.scores["intervals"]["accuracy"]
    inside = interval["low"] <= again.scores["accuracy"] <= interval["high"]
    before, now = (run.record.manifest.get("versions") or {} for run in (kept, again))
    return {
        "verdict": EXACT if exact else WITHIN if inside else NOT_REPRODUCED,
        "run": str(again.record.folder),
        "n": len(again.true),
        "same_predictions": int((kept.predicted == again.predicted).sum()),
        "accuracy": [kept.scores["accuracy"], again.scores["accuracy"]],
        "interval": interval,
        "versions": {name: [recorded, now.get(name)] for name, recorded in before.items() if recorded != now.get(name)},
        "devices": [(run.record.manifest.get("sessions") or [{}])[-1].get("device") for run in (kept, again)],
    }


def _predictions(run: FinishedRun) -> list[dict[str, Any]]:
    """Return the rows of predictions.csv without the columns that do not depend on the training."""
    return [
        {key: value for key, value in row.items() if key not in ("copy", "majority", "subject", "sequence")}
        for row in run.record.predictions()
    ]
