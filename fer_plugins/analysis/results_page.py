"""The page of results: every kept record with the paper's claim, as Markdown, generated from the records only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any

from fer_plugins.analysis.seed_spread import Model, group_models, seed_interval
from fer_plugins.analysis.verdicts import NOT_COMPARABLE, verify_run
from fer_plugins.runs.kept_record import opened
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.record_types import need
from fer_plugins.runs.same_data import data_options
from fer_plugins.runs.without_copies import recorded_without_copies
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word

HEAD = """# Results

Every number on this page comes from a kept record: configuration, manifest, scores and predictions of a finished run,
without weights, in `plugins/NAME/results/`. The page is made from the records alone:

    fer results page --write docs/results.md

A test makes the page again and checks every record's sums. `fer reproduce RECORD --data.root PATH` trains a record
again and compares. An accuracy of one training stands with its 95 % interval over test images (Wilson); of several
seeds the mean stands with the 95 % t interval over trainings. "Without copies" are the test images that have no exact
or near copy among the training images. A verdict says where the paper's number lies to the interval of the training;
where it is "not comparable", the reason stands below the table, and so do the condition that a verdict stands under and
what is assumed because the paper does not say it (the reasons: `fer show NAME`). "Epochs" has the selected epoch, how
many were trained, and how many were planned where training ended before (early stopping, a time limit).
"""


def results_page(records: Sequence[str | Path]) -> str:
    """Return the page as Markdown.

    Args:
        records: folders of kept records, each of a single training.

    Raises:
        InputError: a record is damaged, or two records have the same configuration and seed.
    """
    with ExitStack() as stack:
        runs = [stack.enter_context(opened(record)) for record in records]
        places = {id(run): Path(record) for run, record in zip(runs, records, strict=True)}
        datasets: dict[str, list[FinishedRun]] = {}
        for run in runs:
            datasets.setdefault(run.title, []).append(run)
        sections = [_section(title, members, places) for title, members in sorted(datasets.items())]
    return "\n".join([HEAD, *sections]) if sections else f"{HEAD}\nNo record is kept yet.\n"


def _section(title: str, runs: Sequence[FinishedRun], places: Mapping[int, Path]) -> str:
    columns = (
        *("network", "protocol", "paper", "accuracy, all test images", "without copies", "macro F1"),
        *("seeds", "epochs", "verdict", "time per run"),
    )
    lines = [f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    notes: list[str] = []
    for model in sorted(group_models(runs), key=lambda model: -mean(model.values("accuracy"))):
        number = len(notes) + 1
        cells, note = _row(model)
        lines.append(f"| {cells[0]} [{number}] | {' | '.join(cells[1:])} |")
        first = model.runs[0]
        roots = "".join(f" --{key} PATH" for key in data_options(first.record.config))
        again = f" Repeat: `fer reproduce {shell_word(places[id(first)].as_posix())}{roots}`"
        notes.append(f"{number}. {note} Split {'+'.join(first.split_hash)}.{'' if first.elsewhere else again}")
    return "\n".join([*lines, "", *notes, ""])


def _row(model: Model) -> tuple[list[str], str]:
    """Return the cells of one model, and the note below the table."""
    first = model.runs[0]
    config, manifest = first.record.config, first.record.manifest
    recipe = f", recipe `{config['recipe']}`" if config.get("recipe") else ""
    claimed, verdict, why = _claim(model)
    epochs = sorted({_epochs(run) for run in model.runs if not run.elsewhere})
    sessions = [run.record.manifest.get("sessions") or [{}] for run in model.runs]
    seconds = mean(sum(session.get("seconds", 0.0) for session in of_run) for of_run in sessions)
    devices = {session.get("device", "unknown") for of_run in sessions for session in of_run}
    cells = [
        f"`{manifest['plugin']['name']}`{recipe}",
        f"{manifest['protocol']['name']}{' (flawed)' if manifest['protocol'].get('flaw') else ''}",
        claimed,
        _spread("accuracy", [run.scores for run in model.runs]),
        _without_copies(model),
        _spread("f1", [run.scores for run in model.runs]),
        ", ".join(map(str, model.seeds)),
        "; ".join(epochs) or "not known",
        verdict,
        f"{seconds / 60:.0f} min" if seconds else "not recorded",
    ]
    flaw = manifest["protocol"].get("flaw")
    notes = [f"`{manifest['plugin']['name']}`: {why}" if why else f"`{manifest['plugin']['name']}`"]
    notes += [f"flawed protocol: {flaw}"] if flaw else []
    notes += [first.elsewhere] if first.elsewhere else []
    notes += [f"assumed: {', '.join(manifest['assumed'])}"] if manifest.get("assumed") else []
    precision = (config.get("trainer") or {}).get("precision", "32-true")
    notes += [f"on {', '.join(sorted(devices))}" + ("" if precision == "32-true" else f", in {precision}")]
    return cells, "; ".join(notes) + "."


def _epochs(run: FinishedRun) -> str:
    """Return the selected epoch, the number of trained epochs, and the planned number if training ended earlier."""
    best, trained = (need(run.record, "manifest", name) for name in ("best_epoch", "epochs"))
    planned = (run.record.config.get("trainer") or {}).get("epochs")
    if not isinstance(trained, int) or not isinstance(planned, int | None):
        raise InputError(
            f"{run.record.folder}: its epochs, {trained!r} of {planned!r}, are not numbers; keep the run again"
        )
    return f"{best} of {trained}" + (f" ({planned} planned)" if planned is not None and trained < planned else "")


def _claim(model: Model) -> tuple[str, str, str]:
    """Return the paper's accuracy on the test split, the verdicts on it, and the reasons if there is none."""
    try:
        reports = [verify_run(run) for run in model.runs]
    except InputError as error:
        return "none", "", str(error).partition(": ")[2]
    rows = [_headline(report) for report in reports]
    judged = [row for row in rows if row is not None]
    if not judged:
        return (
            "none",
            "",
            "; ".join(reports[0]["against"]) or "the paper prints no accuracy of this network on this dataset",
        )
    verdicts = Counter(row["verdict"] for row in judged)
    several = len(judged) > 1
    verdict = ", ".join(f"{name} ({count} of {len(judged)})" if several else name for name, count in verdicts.items())
    reasons = [reason for row in judged for reason in row["why"]] if NOT_COMPARABLE in verdicts else []
    reasons += [f"the claim's split: {row['condition']}" for row in judged if row["condition"]]
    return str(judged[0]["printed"]), verdict, "; ".join(dict.fromkeys(reasons))


