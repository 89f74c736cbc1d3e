"""Tells errors of the loader processes (killed, out of shared memory, an exception in one) from other errors."""

from __future__ import annotations

import traceback

from torch.utils.data._utils import signal_handling
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter


def is_of_loader_processes(error: BaseException) -> bool:
    """Return whether an error came from torch's iterator over loader processes, or from its handler of their deaths.

    Told by where it was raised: torch raises plain ``RuntimeError`` for all of it.
    """
    return any(
        isinstance(frame.f_locals.get("self"), _MultiProcessingDataLoaderIter)
        or frame.f_globals.get("__name__") == signal_handling.__name__
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )
