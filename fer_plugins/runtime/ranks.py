"""The processes that train one model together: which of them this one is, and what they tell one another.

Outside :func:`taking_part` a process is alone, and every function here returns what it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist


class Rank(NamedTuple):
    """The number of a process, from 0, and how many there are."""

    number: int = 0
    processes: int = 1


_taking_part = False


@contextmanager
def taking_part() -> Iterator[None]:
    """Let this process, whose process group is there, work as one of several."""
    global _taking_part
    _taking_part = True
    try:
        yield
    finally:
        _taking_part = False


def current_rank() -> Rank:
    """Return which of the processes this one is; number 0 of 1 where it is alone."""
    return Rank(dist.get_rank(), dist.get_world_size()) if _taking_part else Rank()


def gather(value: Any) -> list[Any]:
    """Return the value of every process, in the order of their numbers, in every process; tensors on the CPU."""
    if not _taking_part:
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def add_up(sums: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; each gets the same bits."""
    if _taking_part:
        dist.all_reduce(sums := sums.clone())
    return sums


def copy_from_first(tensors: Iterable[Tensor]) -> None:
    """Overwrite tensors by those of process 0."""
    if _taking_part:
        with torch.no_grad():
            for tensor in tensors:
                dist.broadcast(tensor, src=0)
