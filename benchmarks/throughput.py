"""Measures speed as ratios: fer-run's loop against a bare loop, the data path alone, the front end, memory.

    $ python benchmarks/throughput.py [--seconds 4] [--rounds 3] [--networks all] [--json]

The bare loop is what one would write by hand: the same network, optimiser, loss, batches and threads on prepared float
tensors, without augmentation, metrics, validation, checkpoints or logging. Both loops alternate in one process on
generated images of FER2013's size. The best round counts, since other load on the machine can only slow a loop down.
Absolute figures depend on the machine; the ratios should not.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.contract import Batch
from fer_plugins.data.datamodule import FERDataModule
from fer_plugins.experiments.run import quiet
from fer_plugins.runs.record import Record
from fer_plugins.training import optim
from fer_plugins.training.build import build_module, build_trainer
from fer_plugins.training.progress import EpochLog, ResultConsole
from fer_plugins.training.tracking import start

NETWORKS = ("dcnn_bilstm_dam", "conv_relu_ann", "aa_dcn", "vgg_1x1_cnn", "sdl_stn")  # one per paper
CLASSES = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class MadeUp:
    """A dataset of random images in memory."""

    classes = CLASSES
    title = "made up"

    def __init__(self, count: int, size: int) -> None:
        generator = np.random.default_rng(0)
        self.images = generator.integers(0, 256, (count + 28, size, size, 1), dtype=np.uint8)
        # Validation and test are as small as possible, since only training is timed.
        split = ["train"] * count + ["val"] * 14 + ["test"] * 14
        labels = [number % 7 for number in range(count + 28)]
        self.table = {"label": labels, "source": [f"i{n}" for n in range(count + 28)], "split": split}

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[index]


def data_module(settings: config.RunConfig, count: int, augmentation: str = "none") -> FERDataModule:
    size = settings.data.image_size
    data = FERDataModule(
        MadeUp(count, size),
        name="made up",
        protocol=registry.build("protocol", "official"),
        augmentation=registry.build("augmentation", augmentation, image_size=size),
        image_size=size,
        channels=1,
        batch_size=settings.data.batch_size,
        seed=0,
    )
    data.prepare()
    return data


class Clock(L.Callback):
    """Times the training batches of an epoch, from the start of the first to the end of the last."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds = time.perf_counter() - self.started


def own_loop(settings: config.RunConfig, count: int, folder: Path) -> float:
    """Return training images/s of the package's own loop over one epoch."""
    data = data_module(settings, count)
    module = build_module(settings, data)
    clock = Clock()
    log = EpochLog(start(settings, folder), ResultConsole(settings))
    with quiet(settings):
        trainer = build_trainer(settings, Record(folder), log)
    trainer.callbacks.insert(0, clock)
    with quiet(settings):
        trainer.fit(module, datamodule=data)
    log.tracker.close(True)
    return count / clock.seconds


def bare_loop(settings: config.RunConfig, count: int) -> float:
    """Return training images/s of a hand-written loop over prepared float tensors."""
    data = data_module(settings, count)
    module = build_module(settings, data)
    network = module.network.train()
    optimizer = optim.build_optimizer(settings.optimizer, network.parameters())
    criterion = torch.nn.CrossEntropyLoss()
    clip = settings.trainer.gradient_clip_norm
    batches = [(batch.image.float().div(255), batch.label) for batch in data.train_dataloader()]
    started = time.perf_counter()
    for image, label in batches:
        optimizer.zero_grad()
        criterion(network(image), label).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
        optimizer.step()
    return count / (time.perf_counter() - started)


def loops(
    name: str, seconds: float, rounds: int, title: str = "", **settings: dict[str, Any]
) -> tuple[str, str, str, str]:
    """Compare the package's loop, with these settings of its sections, with the bare loop in float32.

    An epoch has as many images as the bare loop processes in ``seconds``; a shorter one would mostly measure its start.
    """
    flags = {"trainer": {"epochs": 1, "progress": "none"}, "logger": "csv", "augmentation": "none", "data": "synthetic"}
    plain = config.resolve(flags, plugin=name).config
    trainer = {**flags["trainer"], **settings.get("trainer", {})}
    chosen = config.resolve({**flags, **settings, "trainer": trainer}, plugin=name).config
    own, bare = [], []
    batch = plain.data.batch_size
    bare_loop(plain, 4 * batch)  # warm-up: the first call compiles and allocates
    count = batch * max(4, round(seconds * bare_loop(plain, 4 * batch) / batch))
    for _ in range(rounds):
        bare.append(bare_loop(plain, count))
        with tempfile.TemporaryDirectory() as folder:
            own.append(own_loop(chosen, count, Path(folder)))
    return (
        f"training, {name}{title}, {count:,} images",
        f"{max(own):,.1f} images/s",
        f"{max(bare):,.1f} bare",
        f"{max(own) / max(bare):.3f}",
    )


