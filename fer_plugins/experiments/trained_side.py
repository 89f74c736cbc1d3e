"""One training of the comparison of two protocols: what it is run on, and what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fer_plugins import config
from fer_plugins.data.table import SampleTable
from fer_plugins.experiments.cells import Outcome
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.predictions_file import PredictionsFile
from fer_plugins.runs.record import Record


@dataclass
class Side:
    """One training of the comparison."""

    resolved: config.Resolved
    protocol: str  # its name; that of the configuration is "file" where the split is cut
    seeds: dict[str, int]  # of the run and of the protocol
    cut_from: list[int] | None  # images in the training splits before they were cut
    record: Record = field(init=False)
    each: list[Record] = field(init=False)  # its folds, or itself
    row: dict[str, Any] = field(init=False)

    def take(self, outcome: Outcome, table: SampleTable) -> None:
        """Read what the training gave."""
        assert outcome.record is not None
        self.record = outcome.record
        self.each = self.record.read_folds()
        self.row = _summary(self.record, self.each, table, outcome.seconds) | {"cut_from": self.cut_from}

    def sentence(self) -> str:
        """Say how it ended."""
        figures = ", ".join(f"{one} {self.row[one]:.4f}" for one in HEADLINE)
        images = " and ".join(f"{count:,}" for count in sorted(set(self.row["train"])))
        where = f"seed {self.seeds['seed']}, {self.protocol}, trained on {images} images"
        return f"{where}: {figures}  {self.row['seconds']:.1f} s"


def _summary(record: Record, each: Sequence[Record], table: SampleTable, seconds: float) -> dict[str, Any]:
    scores = record.metrics["test"]
    sources = {str(source): row for row, source in enumerate(table.source)}
    tested = [
        sources[one if one in sources else one.rpartition("#")[0]] for one in tested_samples(record)
    ]  # or its parent
    columns = {"subjects": table.subject, "sequences": table.sequence}
    return {
        "run": f"runs/{record.folder.name}",
        **{name: scores[name] for name in ("n", *HEADLINE, "absent_classes")},
        "train": [sum(one.manifest["data"]["counts"]["train"].values()) for one in each],
        "val": [sum(one.manifest["data"]["counts"]["val"].values()) for one in each],
        "tested": {name: len(np.unique(column[tested])) for name, column in columns.items() if column is not None},
        "epochs": [one.manifest["epochs"] for one in each],
        "split_hashes": [one.manifest["data"]["split_hash"] for one in each],
        "leaks": [one.manifest["data"]["leaks"] for one in each],
        "seconds": seconds,
    }


def tested_samples(record: Record) -> list[str]:
    """Return the names of the samples that a run, or its folds, tested."""
    return list(PredictionsFile.read(record, record.manifest["data"]["classes"]).of("test").sources)
