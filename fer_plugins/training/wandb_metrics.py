"""The curves of a run as W&B is told of them: the axis, and which end of each stands in the table of runs."""

from __future__ import annotations

from typing import Any

from fer_plugins.metrics.table import EPOCH, METRICS

# W&B keeps the lowest or highest value of a curve as KEY.min or KEY.max; other values as they were at the last epoch.
SUMMARIES = {
    "train/loss": "min",
    "train/accuracy": "max",
    "train/auxiliary_loss": "min",
    **{f"val/{name}": METRICS[name].mode for name in EPOCH},
    "seconds": "mean",
}


def define_metrics(run: Any) -> None:
    """Declare the axis ``epoch``, the curves over it, and the summary of each.

    At the end of a run the scores of the selected checkpoint take the place of the summaries under ``val/``.

    Args:
        run: of W&B, just begun.
    """
    run.define_metric("epoch", hidden=True)  # an axis, and no panel of its own
    for pattern in ("train/*", "val/*", "health/*", "lr"):
        run.define_metric(pattern, step_metric="epoch")
    for key, summary in SUMMARIES.items():
        run.define_metric(key, step_metric="epoch", summary=summary)
