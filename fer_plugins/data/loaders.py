"""Makes batches: whole ones gathered from the resident images, or augmented image by image in workers."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fer_plugins.contract import Batch, SampleTransform
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.seeds import derive

Rows = npt.NDArray[np.int64]
Epoch = Callable[[], int]

PATIENCE = 120  # seconds without a batch after which a worker counts as stuck: an error is better than a silent stop


def wrap_images(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return a tensor (N, S, S, C) on the memory of ``images``, which nobody may write to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images)


def draw_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of ``count`` samples in ``epoch``: (count,) int64, the same on every device."""
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(count, generator=generator)


def draw_oversampled(labels: Tensor, seed: int, epoch: int) -> Tensor:
    """Return an order of ``epoch`` in which every class comes as often as the largest.

    Every sample comes at least once; what a smaller class lacks is drawn from it with replacement.

    Args:
        labels: (n,) int64, of the samples.
        seed: the run's seed.
        epoch: number of the epoch; each draws its own repetitions.

    Returns:
        (classes present x largest class,) int64, positions in ``labels``; the same on every device.
    """
    labels = labels.cpu()
    generator = torch.Generator().manual_seed(derive(seed, "oversample", epoch))
    largest = int(torch.bincount(labels).max())
    positions = []
    for label in torch.bincount(labels).nonzero().flatten():
        own = (labels == label).nonzero().flatten()
        positions += [own, own[torch.randint(len(own), (largest - len(own),), generator=generator)]]
    chosen = torch.cat(positions)
    return chosen[draw_order(len(chosen), seed, epoch)]


def count_samples(labels: Tensor, oversample: bool) -> int:
    """Return how many samples an epoch has."""
    counts = torch.bincount(labels.cpu())
    return int(counts.max() * (counts > 0).sum()) if oversample else len(labels)


def count_batches(samples: int, batch_size: int, drop_last: bool) -> int:
    """Return how many batches an epoch has; the short last one counts unless it is dropped."""
    return samples // batch_size if drop_last else -(-samples // batch_size)


class ResidentLoader:
    """Iterates over :class:`~fer_plugins.contract.Batch`, gathered in one step from images that stay where they are.

    Every row comes once an epoch (more often where ``oversample`` repeats it), in batches of ``batch_size`` and a
    shorter last one. Batches lie on the device of ``images``; ``image`` is uint8 (B, C, S, S), for three channels with
    the channels innermost in memory.

    Args:
        images: (N, S, S, C) uint8.
        labels: (N,) int64.
        rows: (n,) int64, which of the N rows this loader serves.
        batch_size: images in a batch, at least 1.
        shuffle: whether each epoch has an order of its own, drawn from ``seed`` and the epoch.
        seed: the run's seed.
        epoch: gives the number of the epoch; asked when the first batch is fetched, since Lightning makes the first
            iterator of a resumed run before it knows in which epoch it is.
        drop_last: whether the shorter last batch is left out.
        oversample: whether samples of the smaller classes are repeated up to the largest; in a shuffled order only.
    """

    def __init__(
        self,
        images: Tensor | npt.NDArray[np.uint8],
        labels: Tensor | Rows,
        rows: Tensor | Rows,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch: Epoch,
        drop_last: bool = False,
        oversample: bool = False,
    ) -> None:
        _check_batch_size(batch_size)
        images = images if isinstance(images, Tensor) else wrap_images(images)
        count, height, width, channels = images.shape
        self._grey = channels == 1
        # A view for grey images, so that a gathered batch needs no permutation.
        self._images = images.view(count, 1, height, width) if self._grey else images
        self._rows = torch.as_tensor(rows).to(images.device)
        self._labels = torch.as_tensor(labels).to(images.device)[self._rows]
        self._shuffle, self._seed, self._epoch = shuffle, seed, epoch
        self._oversample = oversample and shuffle
        self.batch_size = batch_size
        self._length = count_batches(count_samples(self._labels, self._oversample), batch_size, drop_last)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Batch]:
        rows, labels = self._rows, self._labels
        if self._shuffle:
            epoch = self._epoch()
            order = (
                draw_oversampled(labels, self._seed, epoch)
                if self._oversample
                else draw_order(len(rows), self._seed, epoch)
            ).to(rows.device)
            rows, labels = rows[order], labels[order]
        size = self.batch_size
        for start in range(0, len(self) * size, size):
            index = rows[start : start + size]
            image = self._images.index_select(0, index)
            yield Batch(index, image if self._grey else image.permute(0, 3, 1, 2), labels[start : start + size])


class PlannedBatch(NamedTuple):
    """What a worker is told to make."""

    epoch: int
    number: int  # of the batch in its epoch
    rows: Rows


