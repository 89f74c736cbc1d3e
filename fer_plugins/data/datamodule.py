"""FERDataModule: the data loaders of a dataset under a split protocol; keeps the test split sealed during training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lightning.pytorch import LightningDataModule
from torch import nn
from torch.utils.data import DataLoader

from fer_plugins.contract import SPLITS, Batch, Dataset, Fold, SampleTransform
from fer_plugins.data.copies.near_groups import NearCopies
from fer_plugins.data.images import Progress
from fer_plugins.data.leaks import Leaks
from fer_plugins.data.loaders import (
    ResidentLoader,
    augment_batch,
    check_batch_size,
    check_device,
    count_workers,
    number_of_epoch,
    place_images,
    sample_loader,
    try_transform,
)
from fer_plugins.data.offline import Offline
from fer_plugins.data.prepared_fold import prepare_fold
from fer_plugins.data.preprocessing import Preprocessing, to_float
from fer_plugins.data.protocols.official import ProtocolCall
from fer_plugins.data.seal import Seal
from fer_plugins.data.table import SampleTable

Rows = npt.NDArray[np.int64]


class FERDataModule(LightningDataModule):
    """Data loaders for one fold of a dataset, whose images are decoded once and stay in memory.

    Loaders yield :class:`~fer_plugins.contract.Batch` with uint8 images; ``on_after_batch_transfer`` converts them to
    floats in [0, 1] on the device and applies a batch transform during training. Row numbers refer to ``table``, which
    has all rows of the dataset.

    The test split is sealed: its rows, labels, images and loader raise ``TestSplitSealed`` until ``open_test`` is
    called, and while a trainer is fitting. The attributes below are set by ``prepare``.

    Args:
        dataset: The raw images.
        name: Name of the dataset, for error messages and the cache.
        protocol: Function that maps the table to folds; its seed and options are bound.
        augmentation: A sample transform (run in workers) or a batch transform (an nn.Module, run on the device).
        image_size: Side of the square images, in pixels.
        channels: 1 or 3.
        batch_size: Images per batch, at least 1.
        seed: Seed of the run; sample orders and augmentations depend on it, the epoch and the batch.
        fold: Index of the fold, from 0.
        limit: Number (int) or fraction (float in (0, 1)) of images to use; see :meth:`SampleTable.subset`.
        on_leaks: What to do about identical images, subjects or sequences in two splits: "warn", "error", or "off".
        near_copies: Whether to search for near copies: "on", "off", or "auto" (if the search is quick or cached).
        oversample: Repeat training images of smaller classes until each class occurs as often as the largest.
        offline: Generates images until the classes of the training split are balanced; None generates none.
        workers: Number of processes that make training batches; None for the default of :func:`count_workers`.
        memory_gb: Images up to this size in GB are held in memory, larger ones are memory-mapped from a file.
        cache: Folder of decoded images, or None.
        progress: Called with (number of images decoded, total number of images).
        resident_device: Device that holds the images, "cpu" or a CUDA device; see :func:`place_images`.
        faces: How the dataset crops its images to faces; recorded in ``preprocessing``.
    """

    classes: tuple[str, ...]
    table: SampleTable
    fold: Fold
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    from_cache: bool
    load_seconds: float
    sizes: dict[str, int]  # split -> images
    counts: dict[str, dict[str, int]]  # split -> class -> images
    counts_before: dict[str, dict[str, int]]  # the same, before offline augmentation, for the split that it changes
    fingerprint: str  # of the whole dataset
    split_hash: str  # of the fold
    fold_count: int
    leaks: Leaks | None  # None if not searched
    selects_on_test: bool  # whether a (flawed) protocol uses the test split as val
    preprocessing: Preprocessing  # applied to every image before the network

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
        offline: Offline | None = None,
        workers: int | None = None,
        memory_gb: float = 4.0,
        cache: Path | None = None,
        progress: Progress | None = None,
        resident_device: str = "cpu",
        faces: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_batch_size(batch_size)
        self.dataset, self.dataset_name, self.protocol, self.augmentation = dataset, name, protocol, augmentation
        self.image_size, self.channels, self.batch_size, self.seed = image_size, channels, batch_size, seed
        self.oversample, self._faces = oversample, faces or {}
        self.workers = count_workers(workers, augmentation)
        self.resident_device = check_device(resident_device)
        self._load = partial(
            prepare_fold,
            dataset,
            name=name,
            protocol=protocol,
            image_size=image_size,
            channels=channels,
            seed=seed,
            fold=fold,
            limit=limit,
            on_leaks=on_leaks,
            near_copies=near_copies,
            offline=offline,
            memory_gb=memory_gb,
            cache=cache,
            progress=progress,
        )
        self._prepared = False
        self._seal = Seal()

    def setup(self, stage: str) -> None:
        """Lightning's hook; calls :meth:`prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Load the images and run the protocol, once; raises InputError like :func:`prepare_fold`."""
        if self._prepared:
            return
        prepared = self._load()
        vars(self).update({name: value for name, value in vars(prepared).items() if name != "images"})
        self._images = prepared.images
        self.preprocessing = Preprocessing(
            image_size=self.image_size, channels=self.channels, classes=self.classes, faces=self._faces
        )
        self.sizes = {split: len(rows) for split, rows in zip(SPLITS, prepared.fold, strict=True)}
        self.selects_on_test = np.array_equal(prepared.fold.val, prepared.fold.test)
        self._resident = place_images(prepared.images, self.resident_device)
        if not isinstance(self.augmentation, nn.Module):
            try_transform(self.augmentation, prepared.images[prepared.fold.train[0]])
        self._prepared = True

    def train_dataloader(self) -> ResidentLoader | DataLoader[Batch]:
        """Return training batches, shuffled and augmented anew in every epoch."""
        if isinstance(self.augmentation, nn.Module) and self.workers == 0:
            return self._resident_loader("train", shuffle=True)
        rows = self.rows("train")  # also prepares the images used below
        return sample_loader(
            self._images,
            self.table.label,
            rows,
            None if isinstance(self.augmentation, nn.Module) else self.augmentation,
            batch_size=self.batch_size,
            shuffle=True,
            seed=self.seed,
            epoch=lambda: number_of_epoch(self.trainer),
            workers=self.workers,
            pin_memory=self.resident_device.type == "cuda",
            oversample=self.oversample,
        )

    def train_eval_dataloader(self) -> ResidentLoader:
        """Return training batches in the order of their rows, without augmentation."""
        return self._resident_loader("train")

    def val_dataloader(self) -> ResidentLoader:
        """Return validation batches in the order of their rows."""
        return self._resident_loader("val")

    def test_dataloader(self) -> ResidentLoader:
        """Return test batches in the order of their rows; raises TestSplitSealed if the test split is sealed."""
        self._seal.require_open("its loader", self.trainer)
        return self._resident_loader("test")

    def _resident_loader(self, split: str, *, shuffle: bool = False) -> ResidentLoader:
        rows = self.rows(split)
        return ResidentLoader(
            self._resident,
            self.table.label,
            rows,
            batch_size=self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            epoch=lambda: number_of_epoch(self.trainer),
            oversample=self.oversample and shuffle,
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Lightning's hook: convert images to floats in [0, 1] and, during training, apply the batch transform."""
        image = to_float(batch.image)
        if isinstance(self.augmentation, nn.Module) and self.trainer is not None and self.trainer.training:
            uses_target = getattr(self.dataset, "target_mode", None) == "distribution"
            shares = self.table.target if uses_target else None
            image, target = augment_batch(self.augmentation, image, batch, shares, len(self.classes))
            batch = batch._replace(target=target)
        # Lightning converts dtypes before this hook, when images are uint8; with 64-true the network is already double.
        return batch._replace(image=image if self.trainer is None else image.to(self.trainer.lightning_module.dtype))

    def open_test(self, reason: str) -> None:
        """Open the test split for a ``reason``, which is recorded; see :meth:`Seal.open`."""
        self._seal.open(reason, self.trainer)

    @property
    def test_openings(self) -> tuple[str, ...]:
        """The reasons for which the test split was opened, in order."""
        return tuple(self._seal.reasons)

    def rows(self, split: str) -> Rows:
        """Return the row numbers of ``split``, sorted: (n,) int64; raises TestSplitSealed for a sealed test split."""
        self.prepare()
        return self._seal.rows(self.fold, split, self.trainer)

    def labels(self, split: str) -> Rows:
        """Return the labels of ``split`` in the order of :meth:`rows`: (n,) int64."""
        rows = self.rows(split)  # also prepares the table
        return self.table.label[rows]

    def row_images(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return a copy of the images of ``rows``, not augmented: (n, S, S, C) uint8; see :meth:`Seal.check_rows`."""
        self.prepare()
        index = np.asarray(rows, dtype=np.int64)
        self._seal.check_rows(self.fold, index, self.trainer)
        return self._images[index]

    def source_names(self, rows: npt.ArrayLike) -> list[str]:
        """Return the source names of ``rows``, which may be any rows of the table."""
        self.prepare()
        return list(map(str, self.table.source[np.asarray(rows, dtype=np.int64)]))
