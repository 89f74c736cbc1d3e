"""FERDataModule: a dataset under a protocol, as loaders; it keeps the test split sealed while a model is made."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.utils.data import DataLoader

from fer_plugins.contract import SPLITS, Batch, Dataset, Fold, MixesBatch, SampleTransform
from fer_plugins.data.augmentations.shift import compare_detail
from fer_plugins.data.images import Progress, load_images
from fer_plugins.data.leaks import Leaks, find_leaks
from fer_plugins.data.loaders import ResidentLoader, apply_transform, sample_loader, seeded, wrap_images
from fer_plugins.data.near_groups import NearCopies, find_near_groups
from fer_plugins.data.offline import Images, balance_classes, refuse_mapped
from fer_plugins.data.protocols.official import (
    ProtocolCall,
    augments_first,
    count_classes,
    missing_classes,
    pick_fold,
    split_folds,
    wants_near_copies,
)
from fer_plugins.data.table import SampleTable
from fer_plugins.runtime.errors import InputError

Rows = npt.NDArray[np.int64]


class TestSplitSealed(RuntimeError):
    """The test split was asked for while a model was being fitted, or before ``open_test``."""

    __test__ = False  # not a test, though pytest would take it for one by its name


class FERDataModule(LightningDataModule):
    """Loaders of one fold of one dataset, from images that are decoded once and stay in memory.

    Loaders yield :class:`~fer_plugins.contract.Batch` with uint8 images; ``on_after_batch_transfer`` makes them
    float32 in [0, 1] on the device, applies a batch transform while training, and gives them the model's dtype. Rows
    are rows of ``table``, which is whole even where ``limit`` leaves most of them unused.

    The test split is sealed: its rows, labels, images and loader raise :class:`TestSplitSealed` until
    ``open_test`` is called, and whenever a trainer is fitting.

    Known after ``prepare``: ``classes``, ``table``, ``fold``, ``notes``, ``warnings``, ``from_cache``,
    ``load_seconds``, ``sizes`` {split: images}, ``counts`` {split: {class: images}}, ``counts_before`` (of the part
    that images were made for offline, before: {"train": ...}, or {"all": ...} where that was before the split; else
    {}), ``fold_count``, ``leaks`` (None where they were not looked for), ``fingerprint`` (of the whole dataset),
    ``split_hash`` (of the fold) and
    ``selects_on_test`` (the protocol, flawed, uses the test split as val).

    Args:
        dataset: the raw images.
        name: the dataset's name, for errors and the cache.
        protocol: maps the table to folds; its seed and options are bound.
        augmentation: a sample transform (run in workers) or a batch transform (an nn.Module, run on the device).
        image_size: side of the square images, in pixels.
        channels: 1 or 3.
        batch_size: images in a batch, at least 1.
        seed: the run's seed; orders and augmentations derive from it, the epoch and the batch.
        fold: which fold, counted from 0.
        limit: use only this number (int) or share (float in (0, 1)) of the images, stratified by official split and
            class; the same ones for every seed.
        on_leaks: what identical images, subjects or sequences in two parts lead to: "warn" (one of ``warnings``),
            "error", or "off", which does not look for them.
        near_copies: whether near copies are looked for too: "on", "off", or "auto", where it takes seconds or is known.
            A protocol that says ``wants_near_copies`` gets them unless it is "off".
        oversample: repeat training images of the smaller classes until each class comes as often as the largest.
        offline: makes images until every class of the training split has as many as asked for: a transform and a number
            (None: as many as the largest class has). None: nothing is made.
        workers: processes that make training batches. None: none for batch transforms; for sample transforms one less
            than the processors, at least 1 and at most 4.
        memory_gb: images up to this size are held in memory, larger ones mapped from a file.
        cache: folder where decoded images are kept, or None.
        progress: called with (images decoded, images in all).
        resident_device: where the images are held: "cpu", or a CUDA device, which then gathers the batches itself.
            Images that are mapped from a file, or would take more than half of its free memory, stay on the host.
    """

    classes: tuple[str, ...]
    table: SampleTable
    fold: Fold
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    from_cache: bool
    load_seconds: float
    sizes: dict[str, int]
    counts: dict[str, dict[str, int]]
    counts_before: dict[str, dict[str, int]]
    fingerprint: str
    split_hash: str
    fold_count: int
    leaks: Leaks | None
    selects_on_test: bool

    def __init__(
        self,
        dataset: Dataset,
        *,
        name: str,
        protocol: ProtocolCall,
        augmentation: SampleTransform | nn.Module,
        image_size: int,
        channels: int,
        batch_size: int,
        seed: int,
        fold: int = 0,
        limit: int | float | None = None,
        on_leaks: str = "warn",
        near_copies: NearCopies = "auto",
        oversample: bool = False,
        offline: tuple[SampleTransform | nn.Module, int | None] | None = None,
        workers: int | None = None,
        memory_gb: float = 4.0,
        cache: Path | None = None,
        progress: Progress | None = None,
        resident_device: str = "cpu",
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise InputError(f"data.batch_size is {batch_size}; give at least 1")
        if workers is not None and workers < 0:
            raise InputError(f"data.workers is {workers}; give a number of processes, at least 0")
        self.dataset, self.dataset_name, self.protocol, self.augmentation = dataset, name, protocol, augmentation
        self.image_size, self.channels, self.batch_size, self.seed = image_size, channels, batch_size, seed
        self.limit, self.memory_gb, self.cache, self.oversample = limit, memory_gb, cache, oversample
        self.workers = _count_workers(augmentation) if workers is None else workers
        self.resident_device = _check_device(resident_device)
        self._fold_number, self._progress, self._on_leaks, self._offline = fold, progress, on_leaks, offline
        self._near_copies: NearCopies = near_copies
        self._transform_device: torch.device | None = None
        self._prepared = False
        self._openings: list[str] = []
        self._balanced: dict[str, Rows] = {}  # the labels before images were made, of the part they were made for

    def prepare(self) -> None:
        """Load the images, run the protocol and check what it returned; the second call does nothing.

        Raises:
            InputError: the dataset, an option or the protocol's fold is wrong, or a class is missing from a split.
        """
        if self._prepared:
            return
        loaded = load_images(
            self.dataset,
            name=self.dataset_name,
            image_size=self.image_size,
            channels=self.channels,
            cache=self.cache,
            memory_gb=self.memory_gb,
            progress=self._progress,
        )
        classes = loaded.classes
        self.fingerprint = loaded.table.fingerprint(classes)
        mode = "on" if self._near_copies == "auto" and wants_near_copies(self.protocol) else self._near_copies
        near = find_near_groups(loaded.images, loaded.table, mode, self.cache)
        images, table, fold = self._split(loaded.images, dataclasses.replace(loaded.table, near=near))
        self.counts = count_classes(table, fold, classes, owner=f"dataset {self.dataset_name}")
        self.counts_before = {
            part: dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True))
            for part, labels in self._balanced.items()
        }
        self.classes, self.table, self.fold, self.notes = classes, table, fold, loaded.notes
        self.from_cache, self.load_seconds = loaded.from_cache, loaded.seconds
        self.sizes = {split: len(part) for split, part in zip(SPLITS, fold, strict=True)}
        self.split_hash = table.split_hash(fold._asdict(), classes)
        shifted = compare_detail(images, fold.train, fold.val)
        self.leaks = None if self._on_leaks == "off" else find_leaks(table, fold)
        leaking = "; ".join(self.leaks.sentences()) if self.leaks else ""
        if leaking and self._on_leaks == "error":
            raise InputError(f"the parts leak: {leaking}; use another protocol, or --data.leaks warn")
        leaking = leaking and f"the parts leak: {leaking}"
        self.warnings = tuple(said for said in (shifted, missing_classes(self.counts), leaking) if said)
        self.selects_on_test = np.array_equal(fold.val, fold.test)
        self._hold(images)
        self._prepared = True

    def _split(self, images: Images, table: SampleTable) -> tuple[Images, SampleTable, Fold]:
        """Run the protocol; made images join the training split, or the whole where the protocol is flawed that way."""
        before = self._offline is not None and augments_first(self.protocol)
        limit = self.limit
        if before and self._offline is not None:
            kept = np.arange(len(table)) if limit is None else table.part(limit)
            self._balanced = {"all": table.label[kept]}
            made, to = self._offline
            refuse_mapped(images)
            images, table, rows = balance_classes(
                images[kept], table.rows(kept), np.arange(len(kept)), made, per_class=to, seed=self.seed
            )
            images, table, limit = images[rows], table.rows(rows), None
        folds = split_folds(table, self.protocol, limit=limit)
        fold = pick_fold(folds, self._fold_number, self.protocol)
        self.fold_count = len(folds)
        if self._offline is not None and not before:
            made, to = self._offline
            self._balanced = {"train": table.label[fold.train]}
            images, table, train = balance_classes(images, table, fold.train, made, per_class=to, seed=self.seed)
            fold = fold._replace(train=train)
        images.flags.writeable = False
        return images, table, fold

    def _hold(self, images: npt.NDArray[np.uint8]) -> None:
        self._images = images
        self._resident = wrap_images(images)
        if self.resident_device.type == "cuda" and not isinstance(images, np.memmap):
            free, _ = torch.cuda.mem_get_info(self.resident_device)
            if images.nbytes <= free / 2:  # assumed: the network, its gradients and activations need the rest
                self._resident = self._resident.to(self.resident_device)
        if not isinstance(self.augmentation, nn.Module):
            # Tried here, since an error in a worker reaches the user as a traceback.
            with seeded(0, self.augmentation):
                apply_transform(self.augmentation, images[self.fold.train[0]].copy())

    def setup(self, stage: str) -> None:
        """Lightning's hook; see :meth:`prepare`."""
        del stage
        self.prepare()

    # The splits.

    def open_test(self, reason: str) -> None:
        """Unseal the test split, outside of fitting, for what ``reason`` says; it is kept in ``test_openings``.

        Raises:
            TestSplitSealed: a trainer is fitting.
            ValueError: no reason is given.
        """
        if not reason.strip():
            raise ValueError("open_test needs a reason")
        self._refuse_while_fitting("open_test")
        self._openings.append(reason)

    @property
    def test_openings(self) -> tuple[str, ...]:
        """The reasons that the test split was opened for, in order."""
        return tuple(self._openings)

    def rows(self, split: str) -> Rows:
        """Row numbers of ``split``, sorted: (n,) int64."""
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
        if split == "test":
            self._require_open("its rows")
        self.prepare()
        part: Rows = getattr(self.fold, split)
        return part

    def labels(self, split: str) -> Rows:
        """Labels of ``split`` in the order of :meth:`rows`: (n,) int64."""
        rows = self.rows(split)
        return self.table.label[rows]

    def images_of(self, split: str) -> npt.NDArray[np.uint8]:
        """Images of ``split`` in the order of :meth:`rows`, without augmentation: a copy, (n, S, S, C) uint8."""
        return self.row_images(self.rows(split))

    def row_images(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Images of ``rows``, without augmentation: a copy, (n, S, S, C) uint8.

        Raises:
            TestSplitSealed: one of them is in the test split, which is sealed.
            ValueError: one of them is in no part of the fold.
        """
        self.prepare()
        index = np.asarray(rows, dtype=np.int64)
        if np.isin(index, self.fold.test).any():
            self._require_open("some of its images")
        outside = index[~np.isin(index, np.concatenate(self.fold))]
        if outside.size:
            raise ValueError(f"row {outside.flat[0]} belongs to no part of this fold")
        return self._images[index]

    def source_names(self, rows: npt.ArrayLike) -> list[str]:
        """Source names of ``rows``, any of the table."""
        self.prepare()
        names: list[str] = self.table.source[np.asarray(rows, dtype=np.int64)].tolist()
        return names

    def _require_open(self, what: str) -> None:
        self._refuse_while_fitting(what)
        if not self._openings:
            raise TestSplitSealed(
                f"the test split is sealed and {what} cannot be read: select the model on validation, then call "
                "open_test(reason)"
            )

    def _refuse_while_fitting(self, what: str) -> None:
        state = None if self.trainer is None else self.trainer.state
        if state is not None and state.fn == TrainerFn.FITTING and state.status == TrainerStatus.RUNNING:
            raise TestSplitSealed(f"the test split cannot be read while a model is being fitted (asked for: {what})")

    # The loaders.

    def train_dataloader(self) -> ResidentLoader | DataLoader[Batch]:
        """Training images: shuffled and augmented anew in every epoch."""
        rows = self.rows("train")
        batch_transform = isinstance(self.augmentation, nn.Module)
        if batch_transform and self.workers == 0:
            return self._resident_loader(rows, shuffle=True, oversample=self.oversample)
        return sample_loader(
            self._images,
            self.table.label,
            rows,
            None if batch_transform else self.augmentation,
            batch_size=self.batch_size,
            shuffle=True,
            seed=self.seed,
            epoch=self._epoch,
            workers=self.workers,
            pin_memory=self.resident_device.type == "cuda",
            oversample=self.oversample,
        )

    def train_eval_dataloader(self) -> ResidentLoader:
        """Training images in the order of their rows, without augmentation."""
        return self._resident_loader(self.rows("train"))

    def val_dataloader(self) -> ResidentLoader:
        """Validation images in the order of their rows."""
        return self._resident_loader(self.rows("val"))

    def test_dataloader(self) -> ResidentLoader:
        """Test images in the order of their rows.

        Raises:
            TestSplitSealed: ``open_test`` was not called, or a trainer is fitting.
        """
        self._require_open("its loader")
        return self._resident_loader(self.rows("test"))

    def _resident_loader(self, rows: Rows, shuffle: bool = False, oversample: bool = False) -> ResidentLoader:
        return ResidentLoader(
            self._resident,
            self.table.label,
            rows,
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            epoch=self._epoch,
            oversample=oversample,
        )

    def _epoch(self) -> int:
        # Not trainer.current_epoch: where a run resumes, Lightning 2.6 makes the first iterator, and workers fetch
        # their first batches, while that is still the number of the epoch that the checkpoint ended.
        if self.trainer is None:
            return 0
        current: Any = self.trainer.fit_loop.epoch_progress.current  # annotated as a class without the attribute
        return int(current.processed)

    # The way to the model.

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Lightning's hook: move the batch, whose images are uint8 still."""
        del dataloader_idx
        index, image, label = (part.to(device, non_blocking=True) for part in (batch.index, batch.image, batch.label))
        return Batch(index, image, label)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: images become float32 in [0, 1]; while training, the batch transform is applied."""
        del dataloader_idx
        image = to_float(batch.image)
        if isinstance(self.augmentation, nn.Module) and self.trainer is not None and self.trainer.training:
            if self._transform_device != image.device:
                self.augmentation.to(image.device)
                self._transform_device = image.device
            changed: Any
            with torch.no_grad():
                if isinstance(self.augmentation, MixesBatch):
                    changed, target = self.augmentation.mix(image, self._shares(batch))
                    batch = batch._replace(target=target)
                else:
                    changed = self.augmentation(image)
            if changed.shape != image.shape:
                raise InputError(
                    f"augmentation {type(self.augmentation).__name__} returns images {tuple(changed.shape)} for images "
                    f"{tuple(image.shape)}; the shape must stay"
                )
            image = changed
        # Lightning converts before this hook, when the images are uint8: under 64-true the network is double already.
        return batch._replace(image=image if self.trainer is None else image.to(self.trainer.lightning_module.dtype))

    def _shares(self, batch: Batch) -> Tensor:
        """Return the targets of a batch as shares per class (B, K): the dataset's own, or 1 for the label."""
        if self.table.target is None or getattr(self.dataset, "target_mode", None) != "distribution":
            return one_hot(batch.label, len(self.classes)).float()
        shares = self.table.target[batch.index.cpu().numpy()]
        return torch.from_numpy(shares).to(batch.label.device, torch.float32)


def to_float(image: Tensor) -> Tensor:
    """Return uint8 images (B, C, H, W) as float32 in [0, 1], contiguous."""
    return image.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _check_device(name: str) -> torch.device:
    if name == "cpu" or (name.split(":")[0] == "cuda" and torch.cuda.is_available()):
        return torch.device(name)
    raise InputError(f"data.resident_device is {name}; give cpu, or cuda where there is a CUDA device")


def _count_workers(augmentation: SampleTransform | nn.Module) -> int:
    if isinstance(augmentation, nn.Module):
        return 0
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, max(1, processors - 1))
