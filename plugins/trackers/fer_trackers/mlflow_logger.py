"""The logger `mlflow`: a run in an MLflow store, through Lightning's MLFlowLogger."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger

from fer_plugins.config import read_config
from fer_plugins.contract import Result
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.wandb_names import group_of, name_of

# Where the user has not set them: no usage reports, and a server that is gone costs seconds, not minutes.
_ENVIRONMENT = {
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # it reports the tables that it makes; read when it is imported
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_SQLITE = "sqlite:///"


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
        resume_id: of the MLflow run that goes on.
        tracking_uri: server or store of MLflow; null: MLFLOW_TRACKING_URI, or a SQLite file in the run's folder.
        experiment: of MLflow.
        group: tag ``group``; null: plug-in, dataset, protocol, pooling and changed options.
        tags: of the run, each with the value ``true``.
        run_name: null: plug-in, pooling, changed options and seed.
        log_model: keep the best checkpoint as an artifact.

    Raises:
        InputError: the store cannot be opened, or has no run of that id.
    """
    for name, text in _ENVIRONMENT.items():
        os.environ.setdefault(name, text)
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if uri is None:
        (folder / "mlflow").mkdir(exist_ok=True)
        uri = f"{_SQLITE}{(folder / 'mlflow').absolute()}/mlflow.db"
    artifacts = None  # a server decides; MLflow itself would put those of a file into the working folder
    if uri.startswith(_SQLITE):
        artifacts = Path(uri.removeprefix(_SQLITE)).absolute().with_name("mlartifacts").as_uri()
    values = read_config(config)
    try:
        return MLflow(
            experiment,
            run_name or name_of(values),
            uri,
            {"group": group or group_of(values), "folder": folder.name, **dict.fromkeys(tags, "true")},
            artifact_location=artifacts,
            run_id=resume_id,
            log_model=log_model,
        )
    except Exception as error:  # of the store's client: SQL, HTTP and file errors of many libraries
        reason = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
        raise InputError(
            f"logger.tracking_uri {uri}: MLflow cannot use it ({reason}); give another, or unset it"
        ) from None


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
        self.keeps_checkpoint, self.resumed = log_model, run_id is not None
        client = self._mlflow_client
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
