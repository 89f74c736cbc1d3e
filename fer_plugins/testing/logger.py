"""The contract of ``fer_plugins.loggers``."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger

from fer_plugins import config
from fer_plugins.contract import KeepsCheckpoint, Result, ShowsFigures, ShowsResult
from fer_plugins.runtime.generators import kept_generators
from fer_plugins.testing.findings import Failed, Findings, listed
from fer_plugins.testing.signature import check_signature

_OFFERED = ("folder", "config", "resume_id")
ROW = {"epoch": 1, "train/loss": 1.5, "val/loss": 1.4, "val/accuracy": 0.5, "lr": 0.001, "seconds": 2.5}
RESULT = Result(
    epochs=2,
    values={"test/accuracy": 0.5, "test/kappa": None, "best_epoch": 1, "not_a_result": ""},
    classes=["anger", "happy"],
    matrices={"test/confusion_matrix": [[3, 1], [0, 4]]},
    tables={"test/per_class": (["class", "f1"], [["anger", 0.8], ["happy", None]])},
    shown="test/predictions",
    predictions=(["source", "true", "predicted", "p(anger)", "p(happy)"], [["a.png", "anger", "happy", 0.4, 0.6]]),
    images=[np.zeros((4, 4, 1), np.uint8)],
)


def check_logger(factory: Callable[..., Any]) -> None:
    """Check a logger: it follows a run from start to end, accepts all values, and writes only into the run's folder.

    Args:
        factory: ``(*, folder, config, resume_id, typed options) -> lightning Logger or None``; it may omit ``config``
            and ``resume_id``. Wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("logger", factory)
    named = check_signature(findings, factory, required=("folder",), offered=_OFFERED, defaults=True)
    before = set(os.listdir())
    with kept_generators(), tempfile.TemporaryDirectory() as folder:
        run_id = None
        for ending in ("success", "failed"):
            place = Path(folder, ending)
            place.mkdir()
            values = {"folder": place, "config": config.defaults(), "resume_id": run_id}
            logger = findings.attempt(
                functools.partial(factory, **{name: value for name, value in values.items() if name in named}),
                "builds",
                "building it for a run's folder",
                "take folder, config and resume_id where they are named, and give every option a default",
            )
            if isinstance(logger, Failed) or logger is None:
                continue
            if findings.require(
                isinstance(logger, Logger),
                "returns a logger",
                f"it returns a {type(logger).__name__}",
                "return a Logger of lightning.pytorch, or None",
            ):
                run_id = getattr(logger, "run_id", None)
                _follow(findings, logger, place, ending)
    new = sorted(set(os.listdir()) - before)
    findings.require(
        not new, "writes into the run's folder", f"{listed(new)} lies in the working folder", "write below folder"
    )
    findings.report()


def _follow(findings: Findings, logger: Logger, folder: Path, ending: str) -> None:
    run_id = getattr(logger, "run_id", None)
    findings.require(
        run_id is None or isinstance(run_id, str), "run_id is text", f"it is {run_id!r}", "keep a str, or no run_id"
    )
    (folder / "best.ckpt").write_bytes(b"weights")
    _write_picture(folder / "curves.png")
    row = dict(ROW)
    steps: list[tuple[str, Callable[[], Any]]] = [
        ("log_hyperparams", lambda: logger.log_hyperparams(config.defaults())),
        ("log_metrics of an epoch", lambda: logger.log_metrics(row, 1)),
        ("log_metrics with a key more", lambda: logger.log_metrics({**row, "epoch": 2, "health/x": float("nan")}, 2)),
    ]
    if isinstance(logger, ShowsResult):
        steps.append(("log_result", lambda: logger.log_result(RESULT)))
    else:
        steps.append(("log_metrics of the scores", lambda: logger.log_metrics(RESULT.numbers(), RESULT.epochs)))
    if isinstance(logger, KeepsCheckpoint):
        steps.append(("log_checkpoint", lambda: logger.log_checkpoint(folder / "best.ckpt")))
    if isinstance(logger, ShowsFigures):
        steps.append(("log_figures", lambda: logger.log_figures({"curves": folder / "curves.png"})))
    steps.append((f"finalize({ending!r})", lambda: logger.finalize(ending)))
    for action, step in steps:
        findings.attempt(step, "follows a run", action, "take plain values; None and nan stand for undefined scores")
    findings.require(row == ROW, "leaves its input alone", "it changes the row of an epoch", "work on a copy")


def _write_picture(path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(path)
