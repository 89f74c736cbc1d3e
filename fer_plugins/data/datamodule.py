"""FERDataModule: a dataset under a protocol, as loaders; it keeps the test split sealed while a model is made."""

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
    """Loaders of one fold of one dataset, from images that are decoded once and stay in memory.

    Loaders yield :class:`~fer_plugins.contract.Batch` with uint8 images; ``on_after_batch_transfer`` makes them floats
    in [0, 1] on the device and applies a batch transform while training. Rows are rows of ``table``, which is whole.

    The test split is sealed: its rows, labels, images and loader raise ``TestSplitSealed`` until ``open_test`` is
    called, and while a trainer is fitting. The attributes below are set by ``prepare``.

    Args:
        dataset: the raw images.
        name: of the dataset, for errors and the cache.
        protocol: maps the table to folds; its seed and options are bound.
        augmentation: a sample transform (run in workers) or a batch transform (an nn.Module, run on the device).
        image_size: side of the square images, in pixels.
        channels: 1 or 3.
        batch_size: images in a batch, at least 1.
        seed: the run's seed; orders and augmentations derive from it, the epoch and the batch.
        fold: which fold, counted from 0.
        limit: use only this number (int) or share (float in (0, 1)) of the images; see :meth:`SampleTable.subset`.
        on_leaks: what identical images, subjects or sequences in two splits lead to: "warn", "error", or "off".
        near_copies: whether near copies are searched: "on", "off", or "auto", if that is quick or cached.
        oversample: repeat training images of the smaller classes until each class comes as often as the largest.
        offline: makes images until the classes of the training split are balanced; None: no image is made.
        workers: processes that make training batches; None: see :func:`count_workers`.
        memory_gb: images up to this size are held in memory, larger ones mapped from a file.
        cache: folder of decoded images, or None.
        progress: called with (images decoded, images in all).
        resident_device: device of the images, "cpu" or a CUDA device; see :func:`place_images`.
        faces: how the dataset cuts its images to a face; recorded in ``preprocessing``.
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
    counts_before: dict[str, dict[str, int]]  # of the split that images were made for offline, before that
    fingerprint: str  # of the whole dataset
    split_hash: str  # of the fold
    fold_count: int
    leaks: Leaks | None  # None where they were not looked for
    selects_on_test: bool  # the protocol, flawed, uses the test split as val
    preprocessing: Preprocessing  # of every image, before the network

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
        """Lightning's hook; see :meth:`prepare`."""
        self.prepare()

    def prepare(self) -> None:
        """Load the images and run the protocol, once; raises InputError as :func:`prepare_fold` does."""
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
        """Training images: shuffled and augmented anew in every epoch."""
        if isinstance(self.augmentation, nn.Module) and self.workers == 0:
            return self._resident_loader("train", shuffle=True)
        rows = self.rows("train")  # prepares the images, which are read below
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
        """Training images in the order of their rows, without augmentation."""
        return self._resident_loader("train")

    def val_dataloader(self) -> ResidentLoader:
        """Validation images in the order of their rows."""
        return self._resident_loader("val")

    def test_dataloader(self) -> ResidentLoader:
        """Test images in the order of their rows; see :meth:`Seal.require_open`."""
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
        """Lightning's hook: images become float32 in [0, 1]; while training, the batch transform is applied."""
        image = to_float(batch.image)
        if isinstance(self.augmentation, nn.Module) and self.trainer is not None and self.trainer.training:
            uses_target = getattr(self.dataset, "target_mode", None) == "distribution"
            shares = self.table.target if uses_target else None
            image, target = augment_batch(self.augmentation, image, batch, shares, len(self.classes))
            batch = batch._replace(target=target)
        # Lightning converts before this hook, when the images are uint8: under 64-true the network is double already.
        return batch._replace(image=image if self.trainer is None else image.to(self.trainer.lightning_module.dtype))

    def open_test(self, reason: str) -> None:
        """Open the test split for ``reason``, which is recorded; see :meth:`Seal.open`."""
        self._seal.open(reason, self.trainer)

    @property
    def test_openings(self) -> tuple[str, ...]:
        """The reasons that the test split was opened for, in order."""
        return tuple(self._seal.reasons)

    def rows(self, split: str) -> Rows:
        """Row numbers of ``split``, sorted: (n,) int64; raises TestSplitSealed for a sealed test split."""
        self.prepare()
        return self._seal.rows(self.fold, split, self.trainer)

    def labels(self, split: str) -> Rows:
        """Labels of ``split`` in the order of :meth:`rows`: (n,) int64."""
        rows = self.rows(split)  # prepares the table
        return self.table.label[rows]

    def row_images(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Images of ``rows``, without augmentation: a copy, (n, S, S, C) uint8; see :meth:`Seal.check_rows`."""
        self.prepare()
        index = np.asarray(rows, dtype=np.int64)
        self._seal.check_rows(self.fold, index, self.trainer)
        return self._images[index]

    def source_names(self, rows: npt.ArrayLike) -> list[str]:
        """Source names of ``rows``, any of the table."""
        self.prepare()
        return list(map(str, self.table.source[np.asarray(rows, dtype=np.int64)]))
