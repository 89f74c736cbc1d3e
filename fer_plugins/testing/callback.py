"""The contract of ``fer_plugins.callbacks``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from fer_plugins.config import RunConfig
from fer_plugins.config.schema import TrainerConfig
from fer_plugins.experiments.quiet import quiet
from fer_plugins.runtime.generators import kept_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature
from fer_plugins.training.callbacks import DuringTraining
from fer_plugins.training.checkpoints import BestAndLast, read_checkpoint

_EPOCHS = 8
_INTERRUPTED = 7  # number of complete epochs before the resumed run continues


def check_callback(factory: Callable[..., Any]) -> None:
    """Check a callback in a small training: validated weights are saved, and a resumed run equals an uninterrupted one.

    Args:
        factory: ``(*, epochs, typed options) -> lightning Callback``; wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("callback", factory)
    named = check_signature(findings, factory, required=(), offered=("epochs",), defaults=True)

    def build() -> Any:
        return factory(**({"epochs": _EPOCHS} if "epochs" in named else {}))

    with kept_generators(), tempfile.TemporaryDirectory() as folder:
        callback = findings.attempt(build, "builds", f"building for {_EPOCHS} epochs", "give every option a default")
        if not isinstance(callback, Failed) and findings.require(
            isinstance(callback, L.Callback),
            "returns a callback",
            f"it returns a {type(callback).__name__}",
            "return a Callback of lightning.pytorch",
        ):
            _check_training(findings, callback, build, Path(folder))
    findings.report()


class Trained(L.LightningModule):
    """Two layers with batch normalisation between them; stores the validation loss of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        self.seen: dict[int, float] = {}

    def loss(self, batch: list[Tensor]) -> Tensor:
        """Return the cross-entropy for images (B, 4) and labels (B,)."""
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images), labels)

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """Return the loss."""
        return self.loss(batch)

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Store the loss, and log it for the checkpoints."""
        loss = self.loss(batch)
        self.seen[self.current_epoch] = float(loss)
        self.log("val/loss", loss)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return a plain optimiser with a state."""
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class _KeepEach(L.Callback):
    """Copies last.ckpt after every epoch; must come after the callback that writes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if (self.folder / "last.ckpt").exists():
            shutil.copy(self.folder / "last.ckpt", self.folder / f"{trainer.current_epoch - 1}.ckpt")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        shutil.copy(self.folder / "last.ckpt", self.folder / f"{_EPOCHS - 1}.ckpt")


def fit_with(callback: L.Callback, folder: Path, resume_from: Path | None = None) -> Trained:
    """Train a small network for 8 epochs of 3 steps on the CPU, with checkpoints in ``folder``, and return it."""
    draws = torch.Generator().manual_seed(0)
    images, labels = torch.randn(24, 4, generator=draws), torch.arange(24) % 3
    torch.manual_seed(1)
    module = Trained()
    with quiet(RunConfig(trainer=TrainerConfig(deterministic=False))):
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=_EPOCHS,
            callbacks=[callback, DuringTraining([callback]), _KeepEach(folder), BestAndLast(folder, "val/loss", "min")],
            logger=False,
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        data = TensorDataset(images, labels)
        loaders = DataLoader(data, batch_size=8), DataLoader(data, batch_size=24)
        trainer.fit(module, *loaders, ckpt_path=resume_from, weights_only=True)
    return module


def _check_training(findings: Findings, callback: L.Callback, build: Callable[[], Any], folder: Path) -> None:
    uninterrupted, again = folder / "whole", folder / "again"
    fitted = findings.attempt(
        lambda: fit_with(callback, uninterrupted),
        "runs",
        f"{_EPOCHS} epochs on the CPU without a logger",
        "see the contract",
    )
    if isinstance(fitted, Failed):
        return
    draws = torch.Generator().manual_seed(0)
    batch = [torch.randn(24, 4, generator=draws), torch.arange(24) % 3]
    for epoch, values in fitted.seen.items():
        path = uninterrupted / f"{epoch}.ckpt"
        if not path.exists():
            continue  # training ended before it was written
        module = Trained().eval()
        module.load_state_dict(read_checkpoint(path)["state_dict"])
        with torch.no_grad():
            saved = float(module.loss(batch))
        findings.require(
            abs(saved - values) <= 1e-5 * max(1.0, abs(values)),
            "what is validated is saved",
            f"epoch {epoch + 1} had the validation loss {values:.6g}, its checkpoint has {saved:.6g}",
            "change weights before validation begins (on_train_batch_end), not between it and the checkpoint",
        )
    middle = uninterrupted / f"{_INTERRUPTED - 1}.ckpt"
    if not middle.exists():
        return
    again.mkdir()
    shutil.copy(uninterrupted / "best.ckpt", again / "best.ckpt")
    resumed = findings.attempt(
        lambda: fit_with(build(), again, middle),
        "resumes",
        "going on from a checkpoint",
        "keep plain values in state_dict",
    )
    if isinstance(resumed, Failed):
        return
    ends = [read_checkpoint(place / "last.ckpt")["state_dict"] for place in (uninterrupted, again)]
    apart = [name for name, value in ends[0].items() if not torch.equal(value, ends[1][name])]
    findings.require(
        not apart,
        "a resumed run ends like a whole one",
        f"{', '.join(apart[:3])} differ after a resumption in epoch {_INTERRUPTED}",
        "return what it remembers from state_dict, and take it back in load_state_dict",
    )
