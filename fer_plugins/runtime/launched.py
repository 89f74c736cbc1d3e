"""Detects from the environment whether srun or torchrun started this process as one of several."""

from __future__ import annotations

import os
from typing import NamedTuple


class Launched(NamedTuple):
    """A process that a launcher started together with others for the same command."""

    by: str  # "srun" or "torchrun"
    rank: int  # from 0, across all machines
    processes: int  # on all machines
    local_rank: int  # from 0, on this machine
    nodes: int


def launched() -> Launched | None:
    """Return the position of this process among those of the command; None if it was started alone.

    srun sets SLURM_STEP_NUM_TASKS, but a batch script has no such variable: a command without srun is alone.
    """
    by, names = (
        ("torchrun", ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_WORLD_SIZE"))
        if "TORCHELASTIC_RUN_ID" in os.environ
        else ("srun", ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_NODES"))
    )
    try:
        rank, processes, local_rank, nodes = (int(os.environ[name]) for name in names)
    except (KeyError, ValueError):
        return None
    return Launched(by, rank, processes, local_rank, nodes) if processes > 1 else None


def local_rank() -> int:
    """Return the index of this process on its machine, from 0, which selects the device it computes on."""
    place = launched()
    return place.local_rank if place else int(os.environ.get("LOCAL_RANK", 0))
