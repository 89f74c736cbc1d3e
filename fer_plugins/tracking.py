"""Follows a run: a row an epoch in metrics.csv, and the W&B dashboards. The only file that imports wandb."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fer_plugins.epoch_rows import EpochRows
from fer_plugins.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from fer_plugins.evaluate.metrics import Predictions

ReadImages: TypeAlias = "Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]"
NAMES = ("wandb", "csv", "none")
MODES = ("disabled", "offline", "online")  # from none to most network
SHOWN = 32  # predictions in the table with images
_OVERALL = (
    "n", "loss", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "specificity", "f1_weighted", "kappa",
    "mcc", "top2_accuracy", "auroc", "average_precision", "ece", "brier",
)  # fmt: skip
_LOGIN = "run `wandb login`, set WANDB_API_KEY, or take --logger.mode offline"
_INSTALL = 'pip install "fer-plugins[wandb]", or take --logger csv'


def start(config: Mapping[str, Any], folder: Path, *, resume_id: str | None = None) -> Tracker:
    """Start following a run, as ``config["logger"]`` says.

    ``name`` wandb, csv or none: ``csv`` writes ``metrics.csv`` into the folder, ``wandb`` that and a W&B run whose
    files lie in ``folder/wandb``. ``mode`` offline, online or disabled (no W&B run); the environment's WANDB_MODE
    can lower it and never raises it. ``project``, ``entity``, ``group`` (default plugin/dataset/protocol),
    ``tags``, ``run_name`` (default the folder's name) and ``log_model`` go to W&B. Offline, nothing is sent, asked
    or looked up; ``wandb sync`` uploads such a run later.

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
    allowed = os.environ.get("WANDB_MODE", mode)
    if name == "wandb" and allowed in MODES and MODES.index(allowed) < MODES.index(mode):
        tracker.warnings.append(f"W&B: WANDB_MODE={allowed} in the environment overrules logger.mode {mode}")
        mode = allowed
    if name == "wandb" and mode != "disabled":
        tracker.board = _Board(config, logger, folder, mode, resume_id)
        tracker.run_id = tracker.board.run_id
        tracker.replays = resume_id is not None and mode == "offline"
    return tracker


class Tracker:
    """What ``start`` returns. A W&B that fails on the way becomes one warning, and the run goes on without it.

    Attributes:
        run_id: of the W&B run, to be kept for ``--resume``; None without W&B.
        warnings: sentences for the manifest and the closing lines.
    """

    def __init__(self, path: Path | None) -> None:
        self.run_id: str | None = None
        self.warnings: list[str] = []
        self.board: _Board | None = None
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
        """Send the result: confusion matrices, per-class tables, 32 predictions with images, and the summary.

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

        def action(board: _Board) -> None:
            media: dict[str, Any] = {}
            values = dict(summary)
            for split, scores in scores_by_split.items():
                media[f"{split}/confusion_matrix"] = board.matrix(split, scores["confusion_matrix"], classes)
                media[f"{split}/per_class"] = board.table(*_per_class(scores))
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

    def _send(self, what: str, action: Callable[[_Board], None]) -> None:
        if self.board is None:
            return
        try:
            action(self.board)
        except Exception as error:  # whatever W&B does, the training is worth more
            reason = " ".join(str(error).split()) or type(error).__name__
            self.warnings.append(f"W&B failed at {what} ({reason}); the run went on without it")
            board, self.board = self.board, None
            board.abandon()


class _Board:
    """One W&B run. Its methods let W&B's exceptions through; the tracker catches them."""

    def __init__(
        self, config: Mapping[str, Any], logger: Mapping[str, Any], folder: Path, mode: str, resume_id: str | None
    ) -> None:
        try:
            import wandb as module
        except ImportError:
            raise InputError(f"logger.name wandb: wandb is not installed; {_INSTALL}") from None
        wandb: Any = module
        self.wandb = wandb
        self.log_model = bool(logger.get("log_model", False))
        self.folder = folder.absolute()
        sections = [(config.get(section) or {}).get("name") for section in ("model", "data", "protocol")]
        group = logger.get("group") or "/".join(str(name) for name in sections if name)
        with self._surroundings():
            try:
                if mode == "online" and not wandb.login(prompt=False, verify=False):
                    raise InputError(f"logger.mode online: no W&B login; {_LOGIN}")
                self.run = wandb.init(
                    project=logger.get("project") or "fer-plugins",
                    entity=logger.get("entity"),
                    group=group or None,
                    tags=list(logger.get("tags") or []),
                    name=logger.get("run_name") or folder.name,
                    config=dict(config),
                    id=resume_id,
                    resume="allow" if resume_id and mode == "online" else None,
                    dir=str(self.folder),
                    mode=mode,
                    reinit="create_new",
                    settings=_settings(wandb),
                )
            except InputError:
                raise
            except Exception as error:
                reason = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
                raise InputError(f"logger: W&B does not start ({reason}); take --logger.mode offline or csv") from None
            self.run.define_metric("epoch")
            for keys in ("train/*", "val/*", "health/*", "lr", "seconds"):
                self.run.define_metric(keys, step_metric="epoch")
        self.run_id: str = self.run.id

    def log(self, row: Mapping[str, Any]) -> None:
        with self._surroundings():
            self.run.log(dict(row))

    def summarise(self, values: Mapping[str, Any]) -> None:
        self.run.summary.update(dict(values))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
        return self.wandb.Table(columns=list(columns), data=[list(row) for row in rows])

    def image(self, pixels: npt.NDArray[np.uint8] | None) -> Any:
        if pixels is None:
            return None
        with self._surroundings():
            return self.wandb.Image(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)

    def file(self, path: Path) -> Any:
        with self._surroundings():
            return self.wandb.Image(str(path))

    def matrix(self, split: str, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Any:
        columns = ("Actual", "Predicted", "nPredictions")
        rows = [(true, said, counts[i][j]) for i, true in enumerate(classes) for j, said in enumerate(classes)]
        return self.wandb.plot_table(
            vega_spec_name="wandb/confusion_matrix/v1",
            data_table=self.table(columns, rows),
            fields={name: name for name in columns},
            string_fields={"title": f"{split}: true against predicted class"},
        )

    def log_checkpoint(self, path: Path) -> None:
        if self.log_model:
            with self._surroundings():
                artifact = self.wandb.Artifact(f"model-{self.run_id}", type="model")
                artifact.add_file(str(path), name=path.name, policy="immutable", skip_cache=True)  # no copies
                self.run.log_artifact(artifact, aliases=["best"])

    def close(self, ok: bool) -> None:
        self.run.finish(exit_code=0 if ok else 1)

    def abandon(self) -> None:
        """End the run as failed; where the service is gone, undo its exit hook, which would print a traceback."""
        try:
            self.run.finish(exit_code=1)
        except Exception:
            with contextlib.suppress(Exception):
                self.wandb.teardown()

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[None]:
        """Keep W&B's scratch files in the run's folder and its error reports unsent, unless the user set otherwise."""
        wanted = {
            "WANDB_DATA_DIR": str(self.folder / "wandb" / "data"),
            "WANDB_CACHE_DIR": str(self.folder / "wandb" / "cache"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
        }
        added = [name for name in wanted if name not in os.environ]
        os.environ.update({name: wanted[name] for name in added})
        try:
            yield
        finally:
            for name in added:
                os.environ.pop(name, None)


def _settings(wandb: Any) -> Any:
    """Return W&B settings that capture nothing of the machine and say nothing; unknown ones are left out."""
    wanted = {
        "console": "off",
        "silent": True,
        "disable_code": True,
        "disable_git": True,
        "disable_job_creation": True,
        "save_code": False,
        "host": "",
        "symlink": False,
        "x_disable_meta": True,
        "x_disable_machine_info": True,
        "x_disable_stats": True,
        "x_save_requirements": False,
        "x_transaction_log_flush_interval": 2.0,  # seconds of an offline run that a kill may lose
    }
    known = wandb.Settings.model_fields
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in known})


def _per_class(scores: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    columns = ["precision", "recall", "f1", "specificity", "support"]
    return ["class", *columns], [[name, *(row[c] for c in columns)] for name, row in scores["per_class"].items()]


def _shown_predictions(
    predictions: Predictions, read_images: ReadImages | None, sources: Sequence[str], classes: Sequence[str]
) -> tuple[list[str], list[list[Any]], Sequence[npt.NDArray[np.uint8] | None]]:
    """Return columns, rows and images of predictions drawn at random with a fixed seed: not the best, not the worst."""
    size = len(predictions)
    chosen = np.sort(np.random.default_rng(0).choice(size, min(SHOWN, size), replace=False))
    rows = []
    for n in chosen:
        true, said = classes[predictions.label[n]], classes[predictions.predicted[n]]
        shares = [round(float(share), 6) for share in predictions.probabilities[n]]
        rows.append([str(sources[n]), true, said, *shares])
    images: Sequence[npt.NDArray[np.uint8] | None] = [None] * len(chosen)
    if read_images is not None:
        images = list(read_images(predictions.index[chosen]))
    return ["source", "true", "predicted", *(f"p({name})" for name in classes)], rows, images


def _flatten(split: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    flat = {f"{split}/{name}": scores[name] for name in _OVERALL}
    for name, interval in scores.get("intervals", {}).items():
        if name in _OVERALL:
            flat |= {f"{split}/{name}_{end}": interval[end] if interval else None for end in ("low", "high")}
    for name, row in scores["per_class"].items():
        flat |= {f"{split}/{metric}/{name}": row[metric] for metric in ("precision", "recall", "f1")}
    return flat
