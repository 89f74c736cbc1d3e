"""A run draws itself when it is finished. Whatever goes wrong is a warning: a picture is worth no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from fer_plugins.analysis.figures.recorded import Drawn, RecordedRun, draw_recorded, name_run, read_recorded, recall
from fer_plugins.config import read_config
from fer_plugins.config.requirement import install_command
from fer_plugins.runs.record import Record
from fer_plugins.runtime.plain_values import shell_word

if TYPE_CHECKING:
    from fer_plugins.data.datamodule import FERDataModule


def draw_at_end(
    record: Record, data: FERDataModule | None = None, network: nn.Module | None = None
) -> tuple[dict[str, Path], list[str]]:
    """Draw a finished run into its ``figures/``, as ``logger.figures`` says; about two seconds.

    Drawn are what the run recorded, its augmentation, and what the network explains itself with on validation images.
    Nothing is drawn without matplotlib (a warning says so), with ``logger.figures: off``, or ``logger.name: none``.

    Args:
        record: of the run, or of a protocol's folds; finished, and written.
        data: of the run; None for folds.
        network: the selected one; None for folds.

    Returns:
        File name without its ending -> PNG; and sentences for the warnings of the manifest.
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
        except Exception as error:  # of matplotlib, of a plug-in's explain, of a full disk
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            warnings.append(f"figures are missing ({reason}); draw them with: fer figures {shell_word(record.folder)}")
    return pictures, warnings


def _sources(
    record: Record, data: FERDataModule | None, network: nn.Module | None
) -> Iterator[Callable[[], Iterator[Drawn]]]:
    if record.manifest.get("reported_on") in record.metrics:  # not where folds test a sample twice
        yield lambda: draw_recorded(_recorded(record))
    if data is not None:
        yield lambda: _augmentation(record, data)
    if data is not None and network is not None and (data.test_openings or not data.selects_on_test):
        yield lambda: _explained(record, data, network)


def _recorded(record: Record) -> RecordedRun:
    """Return what a run recorded; its predictions are those in memory where this process made them."""
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
