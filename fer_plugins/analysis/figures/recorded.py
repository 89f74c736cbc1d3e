"""Draws what a finished run recorded; used at the end of a run as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from fer_plugins.config import read_config
from fer_plugins.config.requirement import install_command
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.runs.elsewhere import KEY, LABEL
from fer_plugins.runs.epoch_rows import read_epochs
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.plain_values import shell_word

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fer_plugins.data.datamodule import FERDataModule


Drawn = tuple[str, "Figure | None", str]  # file name, figure or None, reason if there is no figure


@dataclass(frozen=True)
class RecordedRun:
    """A finished run, or the folds of a protocol pooled, with the predictions of the split to draw."""

    record: Record
    split: str  # the split to draw
    predictions: Predictions
    epochs: list[dict[str, float]]  # rows of metrics.csv; empty if the file does not exist
    counts: dict[str, dict[str, int]] | None  # as returned by ``count_classes``
    uncounted: str  # why there are no counts


def read_recorded(folder: str | Path, split: str = "") -> RecordedRun:
    """Read the folder of a finished run.

    Args:
        folder: the run's folder.
        split: the split to draw; "": the one that the run reports on.

    Raises:
        InputError: see ``read_run``, or the record lacks values that are drawn.
    """
    run = read_run(folder, wanted=split)
    return recall(run.record, run.split, run.predictions.to_predictions())


def recall(record: Record, split: str, predictions: Predictions) -> RecordedRun:
    """Return the data to draw for a finished run whose predictions are already in memory.

    Raises:
        InputError: metrics.csv is damaged, or the record lacks values that are drawn.
    """
    try:
        for scores in (*(record.metrics.get("targets") or {}).values(), record.metrics[split]):
            classes = [str(name) for name in scores["classes"]]
            np.asarray(scores["confusion_matrix"], dtype=int).reshape(len(classes), len(classes))
            _ = [scores["per_class"][name]["support"] for name in classes]
        counts, uncounted = count_classes(record.manifest, record.config)
        _ = [sum(series.values()) for series in (counts or {}).values()]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{record.folder}: its record was not written by a run of this version ({error})") from None
    return RecordedRun(record, split, predictions, read_epochs(record.folder / "metrics.csv"), counts, uncounted)


def draw_recorded(run: RecordedRun) -> Iterator[Drawn]:
    """Yield every figure of what a run recorded, or the reason why it cannot be drawn."""
    from fer_plugins.analysis.figures.classes import draw_confusion, draw_distribution, draw_per_class, draw_targets
    from fer_plugins.analysis.figures.copies import draw_copies
    from fer_plugins.analysis.figures.curves import draw_curves
    from fer_plugins.analysis.figures.probabilities import draw_reliability, draw_roc
    from fer_plugins.analysis.figures.style import drawing

    manifest, predictions, scores = run.record.manifest, run.predictions, run.record.metrics[run.split]
    name = name_run(run.record)
    title = f"{name}, {run.split}, {scores['n']:,} images"
    finite = bool(np.isfinite(predictions.probabilities).all())
    unfit = "one class only" if finite else "probabilities that are not finite numbers"
    counts = run.counts
    reported = run.split == manifest["reported_on"]
    ending = "" if reported else f"_{run.split}"  # so that the figures of the reported split are not overwritten
    with drawing():
        if reported:
            curves = draw_curves(run.epochs, manifest.get("best_epoch"), name) if run.epochs else None
            why_none = "there is no metrics.csv, or no epoch in it (folds have one each; logger none writes none)"
            yield "curves", curves, why_none
        yield f"confusion_counts{ending}", draw_confusion(scores, title, shares=False), ""
        yield f"confusion_shares{ending}", draw_confusion(scores, title, shares=True), ""
        yield f"per_class{ending}", draw_per_class(scores, title), ""
        yield f"reliability{ending}", draw_reliability(predictions, title) if finite else None, unfit
        yield f"roc{ending}", draw_roc(predictions, scores["classes"], title) if finite else None, unfit
        if run.split != "train":
            yield f"copies{ending}", draw_copies(scores, title), f"no image of {run.split} has a copy in training"
        if not reported:
            return
        yield "class_distribution", draw_distribution(counts, name) if counts else None, run.uncounted
        yield from draw_targets(run.record.metrics.get("targets") or {}, name)


def name_run(record: Record) -> str:
    """Return the part of a run's figure titles that is common to all of them."""
    manifest = record.manifest
    faults = record.metrics.get("not_a_result") or manifest.get("not_a_result")
    model = record.config.get("model") or {}
    pool = model.get("pool")
    pool = pool.get("name") if isinstance(pool, Mapping) else pool
    who = ".".join(filter(None, (manifest["plugin"]["name"], record.config.get("recipe"))))
    who += f" ({pool} pooling)" if pool else ""
    who += f", {LABEL}" if manifest.get(KEY) else ""
    return f"{who}, {manifest['data']['title']}{', NOT A RESULT' if faults else ''}"


