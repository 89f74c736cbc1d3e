"""The table of models: one row a model, its seeds grouped, the papers' numbers beside, as Markdown, CSV or LaTeX."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from fer_plugins.analysis.claims.claims_beside import CLAIMED
from fer_plugins.analysis.seed_spread import Model, group_models, seed_interval
from fer_plugins.analysis.spread_limits import range_of
from fer_plugins.metrics.table import HEADLINE
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.without_copies import recorded_without_copies
from fer_plugins.runtime.notices import Notice, from_values

WITHOUT_COPIES = "without copies"
_METRICS = {"accuracy": "accuracy", "f1": "F1", "macro_f1": "macro F1"}
_CLAIMED_AS = {"accuracy": ("accuracy",), "f1": ("f1", "macro_f1")}
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def format_table(form: str, runs: Sequence[FinishedRun]) -> str:
    """Return the table of some runs as text.

    Args:
        form: "md", "csv" or "tex".
        runs: at least one.

    Raises:
        InputError: as ``table_rows``.
    """
    return {"md": _markdown, "csv": _csv, "tex": _latex}[form](table_rows(runs))


def table_rows(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """Return one row for each model on each dataset under each protocol, in the order of the runs.

    Where test images have a copy in training, a second row has the scores of those without one.

    A model with several seeds has the mean and the t interval of the mean over trainings; one that was trained once has
    its score and the interval over test samples. Runs that are no result are left out of the scores and said so.

    Returns:
        ``model, dataset, protocol, part, split_hash, seeds, images`` ("all" or "without copies"), ``n``; for
        ``accuracy`` and ``f1`` {value, low, high (fractions or None), interval ("t over 3 seeds", "test samples", or
        why there is none), claimed [(number as printed, source)]}; ``remarks``.

    Raises:
        InputError: two runs of one model have one seed.
    """
    blocks: dict[tuple[str, ...], list[FinishedRun]] = {}
    for run in runs:
        manifest = run.record.manifest
        blocks.setdefault((run.title, manifest["protocol"]["name"], run.split), []).append(run)
    return [row for block in blocks.values() for model in group_models(block) for row in _rows(model)]


def _rows(model: Model) -> list[dict[str, Any]]:
    """Return the row of a model and, where images have a copy in training, one of those without below it."""
    row = _row(model)
    sound = [run for run in model.runs if not run.faults]
    less = [run for run in map(recorded_without_copies, sound) if run]
    if not less or len(less) < len(sound):
        return [row]
    model_without = Model(f"{model.label}, {WITHOUT_COPIES}", tuple(less))
    scores = {score: _score(model_without, score) | {"claimed": []} for score in _CLAIMED_AS}
    remark = f"of {row['n']:,} images the {len(less[0].true):,} without a copy in training"
    if less[0].record.metrics[row["part"]]["copies"]["near"] is None:
        remark += " (exact copies only; near ones were not searched)"
    changes = {"model": model_without.label, "images": WITHOUT_COPIES, "n": len(less[0].true), "remarks": [remark]}
    return [row, row | scores | changes]


def _row(model: Model) -> dict[str, Any]:
    first = model.runs[0]
    manifest = first.record.manifest
    sound = Model(model.label, tuple(run for run in model.runs if not run.faults))
    # The claims in a run's record are those about the dataset that it was trained on.
    claims = sound.runs[0].record.metrics.get("claims", []) if sound.runs and not first.target else []
    row: dict[str, Any] = {
        "model": model.label,
        "dataset": first.title,
        "protocol": manifest["protocol"]["name"],
        "part": first.split,
        "split_hash": "+".join(first.split_hash),
        "seeds": list(sound.seeds),
        "images": "all",
        "n": len(first.true),
    }
    for score, names in _CLAIMED_AS.items():
        stated = {(_printed(claim), claim["source"]): None for claim in claims if claim["metric"] in names}
        row[score] = _score(sound, score) | {"claimed": list(stated)}
    broken = [run for run in model.runs if run.faults]
    remarks = [
        f"NOT A RESULT, left out: seed {run.seed} ({run.faults[0]}); {len(broken)} of {len(model.runs)} runs"
        for run in broken
    ]
    if manifest["protocol"].get("flaw"):
        remarks.append(f"flawed protocol: {manifest['protocol']['flaw']}")
    if manifest["data"].get("limit") is not None:
        remarks.append(f"a part of the data only (data.limit {manifest['data']['limit']})")
    if manifest.get("demonstration"):
        remarks.append("a demonstration on synthetic faces")
    if first.is_folds:
        remarks.append(f"{len(first.split_hash)} folds pooled; the interval is that of the tested samples")
    others = [] if first.target else list(first.record.metrics.get("targets") or {})
    if others:
        remarks.append(f"also tested on {', '.join(others)}: fer table --target {others[0]}")
    if first.target and first.scores.get("missing_classes"):
        remarks.append(f"{first.target} has no {', '.join(first.scores['missing_classes'])}")
    return row | {"remarks": list(dict.fromkeys([*remarks, *_notes_on(claims)]))}


def _notes_on(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what stands between claims and scores, alike notes once: "claimed accuracy (Table 1; text): ..."."""
    used = {name for names in _CLAIMED_AS.values() for name in names}
    of_note: dict[str, dict[str, dict[str, None]]] = {}
    for claim in claims:
        for note in from_values(claim["notes"], claim.get("notices")) if claim["metric"] in used else []:
            text = note.data.get("without_prefix", note) if isinstance(note, Notice) else note
            of_note.setdefault(text, {}).setdefault(claim["metric"], {})[claim["source"]] = None
    remarks: list[str] = []
    for note, metrics in of_note.items():
        claimed = ", ".join(f"{_METRICS[metric]} ({'; '.join(sources)})" for metric, sources in metrics.items())
        scores = [score for score, names in _CLAIMED_AS.items() if set(names) & metrics.keys()]
        remarks.append(Notice(CLAIMED, f"claimed {claimed}: {note}", {"scores": scores}))
    return remarks


