"""The processes that train one model together: the rank of this process, and communication between them.

Outside :func:`taking_part` a process is alone, and every function here returns its input unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist


class Rank(NamedTuple):
    """The index of a process, from 0, and the number of processes."""

    number: int = 0
    processes: int = 1


_taking_part = False


@contextmanager
def taking_part() -> Iterator[None]:
    """Make this process, whose process group has been initialized, work as one of several."""
    global _taking_part
    _taking_part = True
    try:
        yield
    finally:
        _taking_part = False


def current_rank() -> Rank:
    """Return the rank of this process; number 0 of 1 if it is alone."""
    return Rank(dist.get_rank(), dist.get_world_size()) if _taking_part else Rank()


def gather(value: Any) -> list[Any]:
    """Return the value of every process, ordered by rank, on every process; tensors must be on the CPU."""
    if not _taking_part:
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def add_up(sums: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; every process gets bitwise the same result."""
    if _taking_part:
        dist.all_reduce(sums := sums.clone())
    return sums


def copy_from_first(tensors: Iterable[Tensor]) -> None:
    """Overwrite tensors with those of process 0."""
    if _taking_part:
        with torch.no_grad():
            for tensor in tensors:
                dist.broadcast(tensor, src=0)
