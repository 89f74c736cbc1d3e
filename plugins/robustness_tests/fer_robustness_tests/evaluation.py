"""One evaluation of a finished run: opens it, runs the requested measurements, writes evaluation.json and figures."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_plugins.analysis.network import Split, predict
from fer_plugins.analysis.opened_run import (
    OpenedRun,
    check_run,
    compare_with_record,
    make_split,
    open_run,
    open_split,
)
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import score
from fer_plugins.runs import record as records
from fer_plugins.runs.evaluation_file import FILE
from fer_plugins.runtime.errors import InputError
from fer_robustness_tests import saliency
from fer_robustness_tests.calibration_suite import measure_calibration
from fer_robustness_tests.corruption import measure_corruption
from fer_robustness_tests.description import describe
from fer_robustness_tests.occlusion import measure_occlusion
from fer_robustness_tests.shift import measure_shift
from fer_robustness_tests.tta import measure_tta

SUITES = ("shift", "corruption", "occlusion", "calibration")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """Requested measurements."""

    suites: tuple[str, ...] = SUITES
    tta: tuple[str, ...] = ()
    saliency: tuple[str, ...] = ()
    split: str | None = None  # "test", "val" or "train"; None: the split that the run reports
    limit: int | None = None  # number of images, stratified by class; None: all
    seed: int = 0  # of noise, boxes, examples and resamples


def evaluate_run(
    folder: str | Path, request: Request, *, out: str | Path | None = None, say: Say = lambda text: None
) -> dict[str, Any]:
    """Measure a finished run and write ``evaluation.json``, and figures if saliency is requested.

    The run is unchanged except for its manifest, which gets an entry if the test split is opened.

    Args:
        folder: folder of the run.
        request: requested measurements.
        out: output folder; None: the run's folder.
        say: function that prints a line of progress.

    Returns:
        Content of evaluation.json: ``run``, ``plugin``, ``checkpoint``, ``data``, ``protocol``, ``split``, ``n``,
        ``of``, ``limit``, ``seeds``, ``versions``, ``not_a_result``, ``warnings``, ``agreement`` with predictions.csv,
        ``plain`` (scores of the unchanged images), ``suites``, ``tta``, ``saliency``.

    Raises:
        InputError: the run cannot be evaluated as requested; nothing was written, except for the manifest entry if a
            saliency method fails on the network.
        RunError: a file cannot be written.
    """
    run = check_run(folder)
    place = _check_out(run.record.folder if out is None else Path(out).expanduser())
    split_name = request.split or run.split
    opened = open_run(run)
    if request.saliency:
        saliency.check_saliency(list(request.saliency), opened.architecture)
        saliency.try_methods(list(request.saliency), opened.network, opened.run.record.config["data"])
    suites = _check_calibration(request, opened, split_name)
    measurements = {"suite": suites, "tta": request.tta, "saliency": request.saliency}
    purpose = "; ".join(f"{kind} {', '.join(names)}" for kind, names in measurements.items() if names)
    with _making(place):
        return _measure_all(opened, request, suites, split_name, purpose, place, say)


def _measure_all(
    opened: OpenedRun, request: Request, suites: list[str], split_name: str, purpose: str, place: Path, say: Say
) -> dict[str, Any]:
    split, size = open_split(opened, split_name, request.limit, purpose)
    say(f"{len(split):,} of {size:,} images of {split_name}, {opened.network.device}, {opened.network.precision}")
    plain = predict(opened.network.logits, split, opened.classes)
    lost = int((~np.isfinite(plain.probabilities)).any(1).sum())
    if lost:
        raise InputError(
            f"{opened.run.record.folder / opened.checkpoint['file']}: the network's answers are not finite numbers for "
            f"{lost:,} of {len(split):,} images, so nothing can be measured; repeat the run"
        )
    evaluation = describe(opened, split, size, request.limit, request.seed)
    evaluation["agreement"] = compare_with_record(opened, split, plain)
    if evaluation["agreement"] and evaluation["agreement"]["different"]:
        count = "{different:,} of {images:,}".format(**evaluation["agreement"])
        evaluation["warnings"].append(
            f"{count} answers are not those in predictions.csv: another device or version, or another checkpoint"
        )
    evaluation["plain"] = score(plain, opened.classes, seed=request.seed)
    figures, evaluation["saliency"] = _explain(opened, request, split, plain, say)
    evaluation["suites"] = {}
    for suite in suites:
        say(f"{suite} ...")
        evaluation["suites"][suite] = _measure(suite, opened, split, plain, request.seed)
    evaluation["tta"] = {}
    for way in request.tta:
        say(f"{way} ...")
        evaluation["tta"][way] = measure_tta(opened.network, split, opened.classes, plain, way, request.seed)
    if figures:
        from fer_plugins.analysis.figures.style import write_figure

        for name, figure in figures.items():
            files = write_figure(figure, place / "figures", f"saliency_{name}")
            evaluation["saliency"][name]["files"] = [str(file.relative_to(place)) for file in files]
    records.write_atomically(place / FILE, json.dumps(evaluation, indent=2) + "\n")
    say(f"written to {place / FILE}")
    return evaluation


def _check_out(place: Path) -> Path:
    """Check before any work that the folder is writable and holds no evaluation; creates nothing."""
    above = next(folder for folder in (place.absolute(), *place.absolute().parents) if os.path.exists(folder))
    if not above.is_dir():
        raise InputError(f"--out {place}: {above} is a file; give a folder")
    if os.path.exists(place / FILE):
        raise InputError(f"{place / FILE}: already exists; give another folder with --out FOLDER, or remove it")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"{above}: not writable; give another folder with --out FOLDER")
    return place


@contextlib.contextmanager
def _making(place: Path) -> Iterator[None]:
    """Create the folder before the work that fills it; remove it again if it stays empty."""
    made = not os.path.exists(place)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {place}: cannot be made: {error.strerror}") from None
    try:
        yield
    except BaseException:
        if made:
            with contextlib.suppress(OSError):  # not empty
                place.rmdir()
        raise


def _check_calibration(request: Request, opened: OpenedRun, split: str) -> list[str]:
    """Return the suites without calibration if its temperature would be fitted on the images to be tested.

    Raises:
        InputError: calibration is the only requested suite.
    """
    if "calibration" not in request.suites:
        return list(request.suites)
    reason = ""
    if split == "val":
        reason = "the temperature is fitted on val, so it cannot be measured there"
    elif opened.data.selects_on_test:
        reason = "under this protocol val is the test split, and the temperature may not be fitted on it"
    if not reason:
        return list(request.suites)
    if request.suites == ("calibration",):
        raise InputError(f"--suite calibration: {reason}")
    opened.warnings.append(f"calibration was left out: {reason}")
    return [suite for suite in request.suites if suite != "calibration"]


def _measure(suite: str, opened: OpenedRun, split: Split, plain: Predictions, seed: int) -> dict[str, Any]:
    network = opened.network
    if suite == "shift":
        return measure_shift(network, split, seed)
    if suite == "corruption":
        return measure_corruption(network, split, seed)
    if suite == "occlusion":
        return measure_occlusion(network, split, seed)
    val = make_split(opened, "val", opened.data.rows("val"))
    return measure_calibration(network, split, val, plain, seed)


def _explain(
    opened: OpenedRun, request: Request, split: Split, plain: Predictions, say: Say
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures by method, and what to record about each."""
    if not request.saliency:
        return {}, {}
    from fer_plugins.analysis.figures.recorded import name_run
    from fer_plugins.analysis.figures.style import drawing
    from fer_robustness_tests.saliency_sheet import draw_maps, draw_pictures

    title = f"{name_run(opened.run.record)}, {split.name}"
    figures: dict[str, Any] = {}
    maps_of_method: dict[str, Any] = {}
    for method in request.saliency:
        say(f"{method} ...")
        example_count = saliency.EXAMPLES if method != "explain" else saliency.EXAMPLES // 2
        chosen = saliency.choose_examples(plain, request.seed, example_count)
        examples = saliency.gather(split, plain, chosen, opened.classes, opened.data.source_names(split.rows[chosen]))
        maps_of_method[method] = {"examples": examples.source}
        if method == "explain":
            pictures = saliency.explain(opened.architecture, opened.network.place(examples.images))
            with drawing():
                figures[method], maps_of_method[method]["pictures"] = draw_pictures(examples, pictures, title)
        else:
            maps = saliency.find_maps(method, opened.network, examples, request.seed)
            maps_of_method[method]["blank"] = int((np.abs(maps).max((1, 2)) == 0).sum())
            with drawing():
                figures[method] = draw_maps(method, examples, maps, title)
    return figures, maps_of_method
