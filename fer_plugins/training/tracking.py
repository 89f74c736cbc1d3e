"""Follows a run: a row an epoch in metrics.csv, and the W&B dashboards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer_plugins.config.wandb_environment import install_wandb, wandb_installed
from fer_plugins.metrics.installed import known
from fer_plugins.metrics.table import CLASS_TABLE, HEADLINE
from fer_plugins.runs.epoch_rows import EpochRows
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.wandb_board import Board

if TYPE_CHECKING:
    import numpy.typing as npt

    from fer_plugins.metrics.metrics import Predictions

ReadImages: TypeAlias = "Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]"
NAMES = ("wandb", "csv", "none")
MODES = ("disabled", "offline", "online")  # from none to most network
SHOWN = 32  # predictions in the table with images


def start(config: Mapping[str, Any], folder: Path, *, resume_id: str | None = None) -> Tracker:
    """Start following a run, as ``config["logger"]`` says.

    ``name`` wandb, csv or none: ``csv`` writes ``metrics.csv`` into the folder, ``wandb`` that and a W&B run whose
    files lie in ``folder/wandb``, or in ``dir``. ``mode`` offline, online or disabled (no W&B run). ``project``,
    ``entity``, ``group``, ``tags``, ``run_name`` (defaults of group and name: ``wandb_names``) and ``log_model`` go to
    W&B; what the environment says of them is in the configuration already. Offline, nothing is sent, asked or looked
    up; ``wandb sync`` uploads such a run later.

    Args:
        config: the resolved configuration, all of which becomes the W&B config.
        folder: of the run; exists.
        resume_id: ``run_id`` of the run that goes on, from its manifest.

    Raises:
        InputError: an unknown name or mode, wandb missing, online without login, or W&B not reachable.
    """
    logger = dict(config.get("logger") or {})
    name, mode = logger.get("name", "wandb"), logger.get("mode", "offline")
    if name not in NAMES:
        raise InputError(f"logger.name: {name!r} must be one of {', '.join(NAMES)}")
    if mode not in MODES:
        raise InputError(f"logger.mode: {mode!r} must be one of {', '.join(MODES)}")
    tracker = Tracker(folder / "metrics.csv" if name != "none" else None)
    if name == "wandb" and mode != "disabled":
        tracker.board = Board(config, logger, folder, mode, resume_id)
        tracker.run_id = tracker.board.run_id
        tracker.replays = resume_id is not None and mode == "offline"
    return tracker


def check(config: Mapping[str, Any]) -> None:
    """Refuse a logger that is not installed, before anything is read or written.

    Raises:
        InputError: W&B is asked for and missing; the remedy is named.
    """
    logger = config.get("logger") or {}
    if logger.get("name") == "wandb" and logger.get("mode") != "disabled" and not wandb_installed():
        raise InputError(f"logger.name wandb: wandb is not installed; {install_wandb()}, or take --logger csv")


class Tracker:
    """What ``start`` returns. A W&B that fails on the way becomes one warning, and the run goes on without it.

    Attributes:
        run_id: of the W&B run, to be kept for ``--resume``; None without W&B.
        warnings: sentences for the manifest and the closing lines.
    """

    def __init__(self, path: Path | None) -> None:
        self.run_id: str | None = None
        self.warnings: list[str] = []
        self.board: Board | None = None
        self.replays = False  # whether the board lacks the epochs before the resumed one
        self._rows = EpochRows(path) if path else None

    def log_epoch(self, row: Mapping[str, float]) -> None:
        """Take one epoch's numbers.

        Args:
            row: ``epoch`` (from 1) and what ``docs/dashboards.md`` lists for it. In metrics.csv the first row of a
                resumed run removes the rows of that epoch and later ones.

        Raises:
            RunError: metrics.csv cannot be written.
        """
        row = {**row, "epoch": int(row["epoch"])}
        self._replay(row["epoch"])
        if self._rows:
            self._rows.add(row)
        self._send("an epoch", lambda board: board.log(row))

    def log_result(
        self,
        scores_by_split: Mapping[str, Mapping[str, Any]],
        predictions: Predictions,
        read_images: ReadImages | None,
        sources: Sequence[str],
        classes: Sequence[str],
        summary: Mapping[str, Any],
    ) -> None:
        """Send the result: confusion matrices, scores per class, intervals, 32 predictions with images, the summary.

        Args:
            scores_by_split: split -> scores as ``evaluate.metrics.score`` returns them.
            predictions: of the split that is reported: "test", or the only one that was scored.
            read_images: called with the rows of the sample table that are shown, (n,) int64; returns their images,
                (n, H, W, C) uint8. Asked for by row, so that no image can stand beside another's label. None: no
                images.
            sources: (N,) source names in the order of ``predictions``.
            classes: names in label order.
            summary: further summary values: those that ``docs/dashboards.md`` lists.
        """
        if self.board is None:
            return
        self._replay(math.inf)
        reported = "test" if "test" in scores_by_split else next(iter(scores_by_split))
        columns, rows, images = _shown_predictions(predictions, read_images, sources, classes)

        def action(board: Board) -> None:
            media: dict[str, Any] = {}
            values = dict(summary)
            for split, scores in scores_by_split.items():
                media[f"{split}/confusion_matrix"] = board.matrix(split, scores["confusion_matrix"], classes)
                media[f"{split}/per_class"] = board.table(*_per_class(scores))
                if scores.get("intervals"):
                    media[f"{split}/intervals"] = board.table(*_intervals(scores))
                values |= _flatten(split, scores)
            pictured = [[row[0], board.image(image), *row[1:]] for row, image in zip(rows, images, strict=True)]
            media[f"{reported}/predictions"] = board.table([columns[0], "image", *columns[1:]], pictured)
            board.log(media)
            board.summarise(values)

        self._send("the result", action)

    def log_checkpoint(self, path: Path) -> None:
        """Keep a checkpoint as a W&B artifact when ``logger.log_model`` asks for it."""
        self._send("the checkpoint", lambda board: board.log_checkpoint(path))

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Send PNG files, each under the key ``figures/NAME``."""
        if pictures:
            shown = {f"figures/{name}": path for name, path in pictures.items()}
            self._send("the figures", lambda board: board.log({key: board.file(path) for key, path in shown.items()}))

    def close(self, ok: bool) -> None:
        """End the W&B run as finished or failed; twice does no harm."""
        self._send("the end", lambda board: board.close(ok))
        self.board = None

    def _replay(self, until: float) -> None:
        """Send the epochs of the interrupted run again: W&B cannot go on with an offline file, it begins another."""
        if self.replays and self._rows:
            for row in self._rows.before(until):
                self._send("an earlier epoch", lambda board, row=row: board.log(row))  # type: ignore[misc]
        self.replays = False

    def _send(self, what: str, action: Callable[[Board], None]) -> None:
        if self.board is None:
            return
        try:
            action(self.board)
        except Exception as error:  # whatever W&B does, the training is worth more
            reason = " ".join(str(error).split()) or type(error).__name__
            self.warnings.append(f"W&B failed at {what} ({reason}); the run went on without it")
            board, self.board = self.board, None
            board.abandon()


