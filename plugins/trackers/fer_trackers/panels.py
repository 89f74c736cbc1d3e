"""The panels of the dashboard: which keys of a run each shows. The keys are those of docs/dashboards.md."""

from __future__ import annotations

import wandb_workspaces.reports.v2 as reports

CURVES = (
    ("Accuracy", ("val/accuracy", "train/accuracy")),
    ("Loss", ("val/loss", "train/loss")),
    ("Learning rate", ("lr",)),
)
COPIES = ("accuracy", "without_copies/accuracy", "with_copies/accuracy")
CONFUSION_CHART = "wandb/confusion_matrix/v1"
CONFUSION_COLUMNS = ("Actual", "Predicted", "nPredictions")


def scores(split: str) -> list[reports.BarPlot]:
    """Return bars of the scores, each the mean of a group of runs with its standard deviation."""
    titles = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "f1": "F1 (macro)"}
    return [_bars(f"{title}, {split}", f"{split}/{metric}") for metric, title in titles.items()]


def copies(split: str) -> list[reports.BarPlot]:
    """Return bars of the accuracy on all images, and on those without and with a copy in training."""
    return [
        _bars(f"Accuracy, {split}: all, without and with a copy", *(f"{split}/{key}" for key in COPIES)),
        _bars("With a copy less without", f"{split}/copies_difference/accuracy"),
    ]


def seeds(split: str) -> list[reports.ScatterPlot | reports.ScalarChart]:
    """Return each run's accuracy over its seed, and the mean of all."""
    accuracy = f"{split}/accuracy"
    return [
        reports.ScatterPlot(
            title=f"Accuracy, {split}, by seed", x=reports.Config("seed"), y=reports.SummaryMetric(accuracy)
        ),
        reports.ScalarChart(title=f"Mean accuracy, {split}", metric=accuracy, groupby_aggfunc="mean"),
    ]


def curves() -> list[reports.LinePlot]:
    """Return the curves of training over the epochs."""
    return [reports.LinePlot(title=title, x="epoch", y=list(keys)) for title, keys in CURVES]


def errors(split: str) -> list[reports.CustomChart | reports.WeavePanelSummaryTable]:
    """Return the confusion matrix, the scores of each class, and images with what was predicted."""
    confusion = reports.CustomChart.from_table(
        f"{split}/confusion_matrix_table",
        chart_fields={column: column for column in CONFUSION_COLUMNS},
        chart_strings={"title": f"{split}: true against predicted class"},
    )
    confusion.chart_name = CONFUSION_CHART
    tables = (f"{split}/per_class", f"{split}/predictions")
    return [
        confusion,
        *(reports.WeavePanelSummaryTable(table_name=key, layout=reports.Layout(w=24, h=12)) for key in tables),
    ]


def _bars(title: str, *keys: str) -> reports.BarPlot:
    return reports.BarPlot(title=title, metrics=list(keys), groupby_aggfunc="mean", groupby_rangefunc="stddev")
