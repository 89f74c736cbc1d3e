"""Numbers in papers besides a run's recorded claims: further claims on its model, and numbers of other models."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from fer_plugins.analysis.claims import Claim, Claims, dataset_key, read_claims
from fer_plugins.analysis.claims.aliases import Reading
from fer_plugins.analysis.claims.claims_beside import as_printed
from fer_plugins.analysis.columns import Column
from fer_plugins.config import registry
from fer_plugins.runs.elsewhere import claims_plugin
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runtime.errors import InputError

QUOTED = "quoted"  # the images of a row that was not measured by any of our runs


@functools.cache
def _claims_of(model: str) -> Claims | None:
    try:
        path = registry.package_file(registry.find("architecture", model), "claims.yaml")
    except InputError:  # the plug-in is not installed
        return None
    return read_claims(path) if path.exists() else None


def claims_of(run: FinishedRun) -> Claims | None:
    """Return the claims of a run's plug-in; None if it has none or is not installed."""
    plugin = claims_plugin(run.record)
    return None if plugin is None else _claims_of(plugin)


def readings_of_papers(runs: Sequence[FinishedRun]) -> list[Reading]:
    """Return the meanings of the papers' own names of scores, for the plug-ins of several runs."""
    files = filter(None, map(claims_of, runs))
    return list(dict.fromkeys(reading for file in files for reading in file.aliases))


def own_claims(run: FinishedRun, column: Column) -> list[Claim]:
    """Return the claims on a run's model for a column, on the run's dataset or on none in particular."""
    file, model = claims_of(run), run.record.manifest.get("claims_model")
    if file is None or model is None or run.target:
        return []
    dataset = dataset_key(run.title)
    return [
        claim
        for claim in file.claims
        if claim.model == model and _stands(claim, column) and dataset_key(claim.dataset) in (dataset, "", "all")
    ]


def _stands(claim: Claim, column: Column) -> bool:
    if claim.class_name is not None or claim.epoch is not None or not isinstance(claim.value, float):
        return False
    if column.score and not column.split and claim.split == "validation" and claim.split_means is None:
        return False  # it has its own column, and unlike recorded claims it has no note here
    return column.takes(claim.metric, claim.split, None, split_means=claim.split_means is not None)


def quoted_rows(runs: Sequence[FinishedRun], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return rows, marked as quoted, with what the papers of the runs print for other models on the same datasets.

    Args:
        runs: our runs; a model that is among them has its own row and is not quoted.
        columns: columns of the table.
    """
    ours = {(str(run.record.manifest.get("claims_model")), dataset_key(run.title)) for run in runs}
    rows: list[dict[str, Any]] = []
    for run in runs:
        file = claims_of(run)
        if file is None or run.target:
            continue
        dataset = dataset_key(run.title)
        for model in [entry["name"] for entry in file.models]:
            claims = [claim for claim in file.claims if claim.model == model and dataset_key(claim.dataset) == dataset]
            cells = {column.key: _quote([claim for claim in claims if _stands(claim, column)]) for column in columns}
            if (model, dataset) in ours or not any(cell["claimed"] for cell in cells.values()):
                continue
            ours.add((model, dataset))  # two plug-ins may implement the same paper
            remark = f"quoted from {file.paper['title']}: not measured here, and under the conditions of its source"
            rows.append(
                {"model": f"{model} ({QUOTED})", "dataset": run.title, "protocol": "as printed", "part": "-"}
                | {"split_hash": "", "seeds": [], "images": QUOTED, "n": None, "remarks": [remark]}
                | cells
            )
    return rows


def _quote(claims: Sequence[Claim]) -> dict[str, Any]:
    printed = list(dict.fromkeys((as_printed(claim), claim.source) for claim in claims))
    return {"value": None, "low": None, "high": None, "interval": "", "text": "", "claimed": printed}
