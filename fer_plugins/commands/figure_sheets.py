"""The image sheets of ``fer figures``: an augmentation, samples, and a network's explanations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fer_plugins.runtime.errors import InputError, RunError, one_line
from fer_plugins.runtime.plain_values import shell_word

if TYPE_CHECKING:
    from fer_plugins.analysis.figures.recorded import Drawn
    from fer_plugins.config import RunConfig
    from fer_plugins.data.datamodule import FERDataModule
    from fer_plugins.runs.record import Record


def augmentation_sheet(word: str, out: str | None) -> tuple[Path, Iterator[Drawn]]:
    """Draw the sheet of the augmentation of a run or configuration file; return its folder and the figure."""
    from fer_plugins.analysis.figures.augmentations import draw_augmentation
    from fer_plugins.training.build import build_data

    settings, folder = _settings(word, out)
    if settings.augmentation.name == "none":
        raise InputError(f"{word}: its augmentation is none, which changes nothing; there is nothing to show")
    figure = draw_augmentation(build_data(settings), settings)
    return folder, iter([("augmentation", figure, "the augmentation changes nothing")])


def samples_sheet(word: str, out: str | None) -> tuple[Path, Iterator[Drawn]]:
    """Draw the sheet of training images of a run or configuration file; return its folder and the figure."""
    from fer_plugins.analysis.figures.augmentations import draw_samples
    from fer_plugins.training.build import build_data

    settings, folder = _settings(word, out)
    return folder, iter([("samples", draw_samples(build_data(settings)), "")])


def _settings(word: str, out: str | None) -> tuple[RunConfig, Path]:
    """Return the configuration of a run or a file, and the folder for its sheets."""
    from fer_plugins import config
    from fer_plugins.runs.elsewhere import require_network
    from fer_plugins.runs.record import Record

    if out and not os.path.isdir(Path(out).absolute().parent):
        raise InputError(f"--out {out}: there is no folder {Path(out).parent}")
    if out and os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"--out {out}: is a file; give a folder")
    if Path(word).suffix in (".yaml", ".yml"):
        return config.resolve({}, files=[word]).config, Path(out or "figures")
    record = Record.read(word)
    require_network(record)
    return config.resolve(record.config).config, Path(out or record.folder / "figures")


def explained_sheet(word: str, split: str) -> tuple[Path, Iterator[Drawn]]:
    """Draw the sheet of the explanations of a run's selected network; return its folder and the figure."""
    from fer_plugins import config
    from fer_plugins.analysis.figures.explained import draw_explained
    from fer_plugins.analysis.figures.recorded import name_run
    from fer_plugins.analysis.opened_run import record_opening
    from fer_plugins.contract import HasExplain
    from fer_plugins.runs.elsewhere import require_network
    from fer_plugins.runs.read_runs import read_finished
    from fer_plugins.training.build import build_data
    from fer_plugins.training.module import FERModule

    record = read_finished(word)
    require_network(record)
    if "folds" in record.manifest:
        raise InputError(f"{word}: holds folds, a network each; give the folder of one of them")
    best = record.checkpoints / "best.ckpt"
    if not best.is_file():
        raise InputError(
            f"{word}: checkpoints/best.ckpt does not exist; repeat the run: fer-run "
            f"--config {shell_word(word)}/config.yaml"
        )
    module = FERModule.load_from_checkpoint(best)
    if not isinstance(module.network, HasExplain):
        raise InputError(f"{word}: {record.manifest['plugin']['name']} has no explain(x), so there is nothing to show")
    data = build_data(config.resolve(record.config).config)
    _check_data(record, data)
    if split == "test" or data.selects_on_test:
        record_opening(record, data, "fer figures", "explain, seven images")
    try:
        figure, left_out = draw_explained(module.network, data, split, name_run(record))
    except Exception as error:  # the plug-in's code may raise anything
        raise RunError(f"{word}: explain fails: {one_line(error, 200)}") from error
    if left_out:
        print(f"{word}: no picture of {', '.join(left_out)}: more than four dimensions, or not finite")
    return record.folder / "figures", iter([("explained", figure, "")])


def _check_data(record: Record, data: FERDataModule) -> None:
    then = record.manifest["data"].get("split_hash")
    if then != data.split_hash:
        raise InputError(
            f"{record.folder}: the data have changed (split {then} then, "
            f"{data.split_hash} now); give it the copy that it was trained on"
        )