def _headline(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the claim on the network's accuracy: on the test split, otherwise on what may be it, otherwise on another.

    A claim on another split than the test split cannot be compared; it is shown with the reason.
    """
    rows = [
        row
        for row in report["claims"]
        if (row["metric"], row["class"], row["epoch"]) == ("accuracy", None, None)
        and row["model"] == report["model"] is not None
        and row["dataset"] is not None
        and row["measured"] is not None
        and (row["split"] == "test" or row["condition"] or row["verdict"] == NOT_COMPARABLE)
    ]
    return min(rows, key=lambda row: (row["split"] != "test", not row["condition"]), default=None)


def _without_copies(model: Model) -> str:
    if any("copies_in_training" not in run.record.manifest["data"] for run in model.runs):
        return "not recorded"
    without = [recorded_without_copies(run) for run in model.runs]
    scores = [run.scores for run in without if run is not None]
    return _spread("accuracy", scores) if len(scores) == len(without) else "no copies"


def _spread(name: str, scores: Sequence[Any]) -> str:
    """Return a score with its interval: over test images for a single training, over trainings for several."""
    if len(scores) == 1:
        interval = scores[0]["intervals"].get(name)
        return f"{scores[0][name]:.4f}" + (f" [{interval['low']:.4f}, {interval['high']:.4f}]" if interval else "")
    spread = seed_interval([float(scores_of_run[name]) for scores_of_run in scores])
    ends = spread["t"]
    return f"{spread['mean']:.4f}" + (f" [{ends['low']:.4f}, {ends['high']:.4f}]" if ends else f" ({spread['why']})")