class BatchPlan(Sampler[PlannedBatch]):
    """The batches of each epoch; lives in the main process, so that workers need not know the epoch."""

    def __init__(
        self,
        rows: Rows,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        epoch: Epoch,
        drop_last: bool = False,
        oversampled_labels: Rows | None = None,
    ) -> None:
        _check_batch_size(batch_size)
        self._rows, self._batch_size, self._shuffle = rows, batch_size, shuffle
        self._seed, self._epoch = seed, epoch
        self._labels = None if oversampled_labels is None else torch.as_tensor(oversampled_labels)
        samples = len(rows) if self._labels is None else count_samples(self._labels, oversample=True)
        self._length = count_batches(samples, batch_size, drop_last)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[PlannedBatch]:
        epoch, rows, size = self._epoch(), self._rows, self._batch_size
        if self._labels is not None:
            rows = rows[draw_oversampled(self._labels, self._seed, epoch).numpy()]
        elif self._shuffle:
            rows = rows[draw_order(len(rows), self._seed, epoch).numpy()]
        for number in range(len(self)):
            yield PlannedBatch(epoch, number, rows[number * size : (number + 1) * size])


class AugmentedBatches(Dataset[Batch]):
    """Maps a planned batch to the batch itself; what it draws depends on seed, epoch and number only.

    A copy in another process shares the images: inherited by fork; in shared memory, or mapped again from the same
    file, where the object is pickled.
    """

    def __init__(
        self, images: npt.NDArray[np.uint8], labels: Rows, transform: SampleTransform | None, *, seed: int
    ) -> None:
        self._mapped = isinstance(images, np.memmap)
        self._images: Any = images if self._mapped else wrap_images(images)
        self._labels, self._transform, self._seed = labels, transform, seed

    def __getitem__(self, plan: PlannedBatch) -> Batch:
        source = self._images if self._mapped else self._images.numpy()
        images = np.take(source, plan.rows, axis=0)  # a copy: the transform may write to it
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


@contextmanager
def seeded(seed: int, transform: SampleTransform) -> Iterator[None]:
    """Seed everything that ``transform`` may draw from, and put the process's own generators back afterwards.

    Without that, dropout would draw the same masks in every epoch where the batch is made in the main process.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed the accelerators
        if hasattr(transform, "set_random_state"):
            # One stream for all the parts of an albumentations Compose. Its set_random_seed gives every part the same
            # seed, so that two parts of probability 0.5 are applied together always or not at all.
            transform.set_random_state(np.random.default_rng(seed), random.Random(seed))
        elif hasattr(transform, "set_random_seed"):
            transform.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)


def apply_transform(transform: SampleTransform, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the augmented image; the transform's answer is checked.

    Raises:
        InputError: it is not a uint8 array of the same shape.
    """
    changed = transform(image=image)["image"]
    if not (isinstance(changed, np.ndarray) and changed.dtype == np.uint8 and changed.shape == image.shape):
        got = f"{changed.dtype} {changed.shape}" if isinstance(changed, np.ndarray) else type(changed).__name__
        raise InputError(f"augmentation {type(transform).__name__} returns {got} for an image uint8 {image.shape}")
    return changed


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
    drop_last: bool = False,
    oversample: bool = False,
) -> DataLoader[Batch]:
    """Build a loader of whole batches that are made, and augmented where there is a transform, in workers.

    The batches are the same bit for bit whatever ``workers`` is.

    Args:
        images: (N, S, S, C) uint8, shared with the workers, not copied for each.
        labels: (N,) int64.
        rows: (n,) int64, which of the N rows this loader serves.
        transform: the augmentation of one image, or None.
        batch_size: images in a batch, at least 1.
        shuffle: whether each epoch has an order of its own.
        seed: the run's seed.
        epoch: gives the number of the epoch; asked when an iterator is made (with workers) or first used (without).
        workers: processes that make batches; 0 makes them in this one. They live as long as the loader.
        pin_memory: whether batches are put where an accelerator copies from without waiting.
        context: how workers start ("fork", "spawn", "forkserver"); None is the platform's own way.
        drop_last: whether the shorter last batch is left out.
        oversample: whether samples of the smaller classes are repeated up to the largest; in a shuffled order only.
    """
    plan = BatchPlan(
        rows,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        epoch=epoch,
        drop_last=drop_last,
        oversampled_labels=labels[rows] if oversample and shuffle else None,
    )
    if workers > 0:
        _calm_opencv()
    return DataLoader(
        AugmentedBatches(images, labels, transform, seed=seed),
        sampler=plan,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        timeout=PATIENCE if workers > 0 else 0,
        pin_memory=pin_memory,
        multiprocessing_context=context if workers > 0 else None,
        generator=torch.Generator(),  # the loader would draw a seed from the run's own generator at every epoch
    )


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"data.batch_size is {batch_size}; give at least 1")


def _calm_opencv() -> None:
    """Stop OpenCV's own threads, where a transform has loaded it.

    A worker that is forked inherits their locks and not the threads, and waits for them for ever; and a worker for each
    core needs no threads besides.
    """
    opencv = sys.modules.get("cv2")
    if opencv is not None:
        opencv.setNumThreads(0)
