"""One W&B run of ours, and the only file that imports wandb. Its exceptions pass; the tracker catches them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_plugins.config.wandb_environment import install_wandb
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.wandb_names import group_of, name_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LOGIN = "run `wandb login`, set WANDB_API_KEY, or take --logger.mode offline"


class Board:
    """One W&B run. Its methods let W&B's exceptions through; the tracker catches them."""

    def __init__(
        self, config: Mapping[str, Any], logger: Mapping[str, Any], folder: Path, mode: str, resume_id: str | None
    ) -> None:
        try:
            import wandb as module
        except ImportError:
            raise InputError(
                f"logger.name wandb: wandb is not installed; {install_wandb()}, or take --logger csv"
            ) from None
        wandb: Any = module
        self.wandb = wandb
        self.log_model = bool(logger.get("log_model", False))
        self.folder = folder.absolute()
        place = self._place(logger.get("dir"))
        with self._surroundings():
            try:
                if mode == "online" and not wandb.login(prompt=False, verify=False):
                    raise InputError(f"logger.mode online: no W&B login; {_LOGIN}")
                self.run = wandb.init(
                    project=logger.get("project") or "fer-plugins",
                    entity=logger.get("entity"),
                    group=logger.get("group") or group_of(config),
                    tags=list(logger.get("tags") or []),
                    name=logger.get("run_name") or name_of(config),
                    notes=os.environ.get("WANDB_NOTES") or folder.name,  # leads from the dashboard to the run's folder
                    config=dict(config),
                    id=resume_id,
                    resume="allow" if resume_id and mode == "online" else None,
                    dir=place,
                    mode=mode,
                    reinit="create_new",
                    settings=_settings(wandb),
                )
            except InputError:
                raise
            except Exception as error:
                reason = " ".join(str(error).split("\n")[0].split()) or type(error).__name__
                raise InputError(f"logger: W&B does not start ({reason}); take --logger.mode offline or csv") from None
            self.run.define_metric("epoch", hidden=True)  # an axis, and no panel of its own
            for keys in ("train/*", "val/*", "health/*", "lr", "seconds"):
                self.run.define_metric(keys, step_metric="epoch")
        self.run_id: str = self.run.id

    def _place(self, given: str | None) -> str:
        """Return the folder of W&B's files, made where it is missing: W&B itself would write elsewhere in silence."""
        if given is None:
            return str(self.folder)
        try:
            Path(given).mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"logger.dir {given}: {reason}; give another folder, or unset WANDB_DIR") from None
        if not os.access(given, os.W_OK | os.X_OK):
            raise InputError(f"logger.dir {given}: is not writable; give another folder, or unset WANDB_DIR")
        return str(Path(given).absolute())

    def log(self, row: Mapping[str, Any]) -> None:
        """Send values of one step."""
        with self._surroundings():
            self.run.log(dict(row))

    def summarise(self, values: Mapping[str, Any]) -> None:
        """Set columns of the table of runs."""
        self.run.summary.update(dict(values))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
        """Make a W&B table."""
        return self.wandb.Table(columns=list(columns), data=[list(row) for row in rows])

    def image(self, pixels: npt.NDArray[np.uint8] | None) -> Any:
        """Make a W&B image of (H, W, C) pixels, 0 to 255; None of None."""
        if pixels is None:
            return None
        with self._surroundings():
            return self.wandb.Image(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)

    def file(self, path: Path) -> Any:
        """Make a W&B image of a PNG file."""
        with self._surroundings():
            return self.wandb.Image(str(path))

    def matrix(self, split: str, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Any:
        """Make W&B's chart of a confusion matrix: rows are true classes, columns predicted ones."""
        columns = ("Actual", "Predicted", "nPredictions")
        rows = [
            (true, predicted, counts[i][j]) for i, true in enumerate(classes) for j, predicted in enumerate(classes)
        ]
        return self.wandb.plot_table(
            vega_spec_name="wandb/confusion_matrix/v1",
            data_table=self.table(columns, rows),
            fields={name: name for name in columns},
            string_fields={"title": f"{split}: true against predicted class"},
        )

    def log_checkpoint(self, path: Path) -> None:
        """Keep a checkpoint as an artifact where ``logger.log_model`` asks for it."""
        if self.log_model:
            with self._surroundings():
                artifact = self.wandb.Artifact(f"model-{self.run_id}", type="model")
                artifact.add_file(str(path), name=path.name, policy="immutable", skip_cache=True)  # no copies
                self.run.log_artifact(artifact, aliases=["best"])

    def close(self, ok: bool) -> None:
        """End the run as finished or failed."""
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
    """Return W&B settings that capture nothing of the machine and say nothing; unknown ones are left out.

    What the user has set by a variable of W&B's own (WANDB_CONSOLE, WANDB_SILENT, WANDB_DISABLE_GIT, ...) stays his.
    """
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
    variables = {name: f"WANDB_{name.removeprefix('x')}".upper() for name in wanted}  # x_NAME is set by WANDB__NAME
    ours = {name for name in wanted if name in known and variables[name] not in os.environ}
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in ours})