def count_classes(
    manifest: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, dict[str, int]] | None, str]:
    """Return the number of images per class, series -> {class: images}; or None, and the reason.

    With ``data.balance`` the series are those before and after balancing, for the split that was balanced; otherwise
    they are the splits. Oversampling repeats images during training: "after" are then the images of an epoch.
    """
    counts = manifest["data"].get("counts")
    if not counts:
        return None, "folds have one each"
    one_split = manifest.get("selected_on", {}).get("split") == "test"  # validation and test are the same images
    balance = (settings.get("data") or {}).get("balance", "none")
    if balance == "oversample":
        before = counts["train"]
        after = {name: max(before.values()) if count else 0 for name, count in before.items()}
        return {"training, before": before, "training, an epoch after oversampling": after}, ""
    if balance == "augment":
        before = manifest["data"].get("counts_before_balancing")
        if not before:
            return None, "the run did not record the counts before balancing"
        if "train" in before:
            return {"training, before": before["train"], "training, after augmentation": counts["train"]}, ""
        splits = [counts[split] for split in (("train", "val") if one_split else ("train", "val", "test"))]
        after = {name: sum(split[name] for split in splits) for name in counts["train"]}
        return {"all images, before": before["all"], "all images, after augmentation": after}, ""
    if one_split:
        return {"training": counts["train"], "validation, which is test": counts["val"]}, ""
    return {"training": counts["train"], "validation": counts["val"], "test": counts["test"]}, ""


def draw_at_end(
    record: Record, data: FERDataModule | None = None, network: nn.Module | None = None
) -> tuple[dict[str, Path], list[str]]:
    """Draw a finished run into its ``figures/`` according to ``logger.figures``; takes about two seconds.

    The figures show what the run recorded, its augmentation, and ``network.explain`` on validation images. Nothing is
    drawn without matplotlib (which gives a warning), with ``logger.figures: off``, or with ``logger.name: none``.

    Args:
        record: record of the finished run, or of a protocol's folds; already written.
        data: data of the run; None for folds.
        network: the selected network; None for folds.

    Returns:
        File name without extension -> PNG file; and sentences for the warnings in the manifest.
    """
    logger = record.config["logger"]
    if logger.get("figures") == "off" or logger["name"] == "none":
        return {}, []
    if find_spec("matplotlib") is None:
        remedy = f"{install_command('matplotlib')}, then fer figures {shell_word(record.folder)}"
        return {}, [f"figures are missing: matplotlib is not installed; {remedy}"]
    pictures: dict[str, Path] = {}
    warnings = []
    for draw in _sources(record, data, network):
        try:
            from fer_plugins.analysis.figures.style import write_figure

            for name, figure, _ in draw():
                if figure is not None:
                    pictures[name] = write_figure(figure, record.folder / "figures", name)[0]
        except Exception as error:  # for example of matplotlib, a plug-in's explain, or a full disk
            reason = one_line(error, 200)
            warnings.append(f"figures are missing ({reason}); draw them with: fer figures {shell_word(record.folder)}")
    return pictures, warnings


def _sources(
    record: Record, data: FERDataModule | None, network: nn.Module | None
) -> Iterator[Callable[[], Iterator[Drawn]]]:
    if record.manifest.get("reported_on") in record.metrics:  # not if several folds test the same sample
        yield lambda: draw_recorded(_recorded(record))
    if data is not None:
        yield lambda: _augmentation(record, data)
    if data is not None and network is not None and (data.test_openings or not data.selects_on_test):
        yield lambda: _explained(record, data, network)


def _recorded(record: Record) -> RecordedRun:
    """Return what a run recorded; its predictions are taken from memory if this process made them."""
    split = record.manifest["reported_on"]
    if split not in record.written:
        return read_recorded(record.folder)
    predictions, datasets = record.written[split]
    return recall(record, split, predictions.choose(np.asarray(datasets) == "") if datasets else predictions)


def _augmentation(record: Record, data: FERDataModule) -> Iterator[Drawn]:
    from fer_plugins.analysis.figures.augmentations import draw_augmentation

    yield "augmentation", draw_augmentation(data, read_config(record.config)), ""


def _explained(record: Record, data: FERDataModule, network: nn.Module) -> Iterator[Drawn]:
    from fer_plugins.analysis.figures.explained import draw_explained

    yield "explained", draw_explained(network, data, "val", name_run(record))[0], ""
