"""Writes the folder of a finished run from labels and predictions, through the same code as a training does."""

import numpy as np
import yaml

from fer_plugins.metrics.copies import score_copies
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import score
from fer_plugins.runs.record import Record

CLASSES = ["anger", "happy", "neutral"]


def write_run(
    folder,
    true,
    predicted,
    *,
    seed=0,
    lr=0.001,
    split_hash="5a5a",
    faults=(),
    sources=None,
    split="test",
    copies=None,
    subjects=None,
    title="Faces",
):
    """Write config.yaml, manifest.json, metrics.json and predictions.csv; return the folder.

    ``copies``: "exact", "near" or "" of each image; None: the run is of a version that did not record them.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    size = len(true)
    (folder / "checkpoints").mkdir(parents=True)
    record = Record(folder)
    settings = {
        "plugin": "net",
        "recipe": None,
        "seed": seed,
        "model": {"name": "net", "pool": None},
        "data": {"name": "faces", "root": str(folder)},
        "protocol": {"name": "official", "seed": 0},
        "optimizer": {"name": "Adam", "lr": lr},
        "trainer": {"epochs": 5, "threads": seed + 1},
        "run": {"output": "runs", "fold": 0},
    }
    record.write_config(yaml.safe_dump(settings))
    probabilities = np.full((size, len(CLASSES)), 0.1)
    probabilities[np.arange(size), predicted] = 0.8
    loss = -np.log(probabilities[np.arange(size), true])
    answers = Predictions(np.arange(size), true, predicted, probabilities, loss, int((true == predicted).sum()))
    scores = score(answers, CLASSES)
    record.metrics = {split: scores, "claims": [], "not_a_result": list(faults)}
    recorded = {}
    if copies is not None:
        status = np.asarray(copies)
        kinds = {kind: int((status == kind).sum()) for kind in ("exact", "near")}
        recorded = {"copies_in_training": {split: kinds}}
        scores |= {"copies": score_copies(answers, status, CLASSES, near_searched=True)} if (status != "").any() else {}
    column = {split: copies} if "copies" in scores else None
    names = sources or [f"{n:04}.png" for n in range(size)]
    people = None if subjects is None else {split: list(subjects)}
    record.write_predictions({split: (names, answers)}, CLASSES, {"copy": column, "subject": people})
    record.write_metrics()
    record.write_manifest(
        status="finished",
        plugin={"name": "net", "distribution": "fer-net", "version": "1"},
        data={
            "name": "faces",
            "title": title,
            "fingerprint": "f1",
            "split_hash": split_hash,
            "classes": CLASSES,
            "limit": None,
            **recorded,
        },
        protocol={"name": "official", "seed": 0, "fold": 0, "flaw": None},
        reported_on=split,
        seeds={"run": seed, "protocol": 0},
        demonstration=False,
    )
    return folder


def draw(seed, size=300, accuracy=0.7):
    """Return true classes, the same for every seed, and predictions that are right with probability ``accuracy``."""
    true = np.random.default_rng(0).integers(0, len(CLASSES), size)
    random = np.random.default_rng(seed)
    wrong = (true + random.integers(1, len(CLASSES), size)) % len(CLASSES)
    return true, np.where(random.random(size) < accuracy, true, wrong)


def write_models(place, count, *, title="Faces", seeds=(0,), size=150, step=0.03):
    """Write runs of models on one dataset, each more accurate than the last by ``step``; return the folders."""
    folders = []
    for number in range(count):
        for seed in seeds:
            true, predicted = draw(1000 * len(title) + 10 * number + seed, size=size, accuracy=0.6 + step * number)
            settings = {"lr": round(0.1 * (number + 1), 1), "seed": seed, "title": title, "split_hash": title}
            folders.append(str(write_run(place / f"{title}-{number}-{seed}", true, predicted, **settings)))
    return folders