def _printed(claim: Mapping[str, Any]) -> str:
    """Return a claimed number as the paper prints it; runs of version 0.1 did not record that."""
    return str(claim.get("printed") or f"{claim['claimed']:g}")


def _score(model: Model, score: str) -> dict[str, Any]:
    if not model.runs:
        return {"value": None, "low": None, "high": None, "interval": "no result"}
    if len(model.runs) > 1:
        spread = seed_interval(model.values(score), range_of(score))
        if spread["t"] is None:
            said = f"no interval over {spread['n']} seeds: {spread['why']}"
            return {"value": spread["mean"], "low": None, "high": None, "interval": said}
        return {"value": spread["mean"], **spread["t"], "interval": f"t over {spread['n']} seeds"}
    ends = model.runs[0].scores["intervals"][score]
    return {"value": model.values(score)[0], "low": ends["low"], "high": ends["high"], "interval": "test samples"}


def _cells(row: Mapping[str, Any], marks: Mapping[str, int]) -> list[str]:
    """Return a row as texts; remarks as the numbers of ``marks``."""
    cells = [
        row["model"],
        row["dataset"],
        f"{row['protocol']} {row['split_hash']}",
        ", ".join(map(str, row["seeds"])) or "-",
    ]
    for score in HEADLINE:
        one = row[score]
        if one["value"] is None:
            cells.append("NOT A RESULT")
        elif one["low"] is None:
            cells.append(f"{one['value']:.4f} {one['interval']}")
        else:
            cells.append(f"{one['value']:.4f} [{one['low']:.4f}, {one['high']:.4f}] {one['interval']}")
        cells.append("; ".join(f"{number} ({source})" for number, source in one["claimed"]) or "-")
    return [*cells, ", ".join(str(marks[remark]) for remark in row["remarks"]) or "-"]


def _headings() -> list[str]:
    scores = [text for title in HEADLINE.values() for text in (f"{title} [95 % interval]", "claimed")]
    return ["model", "data", "protocol, split", "seeds", *scores, "notes"]


def _marks(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Number the remarks in the order of their first mention."""
    return {text: number for number, text in enumerate(dict.fromkeys(t for row in rows for t in row["remarks"]), 1)}


def _markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    marks, headings = _marks(rows), _headings()
    lines = [
        headings,
        ["---"] * len(headings),
        *([cell.replace("|", "\\|") for cell in _cells(row, marks)] for row in rows),
    ]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text + ("\n" if marks else "") + "".join(f"{number}. {remark}\n" for remark, number in marks.items())


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    plain = ("model", "dataset", "protocol", "part", "split_hash", "images")
    parts = ("value", "low", "high", "interval")
    writer = csv.writer(text, lineterminator="\n")
    scores = [f"{score}_{part}" for score in HEADLINE for part in (*parts, "claimed", "claimed_in")]
    writer.writerow([*plain, "seeds", "n", *[name.replace("_value", "") for name in scores], "remarks"])
    for row in rows:
        cells = [row[name] for name in plain] + [" ".join(map(str, row["seeds"])), row["n"]]
        for score in HEADLINE:
            one = row[score]
            cells += [one[part] for part in parts]
            cells += ["; ".join(number for number, _ in one["claimed"]), "; ".join(w for _, w in one["claimed"])]
        writer.writerow([*cells, "; ".join(row["remarks"])])
    return text.getvalue()


def _latex(rows: Sequence[Mapping[str, Any]]) -> str:
    marks = _marks(rows)
    lines = [_headings(), *(_cells(row, marks) for row in rows)]
    body = [" & ".join(escape_latex(cell) for cell in line) + r" \\" for line in lines]
    notes = [f"{number}: {escape_latex(remark)}\\par" for remark, number in marks.items()]
    begin = f"\\begin{{tabular}}{{{'l' * len(lines[0])}}}"
    return "\n".join([begin, r"\hline", body[0], r"\hline", *body[1:], r"\hline", r"\end{tabular}\par", *notes]) + "\n"


def escape_latex(text: str) -> str:
    r"""Return text that LaTeX prints as it stands; letters that pdflatex has no glyph for become their Unicode names.

    >>> escape_latex("100 % of a_b")
    '100 \\% of a\\_b'
    """
    return "".join(
        _LATEX.get(sign) or (sign if ord(sign) < 0x180 else f"[{unicodedata.name(sign, '?')}]") for sign in text
    )
