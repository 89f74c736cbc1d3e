"""The logger `mlflow`: a run in an MLflow store, through Lightning's MLFlowLogger."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger

from fer_plugins.config import read_config
from fer_plugins.contract import Result
from fer_plugins.runtime.errors import InputError, first_line
from fer_plugins.training.wandb_names import group_of, name_of

# Where the user has not set them: no usage reports, and a server that is gone costs seconds, not minutes.
_ENVIRONMENT = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # it reports the tables that it makes; read when it is imported
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_SQLITE = "sqlite:///"
_PATIENCE = 60.0  # seconds that another process may write to the store without a break


def mlflow(
    *,
    folder: Path,
    config: Mapping[str, Any],
    resume_id: str | None = None,
    tracking_uri: str | None = None,
    experiment: str = "fer-plugins",
    group: str | None = None,
    tags: tuple[str, ...] = (),
    run_name: str | None = None,
    log_model: bool = False,
) -> MLFlowLogger:
    """Return Lightning's MLflow logger with the scores, tables and figures of a run.

    Args:
        folder: of the run.
        config: of the run, whose values become MLflow's params, such as ``optimizer/lr``.
        resume_id: of the MLflow run that goes on; where the store has it no more, another is begun.
        tracking_uri: server or store of MLflow; null: MLFLOW_TRACKING_URI, or a SQLite file in the run's folder.
        experiment: of MLflow.
        group: tag ``group``; null: plug-in, dataset, protocol, pooling and changed options.
        tags: of the run, each with the value ``true``.
        run_name: null: plug-in, pooling, changed options and seed.
        log_model: keep the best checkpoint as an artifact.

    Raises:
        InputError: the store cannot be opened.
    """
    for name, text in _ENVIRONMENT.items():
        os.environ.setdefault(name, text)
    shared = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    uri = shared or f"{_SQLITE}{(folder / 'mlflow').absolute()}/mlflow.db"
    file = Path(uri.removeprefix(_SQLITE)).absolute() if uri.startswith(_SQLITE) else None
    values = read_config(config)
    try:
        if file is not None:
            _try_to_write(file)
        with _held(file) if file is not None and shared else nullcontext():
            return MLflow(
                experiment,
                run_name or name_of(values),
                uri,
                {"group": group or group_of(values), "folder": folder.name, **dict.fromkeys(tags, "true")},
                # A server decides; MLflow itself would put those of a file into the working folder.
                artifact_location=file.with_name("mlartifacts").as_uri() if file is not None else None,
                run_id=resume_id,
                log_model=log_model,
            )
    except Exception as error:  # of the store's client: SQL, HTTP and file errors of many libraries
        remedy = "give another, or unset it" if shared else "take --logger csv"
        raise InputError(
            f"logger.tracking_uri {uri}: MLflow cannot use it ({first_line(error, 200)}); {remedy}"
        ) from None


def _try_to_write(file: Path) -> None:
    """Raise OSError or sqlite3.Error where a SQLite file cannot be written: MLflow would try for minutes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, timeout=_PATIENCE)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # takes the lock of a writer, and writes nothing
        connection.rollback()


@contextmanager
def _held(file: Path) -> Iterator[None]:
    """Wait for other processes that open the store: two that make its tables at once get in each other's way."""
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        with suppress(OSError):  # a network drive without such locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _has_run(client: Any, run_id: str) -> bool:
    """Return whether a store has a run, and not in its bin."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


class MLflow(MLFlowLogger):
    """Lightning's, with the result, the figures and the checkpoint of a run; a resumed run goes on under its id."""

    title = "MLflow"

    def __init__(
        self,
        experiment: str,
        run_name: str,
        uri: str,
        tags: dict[str, str],
        *,
        artifact_location: str | None,
        run_id: str | None,
        log_model: bool,
    ) -> None:
        super().__init__(experiment, run_name, uri, tags, artifact_location=artifact_location, run_id=run_id)
        client = self._mlflow_client
        self.keeps_checkpoint = log_model
        self.starts_empty = run_id is not None and not _has_run(client, run_id)
        if self.starts_empty:
            self._run_id = run_id = None
        self.resumed = run_id is not None
        if client.get_experiment_by_name(experiment) is None:
            client.create_experiment(experiment, artifact_location)
        _ = self.experiment  # makes the run, or looks the resumed one up, so that what cannot be used shows now
        if run_id is not None:
            client.update_run(run_id, status="RUNNING")

    def log_hyperparams(self, params: Any) -> None:
        """Write the configuration, once: MLflow refuses another value of the same param."""
        if not self.resumed:
            super().log_hyperparams(params)

    def log_metrics(self, metrics: Mapping[str, float | None], step: int | None = None) -> None:
        """Write what is a number."""
        super().log_metrics({key: value for key, value in metrics.items() if value is not None}, step)

    def log_result(self, result: Result) -> None:
        """Write the scores as metrics ``result/KEY``, texts as tags, confusion matrices and tables as JSON."""
        self.log_metrics(result.numbers(), result.epochs)
        for key, value in result.values.items():
            if isinstance(value, str):
                self.experiment.set_tag(self.run_id, key, value)
        for key, counts in result.matrices.items():
            self.experiment.log_dict(self.run_id, {"classes": result.classes, "counts": counts}, f"{key}.json")
        for key, (columns, rows) in {**result.tables, result.shown: result.predictions}.items():
            self.experiment.log_dict(self.run_id, {"columns": columns, "data": rows}, f"{key}.json")

    def log_figures(self, pictures: Mapping[str, Path]) -> None:
        """Keep PNG files as artifacts ``figures/NAME.png``."""
        for path in pictures.values():
            self.experiment.log_artifact(self.run_id, str(path), "figures")

    def log_checkpoint(self, path: Path) -> None:
        """Keep the selected checkpoint as an artifact where ``logger.log_model`` asks for it."""
        if self.keeps_checkpoint:
            self.experiment.log_artifact(self.run_id, str(path), "checkpoint")