def _per_class(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ["precision", "recall", "f1", "specificity", "support"]
    return ["class", *columns], [[name, *(row[c] for c in columns)] for name, row in scores["per_class"].items()]


def _intervals(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of all intervals of a split: the overall ones (class "all"), then each class's."""
    given = scores["intervals"]
    rows: list[list[Any]] = []

    def add(name: str, kind: str, value: Any, interval: Mapping[str, Any] | None) -> None:
        ends = [interval["low"], interval["high"]] if interval else [None, None]
        rows.append([name, kind, value, *ends])

    for name in _overall(scores):
        if name in given:
            add(name, "all", scores.get(name), given[name])
    for kind, row in scores["per_class"].items():
        for name, interval in given.get("per_class", {}).get(kind, {}).items():
            add(name, kind, row.get(name), interval)
    return ["score", "class", "value", "low", "high"], rows


def _shown_predictions(
    predictions: Predictions, read_images: ReadImages | None, sources: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[list[Any]], Sequence[npt.NDArray[np.uint8] | None]]:
    """Return columns, rows and images of predictions drawn at random with a fixed seed: not the best, not the worst."""
    size = len(predictions)
    chosen = np.sort(np.random.default_rng(0).choice(size, min(SHOWN, size), replace=False))
    rows = []
    for n in chosen:
        true, predicted = classes[predictions.label[n]], classes[predictions.predicted[n]]
        shares = [round(float(share), 6) for share in predictions.probabilities[n]]
        rows.append([str(sources[n]), true, predicted, *shares])
    images: Sequence[npt.NDArray[np.uint8] | None] = [None] * len(chosen)
    if read_images is not None:
        images = list(read_images(predictions.index[chosen]))
    return ["source", "true", "predicted", *(f"p({name})" for name in classes)], rows, images


def _overall(scores: Mapping[str, Any]) -> list[str]:
    return [name for name, entry in known().items() if entry.shown != "record" and name in scores]


def _flatten(split: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"{split}/{name}": scores[name] for name in ("n", *_overall(scores))}
    for name, interval in scores.get("intervals", {}).items():
        if name in HEADLINE:  # columns of the table of runs; all others stand in SPLIT/intervals
            flat |= {f"{split}/{name}_{end}": interval[end] if interval else None for end in ("low", "high")}
    for name, row in scores["per_class"].items():
        flat |= {f"{split}/{metric}/{name}": row[metric] for metric in CLASS_TABLE}
    return flat
