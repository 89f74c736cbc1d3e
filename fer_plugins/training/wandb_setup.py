"""How a W&B run is set up: its settings, the axis of the curves, and which value of each the table of runs shows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
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

    At the end of a run the scores of the selected checkpoint take the place of the summaries under ``val/``; what these
    were stays under names of its own (``curve_extremes``).
    """
    run.define_metric("epoch", hidden=True)  # an axis, and no panel of its own
    for pattern in ("train/*", "val/*", "health/*", "lr"):
        run.define_metric(pattern, step_metric="epoch")
    for key, summary in SUMMARIES.items():
        run.define_metric(key, step_metric="epoch", summary=summary)


def curve_extremes(run: Any, replaced: Iterable[str]) -> dict[str, Any]:
    """Return what W&B's summary holds of curves whose place in it a single value is about to take.

    Args:
        run: W&B's, with the metrics of ``define_metrics``.
        replaced: keys that are about to be set; those without a declared summary are left out.

    Returns:
        ``{"val/accuracy_max": 0.62, "val/loss_min": 1.04, ...}``.
    """
    kept = {}
    for key in SUMMARIES.keys() & set(replaced):
        how, held = SUMMARIES[key], run.summary.get(key)
        if isinstance(held, Mapping) and how in held:
            kept[f"{key}_{how}"] = held[how]
    return kept


def quiet_settings(wandb: Any) -> Any:
    """Return W&B settings that capture nothing of the machine and say nothing; unknown ones are left out.

    What the user has set by a variable of W&B's own (WANDB_CONSOLE, WANDB_SILENT, WANDB_DISABLE_GIT, ...) stays.
    """
    wanted = {
        "console": "off",
        "silent": True,
        "disable_code": True,
        "disable_git": True,
        "disable_job_creation": True,
        "save_code": False,
        "host": "",
        "symlink": False,
        "x_disable_meta": True,
        "x_disable_machine_info": True,
        "x_disable_stats": True,
        "x_save_requirements": False,
        "x_transaction_log_flush_interval": 2.0,  # seconds of an offline run that a kill may lose
    }
    fields = wandb.Settings.model_fields
    variables = {name: f"WANDB_{name.removeprefix('x')}".upper() for name in wanted}  # x_NAME is set by WANDB__NAME
    return wandb.Settings(
        **{name: value for name, value in wanted.items() if name in fields and variables[name] not in os.environ}
    )
