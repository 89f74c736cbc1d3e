"""The logger `wandb`: one W&B run, and the only file that imports wandb. The tracker catches its exceptions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lightning.pytorch.loggers.logger import Logger

from fer_plugins.config import read_config
from fer_plugins.config.wandb_environment import install_wandb, wandb_installed
from fer_plugins.contract import Result
from fer_plugins.runtime.errors import InputError, first_line
from fer_plugins.training.wandb_names import group_of, name_of
from fer_plugins.training.wandb_setup import curve_extremes, define_metrics, quiet_settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_MISSING = f"wandb is not installed; {install_wandb()}, or take --logger csv"
_LOGIN = "run `wandb login`, set WANDB_API_KEY, or take --logger.mode offline"


def wandb(
    *,
    folder: Path,
    config: Mapping[str, Any],
    resume_id: str | None = None,
    mode: Literal["offline", "online", "disabled"] = "offline",
    project: str = "fer-plugins",
    entity: str | None = None,
    group: str | None = None,
    tags: tuple[str, ...] = (),
    run_name: str | None = None,
    dir: str | None = None,
    log_model: bool = False,
) -> Logger | None:
    """Return a W&B run whose files lie in ``folder/wandb``; None with mode disabled.

    Offline, nothing is sent, asked or looked up; ``wandb sync`` uploads such a run later.

    Args:
        folder: of the run.
        config: of the run, all of which becomes the W&B config.
        resume_id: of the W&B run that goes on.
        mode: offline stays in the run's folder; disabled makes no W&B run.
        project: of W&B.
        entity: user or team.
        group: null: plug-in, dataset, protocol, pooling and changed options.
        tags: of the run.
        run_name: null: plug-in, pooling, changed options and seed.
        dir: folder of W&B's files; null: the run's folder.
        log_model: send the best checkpoint as an artifact.

    Raises:
        InputError: wandb is missing, online without login, or W&B is not reachable.
    """
    if mode == "disabled":
        return None
    values = read_config(config)
    settings = {
        "project": project or "fer-plugins",
        "entity": entity,
        "group": group or group_of(values),
        "job_type": os.environ.get("WANDB_JOB_TYPE") or f"fold {values.run.fold or 0}",  # what a group is divided by
        "tags": list(tags),
        "name": run_name or name_of(values),
    }
    return Board(config, settings, folder, mode, resume_id, dir, log_model)


def check(config: Mapping[str, Any]) -> None:
    """Refuse a machine without W&B.

    Raises:
        ValueError: it is asked for and missing; the remedy is named.
    """
    if read_config(config).logger.mode != "disabled" and not wandb_installed():
        raise ValueError(_MISSING)


wandb.check = check  # type: ignore[attr-defined]


class Board(Logger):
    """One W&B run. Its methods let W&B's exceptions through; the tracker catches them."""

    title = "W&B"

    def __init__(
        self,
        config: Mapping[str, Any],
        settings: Mapping[str, Any],
        folder: Path,
        mode: str,
        resume_id: str | None,
        files: str | None,
        log_model: bool,
    ) -> None:
        super().__init__()
        try:
            import wandb as module
        except ImportError:
            raise InputError(f"logger.name wandb: {_MISSING}") from None
        self._wandb: Any = module
        self.log_model = log_model
        self.starts_empty = resume_id is not None and mode == "offline"  # it cannot go on with an offline file
        self.folder = folder.absolute()
        place = self._place(files)
        with self._surroundings():
            try:
                if mode == "online" and not self._wandb.login(prompt=False, verify=False):
                    raise InputError(f"logger.mode online: no W&B login; {_LOGIN}")
                self.run = self._wandb.init(
                    **settings,
                    notes=os.environ.get("WANDB_NOTES") or folder.name,  # leads from the dashboard to the run's folder
                    config=dict(config),
                    id=resume_id,
                    resume="allow" if resume_id and mode == "online" else None,
                    dir=place,
                    mode=mode,
                    reinit="create_new",
                    settings=quiet_settings(self._wandb),
                )
            except InputError:
                raise
            except Exception as error:
                remedy = "take --logger.mode offline" if mode == "online" else "change it in section logger"
                raise InputError(
                    f"logger: W&B does not start ({first_line(error)}); {remedy}, or take --logger csv"
                ) from None
            self._named_outside = os.environ.pop("WANDB_RUN_ID", None) is not None  # by the agent of a sweep
            define_metrics(self.run)
        self.run_id: str = self.run.id

    @property
    def name(self) -> str:
        """The project."""
        return str(self.run.project)

    @property
    def version(self) -> str:
        """The id of the run."""
        return self.run_id

    def _place(self, folder: str | None) -> str:
        """Return the folder of W&B's files, made where it is missing: W&B itself would write elsewhere in silence."""
        if folder is None:
            return str(self.folder)
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"logger.dir {folder}: {reason}; give another folder, or unset WANDB_DIR") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"logger.dir {folder}: is not writable; give another folder, or unset WANDB_DIR")
        return str(Path(folder).absolute())

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the configuration was sent at the start."""

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Send values of one step; the axis of the curves is ``epoch`` in them."""
        del step
        with self._surroundings():
            self.run.log(dict(metrics))

    def log_result(self, result: Result) -> None:
        """Send the charts and tables, and set the columns of the table of runs."""
        media = {key: self._matrix(key.partition("/")[0], counts, result) for key, counts in result.matrices.items()}
        media |= {key: self._table(columns, rows) for key, (columns, rows) in result.tables.items()}
        columns, rows = result.predictions
        pictured = [[row[0], self._image(image), *row[1:]] for row, image in zip(rows, result.images, strict=True)]
        media[result.shown] = self._table([columns[0], "image", *columns[1:]], pictured)
        self.log_metrics(media)
        self.run.summary.update({**curve_extremes(self.run, result.values), **result.values})

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Send PNG files, each under the key ``figures/NAME``."""
        with self._surroundings():
            self.run.log({f"figures/{name}": self._wandb.Image(str(path)) for name, path in pictures.items()})

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
        """Make a W&B table."""
        return self._wandb.Table(columns=list(columns), data=[list(row) for row in rows])

    def _image(self, pixels: npt.NDArray[np.uint8] | None) -> Any:
        """Make a W&B image of (H, W, C) pixels, 0 to 255; None of None."""
        if pixels is None:
            return None
        with self._surroundings():
            return self._wandb.Image(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)

    def _matrix(self, split: str, counts: Sequence[Sequence[int]], result: Result) -> Any:
        """Make W&B's chart of a confusion matrix: rows are true classes, columns predicted ones."""
        columns = ("Actual", "Predicted", "nPredictions")
        rows = [
            (true, predicted, counts[i][j])
            for i, true in enumerate(result.classes)
            for j, predicted in enumerate(result.classes)
        ]
        return self._wandb.plot_table(
            vega_spec_name="wandb/confusion_matrix/v1",
            data_table=self._table(columns, rows),
            fields={name: name for name in columns},
            string_fields={"title": f"{split}: true against predicted class"},
        )

    def log_checkpoint(self, path: Path) -> None:
        """Keep a checkpoint as an artifact where ``logger.log_model`` asks for it."""
        if self.log_model:
            with self._surroundings():
                artifact = self._wandb.Artifact(f"model-{self.run_id}", type="model")
                artifact.add_file(str(path), name=path.name, policy="immutable", skip_cache=True)  # no copies
                self.run.log_artifact(artifact, aliases=["best"])

    def finalize(self, status: str) -> None:
        """End the run as finished or failed."""
        self.run.finish(exit_code=0 if status == "success" else 1)
        if self._named_outside:  # W&B remembers the variable; the next fold or seed of this process is another run
            self._wandb.teardown()

    def abandon(self) -> None:
        """End the run as failed; where the service is gone, undo its exit hook, which would print a traceback."""
        try:
            self.run.finish(exit_code=1)
        except Exception:
            with contextlib.suppress(Exception):
                self._wandb.teardown()

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
