"""Compares this package with the usual alternative: torchvision's FER2013, a DataLoader, a plain Lightning module.

    $ FER_DATA_DIR=FOLDER python benchmarks/alternatives.py [--network lenet5] [--seconds 40] [--workers 2] [--json]

FOLDER must contain ``fer2013/fer2013.tar.gz``, the archive of the challenge. Three methods alternate in one process,
with the same network, optimiser and batch size:

- fer-plugins: ``fer-run`` with augmentation flip_affine_erase, and with ``trainer.precision auto``,
  ``trainer.channels_last auto`` (the whole run: reading, splitting, validation after each epoch, checkpoints);
- torchvision: ``torchvision.datasets.FER2013``, flip and affine of PIL images, a DataLoader with workers;
- ten crops: all ten crops of 40 x 40 pixels of each image in every step, with the shifts before and the erasing after
  cropping that Khaireddin and Chen 2021 train with; validation averages over the ten crops.

First the data path is timed alone (images/s of a pass over 26,000 training images, alternating, median of three), then
the accuracy on PublicTest after the same training time is measured. On a busy machine all figures are low; compare the
ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchmetrics.classification import MulticlassAccuracy
from torchvision import datasets
from torchvision.transforms import v2

from fer_plugins import config
from fer_plugins.experiments.quiet import quiet
from fer_plugins.experiments.run import run
from fer_plugins.runs.record import Record
from fer_plugins.training import optim
from fer_plugins.training.build import build_data
from fer_plugins.training.network import build_network

IMAGES = 26_000  # of a timed pass; in a short one, batches prepared by the workers before its start would count
ROUNDS = 3
VAL = 3589  # number of images in PublicTest, with which torchvision's "test" begins
_FLOAT = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
_ERASE = v2.RandomErasing()


def _stack(crops: tuple[Any, ...]) -> Tensor:
    return torch.stack([_FLOAT(crop) for crop in crops])


def _stack_erased(crops: tuple[Any, ...]) -> Tensor:
    return torch.stack([_ERASE(crop) for crop in _stack(crops)])


TRANSFORMS = {
    "torchvision": (
        v2.Compose([v2.RandomHorizontalFlip(), v2.RandomAffine(10, (0.1, 0.1), (0.9, 1.1)), _FLOAT]),
        _FLOAT,
    ),
    "ten crops": (
        v2.Compose(
            [
                v2.RandomResizedCrop(48, scale=(0.8, 1.2)),
                v2.RandomApply([v2.RandomAffine(0, translate=(0.2, 0.2))], 0.5),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.RandomRotation(10)], 0.5),
                v2.TenCrop(40),
                _stack_erased,
            ]
        ),
        v2.Compose([v2.TenCrop(40), _stack]),
    ),
}
SIDES = {"ten crops": 40}  # side length of the network's input images; 48 for the others


class PlainModule(L.LightningModule):
    """The module of a typical tutorial: cross-entropy, torchmetrics accuracy, and the mean over crops, if any."""

    def __init__(self, network: nn.Module, settings: config.RunConfig) -> None:
        super().__init__()
        self.network, self.settings = network, settings
        self.accuracy = MulticlassAccuracy(7, average="micro")
        self.images = 0

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch; images (B, 1, S, S) or (B, crops, 1, S, S), labels (B,)."""
        image, label = batch
        crops = image.flatten(0, -4)
        loss = nn.functional.cross_entropy(self.network(crops), label.repeat_interleave(len(crops) // len(label)))
        self.log("loss", loss)
        self.images += len(label)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        """Count correct predictions, averaging the logits over crops if there are several."""
        image, label = batch
        logits = self.network(image.flatten(0, -4)).view(len(label), -1, 7).mean(1)
        self.accuracy(logits, label)
        self.log("accuracy", self.accuracy, on_epoch=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser of the recipe."""
        return optim.build_optimizer(self.settings.optimizer, self.network.parameters())


def read_settings(network: str, batch: int, root: Path, side: int = 48, **trainer: Any) -> config.RunConfig:
    flags = {
        "data": {"name": "fer2013", "root": str(root / "fer2013.csv"), "batch_size": batch, "image_size": side},
        "protocol": "official",
        "augmentation": "flip_affine_erase",
        "trainer": {"epochs": 10_000, "progress": "none", **trainer},
        "scheduler": {"name": "none"},
        "selection": {"patience": None, "stop": "metric"},
        "logger": "none",
        "run": {"test": False},
    }
    return config.resolve(flags, plugin=network).config


def loaders(name: str, root: Path, batch: int, workers: int) -> tuple[DataLoader[Any], DataLoader[Any]]:
    train, val = TRANSFORMS[name]
    data: Dataset[Any] = datasets.FER2013(str(root.parent), "train", transform=train)
    test = Subset(datasets.FER2013(str(root.parent), "test", transform=val), range(VAL))
    options: dict[str, Any] = {"batch_size": batch, "num_workers": workers, "persistent_workers": workers > 0}
    return DataLoader(data, shuffle=True, drop_last=False, **options), DataLoader(test, **options)


def rate(batches: Iterator[int]) -> float:
    """Return images/s of a pass, starting from the second batch because workers start with the first."""
    next(batches)
    began, images = time.perf_counter(), 0
    for size in batches:
        images += size
        if images >= IMAGES:
            break
    return images / (time.perf_counter() - began)


def own_batches(settings: config.RunConfig) -> Iterator[int]:
    with quiet(settings):
        data = build_data(settings)
    for batch in data.train_dataloader():
        data.augmentation(batch.image.float().div_(255))
        yield len(batch.label)


def train_plain(name: str, settings: config.RunConfig, root: Path, seconds: float, workers: int) -> dict[str, Any]:
    torch.manual_seed(0)
    train, val = loaders(name, root, settings.data.batch_size, workers)
    module = PlainModule(build_network(settings, 7), settings)
    with tempfile.TemporaryDirectory() as folder, quiet(settings):
        trainer = L.Trainer(
            accelerator="auto",
            max_time={"seconds": seconds},
            max_epochs=-1,
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
        )
        began = time.perf_counter()
        trainer.fit(module, train)
        took = time.perf_counter() - began
        trainer.limit_val_batches = 1.0
        accuracy = trainer.validate(module, val, verbose=False)[0]["accuracy"]
    return {"images": module.images, "seconds": took, "accuracy": accuracy}


def train_own(settings: config.RunConfig, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        configuration = {**settings.as_dict(), "run": {"output": folder, "test": False}}
        configuration["trainer"]["max_time"] = seconds / 60
        with contextlib.redirect_stdout(io.StringIO()):  # hide the run's own tables, which would be between the rows
            record: Record = run(configuration)
        images = record.manifest["epochs"] * sum(record.manifest["data"]["counts"]["train"].values())
        took = record.manifest["sessions"][-1]["fit_seconds"]
        return {"images": images, "seconds": took, "accuracy": record.metrics["val"]["accuracy"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="lenet5", help="an installed architecture")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each training")
    parser.add_argument("--batch", type=int, default=128, help="images of a training step")
    parser.add_argument("--workers", type=int, default=2, help="of each DataLoader")
    parser.add_argument("--json", action="store_true", help="print a line of JSON a row")
    given = parser.parse_args()
    archive = Path(os.environ.get("FER_DATA_DIR", "."), "fer2013", "fer2013.tar.gz")
    if not archive.is_file():
        parser.error("set FER_DATA_DIR to a folder that holds fer2013/fer2013.tar.gz, the archive of the challenge")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extract("fer2013/fer2013.csv", folder, filter="data")
        compare(given, Path(folder, "fer2013"))


def compare(args: argparse.Namespace, root: Path) -> None:
    settings = read_settings(args.network, args.batch, root)

    def show(what: str, **values: float) -> None:
        text = ", ".join(f"{key} {value:,.4g}" for key, value in values.items())
        print(json.dumps({"what": what, **values}) if args.json else f"{what:44} {text}", flush=True)

    for name in TRANSFORMS:
        own, other = [], []
        for _ in range(ROUNDS):
            own.append(rate(own_batches(settings)))
            train, _ = loaders(name, root, args.batch, args.workers)
            other.append(rate(len(label) for _, label in train))
        row = {"fer_plugins": median(own), "other": median(other), "ratio": median(own) / median(other)}
        show(f"data path, images/s, {name}, {args.workers} workers", **row)
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "fer-plugins": lambda: train_own(settings, args.seconds),
        "fer-plugins, auto": lambda: train_own(
            read_settings(args.network, args.batch, root, precision="auto", channels_last="auto"), args.seconds
        ),
    }
    for name in TRANSFORMS:
        plain = read_settings(args.network, args.batch, root, SIDES.get(name, 48))
        ways[name] = lambda name=name, plain=plain: train_plain(name, plain, root, args.seconds, args.workers)
    for name, train_way in ways.items():
        show(f"{args.network}, {args.seconds:g} s, {name}", **train_way())


if __name__ == "__main__":
    main()
