"""``fer figures``: a run's record, its augmentation and its network as figures, and bars of several runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fer_plugins.analysis.figures.recorded import (
    Drawn,
    draw_recorded,
    name_run,
    read_recorded,
)
from fer_plugins.config.registry import nearest
from fer_plugins.config.requirement import install_command
from fer_plugins.runs.read_runs import read_finished
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError

if TYPE_CHECKING:
    from fer_plugins.data.datamodule import FERDataModule

_USAGE = (
    "fer figures: expected the folders of finished runs: fer figures RUN... "
    "[--bars FILE [--score accuracy|f1] | --augmentation [--out FOLDER] | --explain [--part val|test]]"
)
_VALUES = ("--bars", "--score", "--out", "--part")  # flags that take one
_KINDS = ("--bars", "--augmentation", "--explain")
_BELONG = {"--score": "--bars", "--out": "--augmentation", "--part": "--explain"}


@dataclass
class _Words:
    folders: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)


def figures(words: list[str]) -> int:
    """Draw the figures that are asked for; print what was written and what could not be drawn.

    Args:
        words: folders of runs (with ``--augmentation`` also configuration files), and flags.

    Raises:
        InputError: no folder, an unknown flag, a folder that is no finished run's, or matplotlib missing; every
            folder is read before anything is drawn.
        RunError: a figure cannot be written.
    """
    asked = _sort(words)
    try:
        import matplotlib.figure  # noqa: F401  # missing, or too broken to be imported
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise InputError(f"fer figures: matplotlib is not installed; {install_command('matplotlib')}") from None
    if "--bars" in asked.flags:
        return _bars(asked)
    if "--augmentation" in asked.flags:
        sheets = [_augmentation(word, asked.flags.get("--out")) for word in asked.folders]
        return _write(sheets)
    if "--explain" in asked.flags:
        return _write([_explained(word, asked.flags.get("--part", "val")) for word in asked.folders])
    runs = [read_recorded(word) for word in asked.folders]
    return _write((run.record.folder / "figures", draw_recorded(run)) for run in runs)


def _write(sheets: Iterator[tuple[Path, Iterator[Drawn]]] | Sequence[tuple[Path, Iterator[Drawn]]]) -> int:
    from fer_plugins.analysis.figures.style import write_figure

    for folder, drawn in sheets:
        for name, figure, reason in drawn:
            if figure is None:
                print(f"{folder.parent}: no {name}: {reason}")
                continue
            print(*write_figure(figure, folder, name))
    return 0


def _bars(asked: _Words) -> int:
    from fer_plugins.analysis.figures.bars import SCORES, draw_bars
    from fer_plugins.analysis.figures.style import drawing, write_figure
    from fer_plugins.commands.table import table_rows
    from fer_plugins.runs.read_runs import read_runs

    score = asked.flags.get("--score", "accuracy")
    if score not in SCORES:
        raise InputError(f"fer figures: --score {score}: expected one of {', '.join(SCORES)}")
    given = asked.flags["--bars"]
    path = Path(given)
    if given.endswith(os.sep) or os.path.isdir(path):
        raise InputError(f"fer figures: --bars {given}: is a folder; give the name of a file in it")
    path = path.with_suffix("") if path.suffix in (".png", ".svg") else path
    if not os.path.isdir(path.parent):
        raise InputError(f"fer figures: --bars {given}: there is no folder {path.parent}")
    rows = table_rows(read_runs(asked.folders))
    with drawing():
        figure = draw_bars(rows, score)
    print(*write_figure(figure, path.parent, path.name))
    for row in rows:
        for remark in row["remarks"]:
            about = remark.partition(": ")[0].lower()  # "claimed accuracy (Table 7), macro f1 (Table 8)"
            if not about.startswith("claimed ") or score in about:
                print(f"{row['model']}, {row['dataset']}: {remark}")
    return 0


def _augmentation(word: str, out: str | None) -> tuple[Path, Iterator[Drawn]]:
    """Return the folder and the sheet of a run's or a configuration file's augmentation, drawn already."""
    from fer_plugins import config
    from fer_plugins.analysis.figures.augmentations import draw_augmentation
    from fer_plugins.training.build import build_data

    if out and not os.path.isdir(Path(out).absolute().parent):
        raise InputError(f"fer figures: --out {out}: there is no folder {Path(out).parent}")
    if out and os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"fer figures: --out {out}: is a file; give a folder")
    if Path(word).suffix in (".yaml", ".yml"):
        settings, folder = config.resolve({}, files=[word]).config, Path("figures")
    else:
        record = Record.read(word)
        settings, folder = config.resolve(record.config).config, record.folder / "figures"
    if settings["augmentation"]["name"] == "none":
        raise InputError(f"{word}: its augmentation is none, which changes nothing; there is nothing to show")
    figure = draw_augmentation(build_data(settings), settings)
    return Path(out or folder), iter([("augmentation", figure, "the augmentation changes nothing")])


def _explained(word: str, part: str) -> tuple[Path, Iterator[Drawn]]:
    """Return the folder and the sheet of what a run's selected network explains itself with, drawn already."""
    from fer_plugins import config
    from fer_plugins.analysis.figures.explained import draw_explained
    from fer_plugins.analysis.robustness.opened_run import record_opening
    from fer_plugins.contract import HasExplain
    from fer_plugins.training.build import build_data
    from fer_plugins.training.module import FERModule

    if part not in ("val", "test"):
        raise InputError(f"fer figures: --part {part}: expected val or test")
    record = read_finished(word)
    if "folds" in record.manifest:
        raise InputError(f"{word}: holds folds, a network each; give the folder of one of them")
    best = record.checkpoints / "best.ckpt"
    if not best.is_file():
        raise InputError(
            f"{word}: checkpoints/best.ckpt is not there; repeat the run: fer-run --config {word}/config.yaml"
        )
    module = FERModule.load_from_checkpoint(best)
    if not isinstance(module.network, HasExplain):
        raise InputError(f"{word}: {record.manifest['plugin']['name']} has no explain(x), so there is nothing to show")
    data = build_data(config.resolve(record.config).config)
    _check_data(record, data)
    if part == "test" or data.selects_on_test:
        record_opening(record, data, "fer figures", "explain, seven images")
    try:
        figure, left_out = draw_explained(module.network, data, part, name_run(record))
    except Exception as error:  # whatever the plug-in's code raises
        raise RunError(
            f"{word}: explain fails: {' '.join(str(error).split())[:200] or type(error).__name__}"
        ) from error
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


def _sort(words: Sequence[str]) -> _Words:
    asked = _Words()
    known = [*_KINDS, *_BELONG]
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            asked.folders.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known:
            raise InputError(f"fer figures: unknown word {word!r}{nearest(name, known)}; known: {', '.join(known)}")
        if name in _VALUES:
            value = value if equals else next(left, "")
            if not value or value.startswith("--"):
                raise InputError(f"fer figures: {name} needs a value; {_USAGE.partition(': ')[2]}")
        elif equals:
            raise InputError(f"fer figures: {name} takes no value")
        asked.flags[name] = value
    if not asked.folders:
        raise InputError(_USAGE)
    kinds = [name for name in _KINDS if name in asked.flags]
    if len(kinds) > 1:
        raise InputError(f"fer figures: {' and '.join(kinds)}: give one of them")
    for name, kind in _BELONG.items():
        if name in asked.flags and kind not in asked.flags:
            raise InputError(f"fer figures: {name} belongs to {kind}; add it, or leave {name} out")
    return asked