def data_path(augmentation: str, batch: int, rounds: int) -> tuple[str, str, str, str]:
    """Time gathering, conversion to float and augmentation as in a training epoch, without a network."""
    settings = config.read_config({"data": {"image_size": 48, "batch_size": batch}})
    data = data_module(settings, 28_709, augmentation)
    loader, rates = data.train_dataloader(), []
    for _ in range(rounds):
        started = time.perf_counter()
        for loaded in loader:
            image = loaded.image.float().div_(255)
            if augmentation != "none":
                image = data.augmentation(image)
            Batch(loaded.index, image, loaded.label)
        rates.append(28_709 / (time.perf_counter() - started))
    return (f"data path, {augmentation}, batch {batch}", f"{max(rates):,.0f} images/s", "at least 30,000 wanted", "")


def front_end(argv: list[str], rounds: int) -> tuple[str, str, str, str]:
    command, seconds = Path(sys.executable).with_name("fer-run"), []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([command, *argv], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return (f"fer-run {' '.join(argv)}", f"{min(seconds):.3f} s", "under 0.3 wanted", "")


def crowded_list(offers: int, rounds: int) -> tuple[str, str, str, str]:
    """Time `fer list` with this many distributions, each with one entry point, in addition to the installed ones."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(offers):
            info = Path(folder, f"d{number}-1.0.dist-info")
            info.mkdir()
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: d{number}\nVersion: 1.0\n")
            (info / "entry_points.txt").write_text(f"[fer_plugins.architectures]\na{number} = d{number}:f\n")
            Path(folder, f"d{number}").mkdir()
            Path(folder, f"d{number}", "__init__.py").touch()
        command, seconds = Path(sys.executable).with_name("fer"), []
        for _ in range(rounds):
            started = time.perf_counter()
            environment = {**os.environ, "PYTHONPATH": folder}
            subprocess.run([command, "list"], check=True, capture_output=True, env=environment)
            seconds.append(time.perf_counter() - started)
    return (f"fer list, {offers:,} further plug-ins", f"{min(seconds):.3f} s", "under 1 wanted", "")


def peak_of(argv: list[str]) -> float:
    """Return the peak memory in GB of a part of this script that is run in a separate process."""
    done = subprocess.run([sys.executable, __file__, *argv], check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def memory() -> tuple[str, str, str, str]:
    own, bare = peak_of(["--peak", "own"]), peak_of(["--peak", "bare"])
    return ("peak memory, GB", f"{own:.2f}", f"{bare:.2f} bare", f"{own - bare:+.2f}")


def run_for_peak(which: str) -> None:
    """Run one epoch over a training split of FER2013's size, with a small network so that the data dominate memory."""
    flags = {"trainer": {"epochs": 1, "progress": "none"}, "logger": "wandb", "data": {"name": "synthetic"}}
    settings = config.resolve({**flags, "augmentation": "none"}, plugin="conv_relu_ann").config
    settings = replace(settings, data=replace(settings.data, batch_size=256))
    if which == "own":
        with tempfile.TemporaryDirectory() as folder:
            own_loop(settings, 28_709, Path(folder))
    else:
        bare_loop(settings, 28_709)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of a timed epoch of the bare loop")
    parser.add_argument("--rounds", type=int, default=3, help="the best counts")
    parser.add_argument("--networks", default="conv_relu_ann,dcnn_bilstm_dam", help="with commas between, or all")
    parser.add_argument("--json", action="store_true", help="print a line of JSON a row")
    parser.add_argument("--peak", choices=["own", "bare"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        return run_for_peak(args.peak)
    names = NETWORKS if args.networks == "all" else args.networks.split(",")

    def show(row: tuple[str, str, str, str]) -> None:
        print(json.dumps(row) if args.json else "  ".join((f"{row[0]:52}", *row[1:])).rstrip(), flush=True)

    if not args.json:
        print(f"{torch.get_num_threads()} threads, torch {torch.__version__}; best of {args.rounds}", flush=True)
    for words in (["--help"], ["--list"], ["--plugin", "dcnn_bilstm_dam", "--print-config"]):
        show(front_end(words, args.rounds))
    show(crowded_list(1000, args.rounds))
    for batch in (32, 128, 256):
        show(data_path("flip_affine_erase", batch, args.rounds))
    show(data_path("none", 128, args.rounds))
    for name in names:
        show(loops(name, args.seconds, args.rounds))
    bf16 = {"precision": "bf16-mixed", "channels_last": True}
    show(loops("conv_relu_ann", args.seconds, args.rounds, ", bf16, channels_last", trainer=bf16))
    fused = {"fused": True}
    show(
        loops(
            "conv_relu_ann",
            args.seconds,
            args.rounds,
            ", bf16, channels_last, fused Adam",
            trainer=bf16,
            optimizer=fused,
        )
    )
    show(memory())
    return None


if __name__ == "__main__":
    main()
