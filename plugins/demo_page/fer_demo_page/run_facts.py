"""Facts about the run on the page: its model card, and its scores with intervals, with and without copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_face_prediction.checkpoint_file import TrainedFile
from fer_face_prediction.predictor import Predictor

from fer_demo_page.answers import MAPS
from fer_demo_page.server import LARGEST
from fer_plugins.metrics.cluster_keys import describe_unit, interval_of
from fer_plugins.metrics.copies import copy_groups, find_too_few
from fer_plugins.metrics.table import CLASS_TABLE, SUMMARY
from fer_plugins.runs.manifest import header
from fer_plugins.runs.record import Record
from fer_plugins.runs.remarks import list_remarks, name_fault

Row = tuple[str, str]


def describe_run(predictor: Predictor, trained: TrainedFile, detector: str) -> dict[str, Any]:
    """Return the facts that the page shows, as JSON-compatible values.

    Args:
        predictor: the loaded run.
        trained: its checkpoint and record.
        detector: how faces are detected, in one line.
    """
    record = trained.record
    network = _network(predictor, trained)
    return {
        "name": dict(network)["Architecture"],
        "classes": list(predictor.classes),
        "maps": list(MAPS),
        "largest": LARGEST,
        "detector": detector,
        "warnings": _warnings(record),
        "scores": _scores(record) if record else None,
        "card": [*network, *(_training(record) if record else [])],
    }


def _warnings(record: Record | None) -> list[str]:
    if record is None:
        return ["A checkpoint on its own: its scores and its training are not known. Give the folder of the run."]
    status = record.manifest.get("status")
    texts = [f"This run is {status}, not finished."] if status != "finished" else []
    texts += map(name_fault, record.metrics.get("not_a_result", ()))
    texts += [
        f"{remark[0].upper()}{remark[1:]}." for remark in list_remarks({**record.manifest, "demonstration": False})
    ]
    if record.manifest["data"]["name"] == "synthetic":
        texts.append("Trained on synthetic faces: it says nothing about real ones.")
    return texts


def _scores(record: Record) -> dict[str, Any] | None:
    """Return the summary of the reported split and the rates of each class, for all images and without copies."""
    split = str(record.manifest.get("reported_on"))
    scores = record.metrics.get(split)
    if not scores:
        return None
    without = copy_groups(scores).get("without_copies")
    groups = {"all": _group(scores, {})}
    if without:
        groups["without"] = _group(without, find_too_few(scores, "without_copies"))
    return {
        "split": split,
        "data": record.manifest["data"]["title"],
        "over": describe_unit(scores),
        "groups": groups,
        "titles": dict(SUMMARY),
    }


def _group(scores: Mapping[str, Any], too_few: Mapping[str, str]) -> dict[str, Any]:
    by_class = (scores.get("intervals") or {}).get("per_class") or {}
    return {
        "n": scores["n"],
        "summary": {
            name: [None] * 3 if name in too_few else _with_ends(scores, interval_of(scores, name), name)
            for name in SUMMARY
        },
        "classes": {
            name: {metric: _with_ends(row, (by_class.get(name) or {}).get(metric), metric) for metric in CLASS_TABLE}
            for name, row in scores["per_class"].items()
        },
    }


def _with_ends(values: Mapping[str, Any], interval: Mapping[str, Any] | None, name: str) -> list[float | None]:
    """Return value, low and high; None for missing ones."""
    low, high = (interval[end] if interval else None for end in ("low", "high"))
    return [values.get(name), low, high]


def _network(predictor: Predictor, trained: TrainedFile) -> list[Row]:
    module, preprocessing = predictor.network.module, predictor.preprocessing
    config: Any = module.config  # of type RunConfig, which the type of a torch module does not show
    side, colour = preprocessing.image_size, "grey" if preprocessing.channels == 1 else "RGB"
    calibrated = f"temperature {predictor.temperature:.3g}, fitted on the validation split"
    return [
        ("Architecture", str(config.model.name)),
        ("Parameters", f"{sum(weights.numel() for weights in module.parameters()):,}"),
        ("Input", f"{side} x {side} pixels, {colour}"),
        ("Classes", ", ".join(predictor.classes)),
        ("Probabilities", calibrated if predictor.temperature != 1 else "softmax, not calibrated"),
        ("Checkpoint", trained.file.name),
    ]


def _training(record: Record) -> list[Row]:
    manifest: Mapping[str, Any] = record.manifest
    try:
        shown = header(record)
    except (KeyError, TypeError):  # a run that is not finished
        shown = {}
    paper, data = manifest.get("paper") or {}, manifest["data"]
    images = {split: sum(counts.values()) for split, counts in (data.get("counts") or {}).items()}
    part = "" if data.get("limit") is None else f"; only part of the data (data.limit {data['limit']})"
    sessions = manifest.get("sessions") or [{}]
    rows = {
        "Paper": ", ".join(str(paper[key]) for key in ("title", "venue", "year") if paper.get(key)),
        "Recipe": record.config.get("recipe"),
        **{key.capitalize(): text for key, text in shown.items()},
        "Images": ", ".join(f"{count:,} {split}" for split, count in images.items()) + part,
        "Split hash": data.get("split_hash"),
        "Commit": manifest.get("git"),
        "Trained": ", ".join(str(sessions[-1][key]) for key in ("started", "device") if sessions[-1].get(key)),
        "Assumed": ", ".join(manifest.get("assumed") or {}),
        "Warnings": "; ".join(map(str, manifest.get("warnings") or ())),
    }
    return [(key, str(text)) for key, text in rows.items() if text]
