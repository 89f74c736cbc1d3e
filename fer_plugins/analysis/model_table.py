"""The rows of a table of models: one row per model, grouping its seeds, with the papers' numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins.analysis.claims import title
from fer_plugins.analysis.claims.claims_beside import CLAIMED, as_printed
from fer_plugins.analysis.columns import DEFAULT, GAP, Column, parse_columns
from fer_plugins.analysis.quoted_claims import own_claims, quoted_rows
from fer_plugins.analysis.seed_spread import Model, group_models, range_of, seed_interval
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.remarks import list_remarks
from fer_plugins.runs.without_copies import recorded_without_copies
from fer_plugins.runtime.notices import Notice, from_values

WITHOUT_COPIES = "without copies"
_EMPTY = {"value": None, "low": None, "high": None, "interval": "", "text": ""}


def table_rows(
    runs: Sequence[FinishedRun], columns: Sequence[Column] | None = None, *, quoted: bool = False
) -> list[dict[str, Any]]:
    """Return one row for each model, dataset and protocol, in the order of the runs.

    If test images have a copy in training, a second row has the scores of the images without one.

    A model with several seeds has the mean and the t interval of the mean over trainings; one that was trained once has
    its score and the interval over test samples. Runs that are not a valid result are left out of the scores, with a
    remark.

    Args:
        runs: at least one.
        columns: as returned by ``parse_columns``; None: accuracy and macro F1 of the reported split.
        quoted: add rows with the numbers that the papers print for other models.

    Returns:
        ``model, dataset, protocol, part, split_hash, seeds, images`` ("all", "without copies" or "quoted"), ``n``; for
        the key of each column {value, low, high (fractions or None), interval ("t over 3 seeds", "test samples", or
        why there is none), claimed [(number as printed, source)]}; ``remarks``.

    Raises:
        InputError: two runs of a model have the same seed.
    """
    columns = parse_columns(DEFAULT) if columns is None else columns
    blocks: dict[tuple[str, ...], list[FinishedRun]] = {}
    for run in runs:
        manifest = run.record.manifest
        blocks.setdefault((run.title, manifest["protocol"]["name"], run.split), []).append(run)
    rows = [row for block in blocks.values() for model in group_models(block) for row in _rows(model, columns)]
    return [*rows, *(quoted_rows(runs, columns) if quoted else [])]


def _rows(model: Model, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the row of a model and, if images have a copy in training, a second row for the images without one."""
    row = _row(model, columns)
    sound = [run for run in model.runs if not run.faults]
    runs_without = [run for run in map(recorded_without_copies, sound) if run]
    if not runs_without or len(runs_without) < len(sound):
        return [row]
    model_without = Model(f"{model.label}, {WITHOUT_COPIES}", tuple(runs_without))
    reported = ("", sound[0].split)  # scores of other splits and values of the training are always for all images
    scores: dict[str, dict[str, Any]] = {
        column.key: (_score(model_without, column) if column.score and column.split in reported else dict(_EMPTY))
        | {"claimed": []}
        for column in columns
    }
    remark = f"of {row['n']:,} images the {len(runs_without[0].true):,} without a copy in training"
    if runs_without[0].record.metrics[row["part"]]["copies"]["near"] is None:
        remark += " (exact copies only; near ones were not searched)"
    changes = {
        "model": model_without.label,
        "images": WITHOUT_COPIES,
        "n": len(runs_without[0].true),
        "remarks": [remark],
    }
    return [row, row | scores | changes]


