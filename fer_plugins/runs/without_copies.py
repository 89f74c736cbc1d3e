"""Scores finished runs without the images that have a copy in the training split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import Notice
from fer_plugins.runtime.plain_values import shell_word

COPIES = "copies"  # the notice's code


def recorded_without_copies(run: FinishedRun) -> FinishedRun | None:
    """Return a run restricted to its images without a copy, with their recorded scores; None if it recorded none."""
    copies = None if run.target else run.scores.get("copies")
    if not copies or not copies["without"]:
        return None
    return replace(run, predictions=run.predictions.choose(run.predictions.copies == ""), scores=copies["without"])


def leave_out_copies(runs: Sequence[FinishedRun]) -> tuple[list[FinishedRun], Notice]:
    """Leave out the images that have a copy in the training split of any of the runs, and recompute the scores.

    Returns:
        The runs, all restricted to the same images, and a sentence with ``data`` {left_out, n}.

    Raises:
        InputError: a run did not record which images have a copy, no image has one, every image has one, or a run is
            on a dataset of ``data.targets``, for which copies are not searched.
    """
    for run in runs:
        if run.target:
            raise InputError(f"--without-copies: copies of images of {run.target} are not searched; leave it out")
        if "copies_in_training" not in run.record.manifest["data"]:
            raise InputError(
                f"{run.record.folder}: an earlier version did not record which images have a copy in training; train "
                f"again: fer-run --config {shell_word(run.record.folder / 'config.yaml')}"
            )
    copied = {
        source
        for run in runs
        for source, status in zip(run.sources, run.predictions.copies.tolist(), strict=True)
        if status
    }
    if not copied:
        raise InputError(
            f"--without-copies: no image of {runs[0].split} has a copy in training, so all are compared anyway; leave "
            "--without-copies out"
        )
    chosen = [_choose(run, copied) for run in runs]
    size, left = len(runs[0].sources), len(chosen[0].sources)
    text = f"{size - left:,} of {size:,} images are left out: they have a copy in training"
    unsearched = [run for run in runs if run.record.manifest["data"]["copies_in_training"][run.split]["near"] is None]
    if unsearched:
        text += " (exact copies only; near ones were not searched: --data.near_copies on)"
    return chosen, Notice(COPIES, text, {"left_out": size - left, "n": left})


def _choose(run: FinishedRun, copied: set[str]) -> FinishedRun:
    from fer_plugins.metrics.cluster_scores import score_clusters  # imports torch
    from fer_plugins.metrics.scores import score

    predictions = run.predictions.choose(np.array([source not in copied for source in run.sources]))
    if not len(predictions.true):
        raise InputError(f"{run.record.folder}: every image of {run.split} has a copy in training; none is left")
    answers = predictions.to_predictions()
    scores = score(answers, run.classes)
    scores |= score_clusters(answers, run.classes, predictions.subjects, predictions.sequences)
    return replace(run, predictions=predictions, scores=scores)
