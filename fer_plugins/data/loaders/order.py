"""The order of the samples in an epoch, and their division into batches."""

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
    """The order of every epoch; its length is the number of batches that this process gets.

    Where several processes train together, each gets its share of every batch of a shuffled order. A last batch with
    fewer than two samples for each process joins the one before, also where there is one process: batch normalisation
    needs two samples, unless each batch is to have one. Of an order that is not shuffled, each process gets whole
    batches, so that a batch is computed as one process would; a process that is left without one gets the first again,
    and ``Scorer`` counts that once.

    Args:
        labels: (n,) int64, of the samples.
        batch_size: samples in a batch, at least 1.
        shuffle: whether each epoch has an order of its own, drawn from ``seed`` and the epoch.
        seed: the run's seed.
        oversample: whether samples of the smaller classes are repeated up to the largest; in a shuffled order only.

    Raises:
        InputError: ``batch_size`` is below 1, or there are fewer than two samples for each process.
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
        """Return where the batches of this process lie in an order, from first to last."""
        number, count = self.rank
        if self._shuffle:
            return [slice(start + number, stop, count) for start, stop in self._batches]
        slices = [slice(start, stop) for start, stop in self._batches]
        return slices[number::count] or slices[:1]

    def share(self, number: int, accumulated: int = 1) -> float:
        """Return how much the mean loss of this process's share of a batch counts; 1 where all are equal.

        The mean over the processes, and over the ``accumulated`` batches that make one step, of losses times their
        shares is the mean over the samples of the step. Fewer batches are left for the last step of an epoch: theirs
        count more.
        """
        first = number - number % accumulated
        step = self._batches[first : first + accumulated]
        start, stop = self._batches[number]
        own = len(range(start + self.rank.number, stop, self.rank.processes))
        return accumulated * self.rank.processes * own / (step[-1][1] - step[0][0])

    def draw(self, epoch: int) -> Tensor | None:
        """Return the samples of ``epoch`` in order, as int64 positions; None where they come as they are."""
        if self._oversample:
            return draw_oversampled(self._labels, self._seed, epoch)
        return draw_order(len(self._labels), self._seed, epoch) if self._shuffle else None


def number_of_epoch(trainer: Trainer | None) -> int:
    """Return the number of the epoch that is being trained, 0 without a trainer.

    Not trainer.current_epoch: where a run resumes, Lightning 2.6 makes the first iterator, and workers fetch their
    first batches, while that is still the number of the epoch that the checkpoint ended.
    """
    if trainer is None:
        return 0
    current: Any = trainer.fit_loop.epoch_progress.current  # annotated as a class without the attribute
    return int(current.processed)


def check_batch_size(batch_size: int) -> None:
    """Raise InputError where ``batch_size`` is below 1."""
    if batch_size < 1:
        raise InputError(f"data.batch_size is {batch_size}; give at least 1")


def draw_order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order of ``count`` samples in ``epoch``: (count,) int64, the same on every device."""
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(count, generator=generator)


def draw_oversampled(labels: Tensor, seed: int, epoch: int) -> Tensor:
    """Return an order of ``epoch`` in which every class of ``labels``, (n,) int64, comes as often as the largest.

    Every sample comes at least once; what a smaller class lacks is drawn from it with replacement.

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
