"""Batches that are augmented image by image in worker processes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data._utils import signal_handling
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from fer_plugins.contract import Batch, SampleTransform
from fer_plugins.data.loaders.order import EpochOrder, Rows
from fer_plugins.data.loaders.resident import Epoch, wrap_images
from fer_plugins.data.loaders.transforms import apply_transform, seeded
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

PATIENCE = 120  # seconds without a batch after which a worker is considered stuck, and an error is raised


class PlannedBatch(NamedTuple):
    """The rows, epoch and number of a batch."""

    epoch: int
    number: int  # index of the batch in its epoch, counted over all processes
    rows: Rows


class BatchPlan(Sampler[PlannedBatch]):
    """The batches of each epoch; lives in the main process, so that workers need not know the epoch."""

    def __init__(self, rows: Rows, order: EpochOrder, epoch: Epoch) -> None:
        self._rows, self.order, self._epoch = rows, order, epoch

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[PlannedBatch]:
        epoch, (own, count) = self._epoch(), self.order.rank
        order = self.order.draw(epoch)
        rows = self._rows if order is None else self._rows[order.numpy()]
        for number, place in enumerate(self.order.slices()):
            yield PlannedBatch(epoch, number * count + own, rows[place])


class AugmentedBatches(Dataset[Batch]):
    """Maps a planned batch to the batch; random numbers depend only on the seed, the epoch and the number of the batch.

    Copies in other processes share the images: inherited by fork or, if the object is pickled, in shared memory or
    mapped again from the same file.
    """

    def __init__(
        self, images: npt.NDArray[np.uint8], labels: Rows, transform: SampleTransform | None, *, seed: int
    ) -> None:
        self._mapped = isinstance(images, np.memmap)
        self._images: Any = images if self._mapped else wrap_images(images)
        self._labels, self._transform, self._seed = labels, transform, seed

    def __getitem__(self, plan: PlannedBatch) -> Batch:
        source = self._images if self._mapped else self._images.numpy()
        images = np.take(source, plan.rows, axis=0)  # a copy, because the transform may modify it
        if self._transform is not None:
            with seeded(derive(self._seed, "augment", plan.epoch, plan.number), self._transform):
                for i, image in enumerate(images):
                    images[i] = apply_transform(self._transform, image)
        return Batch(
            torch.from_numpy(plan.rows.copy()),
            torch.from_numpy(images).permute(0, 3, 1, 2),
            torch.from_numpy(self._labels[plan.rows]),
        )

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self._mapped:
            state["_images"] = (str(self._images.filename), self._images.offset, self._images.shape)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._mapped:
            path, offset, shape = state["_images"]
            self._images = np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape)


def sample_loader(
    images: npt.NDArray[np.uint8],
    labels: Rows,
    rows: Rows,
    transform: SampleTransform | None,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    epoch: Epoch,
    workers: int,
    pin_memory: bool = False,
    context: str | None = None,
    oversample: bool = False,
) -> DataLoader[Batch]:
    """Build a data loader whose batches are made, and augmented if there is a transform, in workers.

    The batches are bitwise the same for every number of ``workers``. Arguments that :class:`ResidentLoader` has, too,
    have the same meaning; the images are shared with the workers, and ``transform`` augments one image. ``workers``
    processes make batches and live as long as the loader; 0 makes batches in this process. ``pin_memory`` puts batches
    into memory from which an accelerator can copy asynchronously. ``context`` is how workers are started ("fork",
    "spawn", "forkserver"; None for the platform's default).
    """
    order = EpochOrder(
        torch.as_tensor(labels[rows]),
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        oversample=oversample,
    )
    if workers > 0 and (opencv := sys.modules.get("cv2")) is not None:
        # A forked worker inherits the locks of OpenCV's threads but not the threads, and would wait forever.
        opencv.setNumThreads(0)
    return DataLoader(
        AugmentedBatches(images, labels, transform, seed=seed),
        sampler=BatchPlan(rows, order, epoch),
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        timeout=PATIENCE if workers > 0 else 0,
        pin_memory=pin_memory,
        multiprocessing_context=context if workers > 0 else None,
        worker_init_fn=_leave_the_end_to_the_command,
        generator=torch.Generator(),  # else the loader would draw a seed from the run's generator in every epoch
    )


def _leave_the_end_to_the_command(worker: int) -> None:
    """Suppress the traceback of a worker's thread that sends batches if the command was told to stop.

    No other code of a worker calls ``sys.excepthook``, because errors of a batch are raised in the main process.
    """
    del worker
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        if not isinstance(error, (ConnectionError, EOFError)):  # else the command has stopped receiving
            before(kind, error, tb)

    sys.excepthook = hook


def count_workers(workers: int | None, augmentation: SampleTransform | nn.Module) -> int:
    """Return the number of processes that make training batches; by default 0 for a batch transform, else 1 to 4.

    Raises:
        InputError: ``workers`` is below 0.
    """
    if workers is not None:
        if workers < 0:
            raise InputError(f"data.workers is {workers}; give a number of processes, at least 0")
        return workers
    if isinstance(augmentation, nn.Module):
        return 0
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, max(1, processors - 1))


def is_worker_failure(error: BaseException) -> bool:
    """Return whether an error came from a worker: killed, out of shared memory, or an exception in it.

    This is decided by the traceback, because torch raises plain ``RuntimeError`` for all of them.
    """
    return any(
        isinstance(frame.f_locals.get("self"), _MultiProcessingDataLoaderIter)
        or frame.f_globals.get("__name__") == signal_handling.__name__
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )
