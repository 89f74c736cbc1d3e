"""FERModule: network, loss, optimiser and the training, validation and test steps, the same for every plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from fer_plugins.config import RunConfig, read_config
from fer_plugins.contract import Batch, HasAuxiliaryLoss, HasHealth, Health
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import find_collapse
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.scores import score
from fer_plugins.metrics.table import EPOCH
from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.ranks import add_up, copy_from_first, current_rank, gather
from fer_plugins.runtime.seeds import derive
from fer_plugins.training import optim
from fer_plugins.training.criterion import FiniteLoss, SoftTargets, build_criterion
from fer_plugins.training.devices import batch_share
from fer_plugins.training.network import build_network as build_network


class FERModule(L.LightningModule):
    """LightningModule that trains any architecture that fulfils the contract.

    Args:
        config: the complete configuration, typed or as plain values. Its sections model, data, loss, optimizer,
            scheduler, selection and trainer and the seed are used.
        classes: class names in label order; saved in the checkpoint.
        class_counts: number of training images per class, for losses that weight the classes.
        teacher: a frozen network, for architectures that use distillation; not saved in the checkpoint.
        targets: target distribution over the classes for every sample, if training uses one instead of labels; not
            saved in the checkpoint.
    """

    def __init__(
        self,
        config: RunConfig | Mapping[str, Any],
        classes: list[str],
        class_counts: list[int] | None = None,
        teacher: nn.Module | None = None,
        targets: SoftTargets | None = None,
    ) -> None:
        super().__init__()
        self.config = read_config(config)
        config = self.config.as_dict()  # save_hyperparameters reads this variable: a checkpoint holds plain values
        self.save_hyperparameters("config", "classes", "class_counts")
        self.classes = classes
        self.network = build_network(self.config, len(classes), teacher)
        self.channels_last = self.config.trainer.channels_last is True  # "auto" was replaced before the run
        if self.channels_last:
            self.network.to(memory_format=torch.channels_last)
        self.criterion = build_criterion(self.config.loss, len(classes), class_counts)
        self.targets = targets
        self.scorer = Scorer(classes)
        self.predictions: Predictions | None = None  # of the last validation or test pass
        self.faults: list[str] = []  # of the last pass: the reasons why its scores are not a valid result
        self.train_accuracy = 0.0  # of the last complete epoch, a fraction
        self._health: Health | None = None  # of the network on the first batch of the pass
        self._sums = torch.zeros(4)  # criterion, auxiliary loss, correct predictions, images of this epoch
        self._share = 1.0  # factor on the loss of this batch in the gradient of its step
        self._finite = FiniteLoss(self.device)  # of this epoch

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls, checkpoint_path: str | Path, map_location: Any = "cpu", weights_only: bool = True, **kwargs: Any
    ) -> FERModule:
        """Load a trained model in evaluation mode, ready to predict; no further arguments are needed.

        To continue training it, call ``train()``; Lightning's Trainer does this itself.

        Raises:
            InputError: the file does not exist, is not a checkpoint, or its plug-in is not installed.
        """
        try:
            module: FERModule = super().load_from_checkpoint(
                checkpoint_path, map_location=map_location, weights_only=weights_only, **kwargs
            )
        except InputError:
            raise
        except Exception as error:  # torch raises a dozen types for a file that is not a checkpoint
            text = f"it has no {error}" if isinstance(error, KeyError) else one_line(error, 200)
            raise InputError(
                f"{checkpoint_path}: not a readable checkpoint of this package: {text}; give the folder of a run, or a "
                ".ckpt file that fer-run wrote"
            ) from error
        return module.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, num_classes) for images (B, C, H, W) in [0, 1]."""
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(x)
        return logits

    def on_train_epoch_start(self) -> None:
        """Seed dropout and batch transforms by seed, epoch and process, so that a resumed run draws the same."""
        rank = current_rank().number
        process: tuple[str | int, ...] = ("rank", rank) if rank else ()
        torch.manual_seed(derive(self.config.seed, "epoch", self.current_epoch, *process))
        self._sums = torch.zeros(4, device=self.device)
        self._finite = FiniteLoss(self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss: criterion (times the network's ``criterion_weight``) plus its ``auxiliary_loss``."""
        logits = self(batch.image)
        if batch.target is not None:  # mixed images
            target = batch.target.to(torch.promote_types(batch.target.dtype, logits.dtype))
            criterion = self.criterion(logits, target)
        elif self.targets is None:
            criterion = self.criterion(logits, batch.label)
        else:
            criterion = self.targets.loss(self.criterion, logits, batch.index)
        total: Tensor = getattr(self.network, "criterion_weight", 1.0) * criterion
        auxiliary = criterion.new_zeros(())
        if isinstance(self.network, HasAuxiliaryLoss):
            auxiliary = self.network.auxiliary_loss()
            total = total + auxiliary
        self._finite.note(total.detach(), self.current_epoch, batch_idx)
        with torch.no_grad():
            predicted = logits.argmax(1)
            # For a mixed image the target value of the predicted class counts as its number of correct predictions.
            correct = (
                (predicted == batch.label).sum()
                if batch.target is None
                else batch.target.gather(1, predicted[:, None]).sum()
            )
            count = len(batch.label)
            self._sums += torch.stack((criterion * count, auxiliary * count, correct, correct.new_full((), count)))
        several = current_rank().processes > 1 or self.config.trainer.accumulate_grad_batches > 1
        self._share = batch_share(self.trainer, batch_idx) if several else 1.0
        return total

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Weight all samples of a step equally; Lightning would average the means of batches and processes."""
        super().backward(loss * self._share if self._share != 1.0 else loss, *args, **kwargs)

    def epoch_means(self) -> dict[str, float]:
        """Return the means over the epoch so far, computed during training on augmented images.

        They are averaged over all processes of the training; each process has to call this method.
        """
        criterion, auxiliary, correct, count = add_up(self._sums).tolist()
        means = {"train/loss": criterion / count, "train/accuracy": correct / count}
        if isinstance(self.network, HasAuxiliaryLoss):
            means["train/auxiliary_loss"] = auxiliary / count
        return means

    def on_validation_start(self) -> None:
        """Check the remaining losses of the epoch before its weights are scored and saved."""
        self._finite.check(self.current_epoch)

    def on_train_epoch_end(self) -> None:
        """Log the means of the epoch."""
        means = self.epoch_means()
        self.train_accuracy = means["train/accuracy"]
        self.log_dict(means)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the values needed after the last epoch; a run resumed at its end does not compute them again."""
        checkpoint["last_epoch"] = {"faults": list(self.faults), "train_accuracy": self.train_accuracy}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the values of the checkpoint's epoch; a checkpoint of version 0.1.0 does not have them."""
        kept = checkpoint.get("last_epoch", {})
        self.faults = list(kept.get("faults", []))
        self.train_accuracy = float(kept.get("train_accuracy", 0.0))

    def on_validation_epoch_start(self) -> None:
        """Start a pass with the buffers (running statistics) of process 0, which are those in the checkpoint."""
        copy_from_first(self.network.buffers())
        self.scorer.reset()
        self._health = None

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the predictions of a batch."""
        self.scorer.update(batch.index, self(batch.image), batch.label)

    def on_validation_batch_end(self, outputs: Any, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Compute the network's health on the first batch; after the pass a callback may change the weights."""
        if batch_idx == 0 and isinstance(self.network, HasHealth):
            with torch.no_grad():
                self._health = self.network.health(batch.image)

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the validation split and the network's health."""
        self.log_dict({f"health/{name}": value for name, value in self._end_pass().items()})
        assert self.predictions is not None
        scores = score(self.predictions, self.classes, intervals=False)
        for name in EPOCH:
            self.log(f"val/{name}", scores[name])

    def _end_pass(self) -> dict[str, float]:
        """Store the predictions and faults of the pass; return the figures of the network's health."""
        self.predictions = self.scorer.predictions()
        self.faults = find_collapse(self.predictions, self.classes)
        self._health = gather(self._health)[0]  # of the first batch of the split
        if self._health is None:
            return {}
        self.faults += self._health.faults
        return {name: float(value) for name, value in self._health.figures.items()}

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step
    on_test_batch_end = on_validation_batch_end

    def on_test_epoch_end(self) -> None:
        """Store the predictions."""
        self._end_pass()

    def configure_optimizers(self) -> Any:
        """Return the optimiser and, if configured, the schedule, which is stepped once per epoch."""
        optimizer = optim.build_optimizer(self.config.optimizer, optim.parameter_groups(self.network))
        selection = self.config.selection
        epochs = self.config.trainer.epochs
        schedule = optim.build_schedule(self.config.scheduler, optimizer, epochs, selection.mode)
        if schedule is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "epoch", "monitor": selection.metric},
        }
