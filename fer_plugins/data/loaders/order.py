"""The order of the samples in each epoch, and their division into batches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.ranks import current_rank
from fer_plugins.runtime.seeds import derive

Rows = npt.NDArray[np.int64]


class EpochOrder:
    """The order of the samples in every epoch; its length is the number of batches of this process.

    In a shuffled order, several processes that train together each get a share of every batch, and a last batch with
    fewer than two samples per process (also of a single process) is merged into the previous one, because batch
    normalization needs two samples, unless ``batch_size`` is 1. If the order is not shuffled, each process gets whole
    batches, so that batches are the same as those of a single process; a process that would get none gets the first
    batch again, which ``Scorer`` counts only once.

    Args:
        labels: (n,) int64, labels of the samples.
        batch_size: Samples per batch, at least 1.
        shuffle: Whether the order of each epoch is drawn at random, depending on ``seed`` and the epoch.
        seed: Seed of the run.
        oversample: Whether samples of smaller classes are repeated up to the size of the largest; only if ``shuffle``.

    Raises:
        InputError: ``batch_size`` is below 1, or a batch has fewer than two samples per process.
    """

    def __init__(self, labels: Tensor, *, batch_size: int, shuffle: bool, seed: int, oversample: bool) -> None:
        check_batch_size(batch_size)
        self._labels, self._shuffle, self._seed = labels.cpu(), shuffle, seed
        self._oversample = oversample and shuffle
        counts = torch.bincount(self._labels)
        samples = int(counts.max() * (counts > 0).sum()) if self._oversample else len(labels)
        self.rank = current_rank()
        stops = list(range(batch_size, samples + 1, batch_size))
        if samples % batch_size:
            stops.append(samples)
        several = self.rank.processes if shuffle else 1
        if shuffle and batch_size > 1 and len(stops) > 1 and stops[-1] - stops[-2] < 2 * several:
            del stops[-2]
        if several > 1 and any(stop - start < 2 * several for start, stop in pairwise([0, *stops])):
            raise InputError(
                f"trainer.devices: {several} processes share batches of {min(batch_size, samples)} samples, and each "
                f"needs two; give at most {max(1, min(batch_size, samples) // 2)}, or raise data.batch_size"
            )
        self._batches = list(pairwise([0, *stops]))

    def __len__(self) -> int:
        return len(self.slices())

    def slices(self) -> list[slice]:
        """Return the slices of an order that are the batches of this process, in order."""
        number, count = self.rank
        if self._shuffle:
            return [slice(start + number, stop, count) for start, stop in self._batches]
        slices = [slice(start, stop) for start, stop in self._batches]
        return slices[number::count] or slices[:1]

    def share(self, number: int, accumulated: int = 1) -> float:
        """Return the weight of the mean loss of this process for a batch; 1 if all shares are equal.

        The mean of loss x weight over the processes, and over the ``accumulated`` batches of a step, is the mean over
        the samples of the step. The last step of an epoch may have fewer batches, whose weights are larger.
        """
        first = number - number % accumulated
        step = self._batches[first : first + accumulated]
        start, stop = self._batches[number]
        own = len(range(start + self.rank.number, stop, self.rank.processes))
        return accumulated * self.rank.processes * own / (step[-1][1] - step[0][0])

    def draw(self, epoch: int) -> Tensor | None:
        """Return the samples of ``epoch`` in order, as int64 positions; None if the order is not changed."""
        if self._oversample:
            return draw_oversampled(self._labels, self._seed, epoch)
        return draw_order(len(self._labels), self._seed, epoch) if self._shuffle else None


def number_of_epoch(trainer: Trainer | None) -> int:
    """Return the index of the epoch that is being trained, 0 without a trainer.

    This is not trainer.current_epoch: when a run is resumed, Lightning 2.6 creates the first iterator, and workers
    fetch their first batches, while that is still the index of the epoch at whose end the checkpoint was saved.
    """
    if trainer is None:
        return 0
    current: Any = trainer.fit_loop.epoch_progress.current  # its annotated class does not have the attribute
    return int(current.processed)


def check_batch_size(batch_size: int) -> None:
    """Raise InputError if ``batch_size`` is below 1."""
    if batch_size < 1:
        raise InputError(f"data.batch_size is {batch_size}; give at least 1")


def draw_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return a random order of ``count`` samples for ``epoch``: (count,) int64, the same on every device."""
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(count, generator=generator)


def draw_oversampled(labels: Tensor, seed: int, epoch: int) -> Tensor:
    """Return an order for ``epoch`` in which every class of ``labels``, (n,) int64, occurs as often as the largest.

    Every sample occurs at least once; additional samples of smaller classes are drawn with replacement.

    Returns:
        (number of classes present x size of the largest class,) int64, positions in ``labels``; the same on every
        device.
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
