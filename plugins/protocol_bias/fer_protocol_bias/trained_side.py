"""One training in the comparison of two protocols: its configuration and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.cells import Outcome
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.predictions_file import NamedPredictions, PredictionsFile
from fer_plugins.runs.record import Record


@dataclass
class Side:
    """One training of the comparison."""

    name: str  # "flawed" or "sound"
    resolved: config.Resolved
    protocol: str  # its name; in the configuration it is "file" if the split is cut
    seeds: dict[str, int]  # of the run and of the protocol
    cut_from: list[int] | None  # number of images in the training splits before they were cut
    record: Record = field(init=False)
    folds: list[Record] = field(init=False)  # for a run of several folds; otherwise the run itself
    test_predictions: NamedPredictions = field(init=False)
    row: dict[str, Any] = field(init=False)

    @property
    def label(self) -> str:
        """The name in messages, such as "seed 0, random"."""
        return f"seed {self.seeds['seed']}, {self.protocol}"

    def read_outcome(self, outcome: Outcome, table: SampleTable) -> None:
        """Read the record, predictions and scores of the finished training."""
        assert outcome.record is not None
        self.record = outcome.record
        self.folds = self.record.read_folds()
        classes = self.record.manifest["data"]["classes"]
        self.test_predictions = PredictionsFile.read(self.record, classes).of("test")
        self.row = _summary(
            self.record, self.folds, _count_groups(self.test_predictions.sources, table), outcome.seconds
        )
        self.row["cut_from"] = self.cut_from

    def copies(self) -> set[str] | None:
        """Return the test images that have a copy in training; None if the run does not record it."""
        rows = [row for row in self.record.predictions() if row["split"] == "test"]
        return {row["source"] for row in rows if row["copy"]} if rows and "copy" in rows[0] else None

    def summary(self) -> str:
        """Return a line with the scores and the duration."""
        scores = ", ".join(f"{name} {self.row[name]:.4f}" for name in HEADLINE)
        images = " and ".join(f"{count:,}" for count in sorted(set(self.row["train"])))
        return f"{self.label}, trained on {images} images: {scores}  {self.row['seconds']:.1f} s"


def _count_groups(tested: Sequence[str], table: SampleTable) -> dict[str, int]:
    """Return the number of subjects and sequences of the test images."""
    places = {str(source): row for row, source in enumerate(table.source)}
    rows = [places[source if source in places else source.rpartition("#")[0]] for source in tested]  # or its parent
    columns = {"subjects": table.subject, "sequences": table.sequence}
    return {name: len(np.unique(column[rows])) for name, column in columns.items() if column is not None}


def _summary(record: Record, folds: Sequence[Record], groups: dict[str, int], seconds: float) -> dict[str, Any]:
    scores = record.metrics["test"]
    return {
        "run": f"runs/{record.folder.name}",
        **{name: scores[name] for name in ("n", *HEADLINE, "absent_classes")},
        "train": [sum(fold.manifest["data"]["counts"]["train"].values()) for fold in folds],
        "val": [sum(fold.manifest["data"]["counts"]["val"].values()) for fold in folds],
        "tested": groups,
        "epochs": [fold.manifest["epochs"] for fold in folds],
        "split_hashes": [fold.manifest["data"]["split_hash"] for fold in folds],
        "leaks": [fold.manifest["data"]["leaks"] for fold in folds],
        "seconds": seconds,
    }
