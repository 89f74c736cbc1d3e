"""The W&B workspace and the report on runs of fer-plugins: grouped by plug-in, dataset, protocol, and W&B's group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

from fer_trackers import panels

GROUPED_BY = ("plugin", "data.name", "protocol.name")  # keys of a run's config; below them W&B's group: a mean is over
# runs that differ by seed and fold alone, not over recipes, poolings or limits.
NAME = "fer-plugins"


class Dashboard(NamedTuple):
    """A workspace and a report that show the same panels."""

    workspace: workspaces.Workspace
    report: reports.Report


def build(*, entity: str, project: str, plugins: Sequence[str], split: str) -> Dashboard:
    """Build the dashboard; nothing is sent.

    Args:
        entity: user or team of W&B; "" where it is not known yet.
        project: of W&B.
        plugins: names of the plug-ins whose runs are shown; none: all.
        split: test or val, whose scores are shown.
    """
    sections = {
        "Scores": panels.scores(split),
        "Images with a copy in training": panels.copies(split),
        "Seeds": panels.seeds(split),
        "Training": panels.curves(),
        "Errors": panels.errors(split),
    }
    filters = expr.And(expr.Config("plugin").isin(list(plugins))) if plugins else ""
    workspace = workspaces.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[workspaces.Section(name=name, panels=shown, is_open=True) for name, shown in sections.items()],
        runset_settings=workspaces.RunsetSettings(
            filters=filters,
            groupby=[*(expr.Config(key) for key in GROUPED_BY), expr.Metric("Group")],
            pinned_columns=["run:displayName", *_columns(split)],
        ),
    )
    report = reports.Report(
        entity=entity,
        project=project,
        title=f"{NAME}: {', '.join(plugins) or 'all plug-ins'}",
        description="Bars are means over runs that differ by seed and fold alone. A run with a text under not_a_result "
        "has collapsed: hide it, its scores are in the means.",
        width="fluid",
        blocks=[block for name, shown in sections.items() for block in _chapter(name, shown, split, filters)],
    )
    return Dashboard(workspace, report)


def to_json(dashboard: Dashboard) -> dict[str, Any]:
    """Return what W&B's server would be sent, as plain values."""
    return {
        key: view._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
        for key, view in dashboard._asdict().items()
    }


def _columns(split: str) -> list[str]:
    """Return the columns of the table of runs, as W&B names them."""
    scores = ("accuracy", "accuracy_low", "accuracy_high", "without_copies/accuracy", "balanced_accuracy", "f1")
    return [
        *(f"summary:{split}/{key}" for key in scores),
        "config:seed.value",
        "summary:split_hash",
        "summary:not_a_result",
    ]


def _chapter(name: str, shown: list[Any], split: str, filters: expr.And | str) -> list[Any]:
    runs = reports.Runset(  # of the report's own project
        name="runs",
        filters=filters,
        groupby=[*(f"config.{key}" for key in GROUPED_BY), "group"],
        pinned_columns=_columns(split),
    )
    return [reports.H2(text=name), reports.PanelGrid(runsets=[runs], panels=shown)]