def _row(model: Model, columns: Sequence[Column]) -> dict[str, Any]:
    first = model.runs[0]
    manifest = first.record.manifest
    sound = Model(model.label, tuple(run for run in model.runs if not run.faults))
    # The claims in a run's record are about the dataset that it was trained on.
    claims = sound.runs[0].record.metrics.get("claims", []) if sound.runs and not first.target else []
    row: dict[str, Any] = {
        "model": model.label,
        "dataset": first.title,
        "protocol": manifest["protocol"]["name"],
        "part": first.split,
        "split_hash": "+".join(first.split_hash),
        "seeds": ["not known" if run.known_seed is None else run.seed for run in sound.runs],
        "images": "all",
        "n": len(first.true),
    }
    for column in columns:
        stated = {(_printed(claim), claim["source"]): None for claim in claims if _takes(column, claim)}
        if not column.score and sound.runs:
            stated |= {(as_printed(claim), claim.source): None for claim in own_claims(sound.runs[0], column)}
        row[column.key] = _score(sound, column) | {"claimed": list(stated)}
    broken = [run for run in model.runs if run.faults]
    remarks = [
        f"NOT A RESULT, left out: seed {run.seed} ({run.faults[0]}); {len(broken)} of {len(model.runs)} runs"
        for run in broken
    ]
    if first.elsewhere:
        remarks.append(first.elsewhere)
    remarks += list_remarks(manifest)
    if first.is_folds:
        remarks.append(f"{len(first.split_hash)} folds pooled; the interval is that of the tested samples")
    targets = [] if first.target else list(first.record.metrics.get("targets") or {})
    if targets:
        remarks.append(f"also tested on {', '.join(targets)}: fer table --target {targets[0]}")
    if first.target and first.scores.get("missing_classes"):
        remarks.append(f"{first.target} has no {', '.join(first.scores['missing_classes'])}")
    if any(column.key == "latency" for column in columns):
        remarks.append("time per image: measured now, on the CPU of this machine; the paper's is that of another")
    return row | {"remarks": list(dict.fromkeys([*remarks, *_notes_on(claims, columns)]))}


def _takes(column: Column, claim: Mapping[str, Any]) -> bool:
    """Return whether a recorded claim belongs to a column; earlier versions recorded neither split nor reading."""
    return column.takes(claim["metric"], claim.get("split") or "test", claim.get("reading"))


def _notes_on(claims: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[str]:
    """Return remarks on how claims and scores differ, combining equal ones: "claimed accuracy (Table 1; text): ..."."""
    of_note: dict[str, dict[str, dict[str, None]]] = {}
    for claim in claims:
        if not any(_takes(column, claim) for column in columns):
            continue
        for note in from_values(claim["notes"], claim.get("notices")):
            text = note.data.get("without_prefix", note) if isinstance(note, Notice) else note
            of_note.setdefault(text, {}).setdefault(claim["metric"], {})[claim["source"]] = None
    remarks: list[str] = []
    for note, metrics in of_note.items():
        claimed = ", ".join(f"{title(metric)} ({'; '.join(sources)})" for metric, sources in metrics.items())
        scores = [column.key for column in columns if set(column.claims) & metrics.keys()]
        remarks.append(Notice(CLAIMED, f"claimed {claimed}: {note}", {"scores": scores}))
    return remarks


def _printed(claim: Mapping[str, Any]) -> str:
    """Return a claimed number as printed in the paper; runs of version 0.1 did not record this."""
    return str(claim.get("printed") or f"{claim['claimed']:g}")


def _score(model: Model, column: Column) -> dict[str, Any]:
    """Return a column's cell for a model: the value of its single run, or the mean over its seeds."""
    if not model.runs:
        return _EMPTY | {"interval": "no result"}
    measured = [column.read(run) for run in model.runs]
    values = [float(value) for value, _ in measured if value is not None]
    if len(values) < len(measured):
        return dict(_EMPTY)
    if len(values) == 1:
        ends = measured[0][1]
        interval = {"low": ends["low"], "high": ends["high"], "interval": "test samples"} if ends else {}
        return _EMPTY | {"value": values[0], "text": column.format(values[0])} | interval
    spread = seed_interval(values, range_of(column.score) if column.split != GAP else (-1.0, 1.0))
    cell = _EMPTY | {"value": spread["mean"], "text": column.format(spread["mean"])}
    if not column.score:
        return cell | {"interval": f"mean of {spread['n']} seeds"}
    if spread["t"] is None:
        return cell | {"interval": f"no interval over {spread['n']} seeds: {spread['why']}"}
    return {**cell, **spread["t"], "interval": f"t over {spread['n']} seeds"}
