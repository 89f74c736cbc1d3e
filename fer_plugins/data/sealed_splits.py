"""The splits of a fold; the test split stays sealed until it is opened for a stated reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus

from fer_plugins.contract import SPLITS, Fold
from fer_plugins.data.table import SampleTable

Rows = npt.NDArray[np.int64]


class TestSplitSealed(RuntimeError):
    """The test split was asked for while a model was being fitted, or before ``open_test``."""

    __test__ = False  # not a test, though pytest would take it for one by its name


class Seal:
    """Whether the test split may be read, and what it was opened for."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def open(self, reason: str, trainer: Trainer | None) -> None:
        """Open it for what ``reason`` says.

        Raises:
            TestSplitSealed: ``trainer`` is fitting.
            ValueError: no reason is given.
        """
        if not reason.strip():
            raise ValueError("open_test needs a reason")
        _refuse_while_fitting("open_test", trainer)
        self.reasons.append(reason)

    def require_open(self, what: str, trainer: Trainer | None) -> None:
        """Refuse to give ``what`` of the test split.

        Raises:
            TestSplitSealed: it was not opened, or ``trainer`` is fitting.
        """
        _refuse_while_fitting(what, trainer)
        if not self.reasons:
            raise TestSplitSealed(
                f"the test split is sealed and {what} cannot be read: select the model on validation, then call "
                "open_test(reason)"
            )


@dataclass(frozen=True)
class SealedSplits:
    """Rows and images of a fold, of the test split where it may be read."""

    table: SampleTable
    fold: Fold
    whole: npt.NDArray[np.uint8]  # (N, S, S, C), one a row of the table
    seal: Seal
    trainer: Trainer | None

    def rows(self, split: str) -> Rows:
        """Return the row numbers of ``split``, sorted: (n,) int64.

        Raises:
            TestSplitSealed: it is the test split, which is sealed.
            ValueError: there is no such split.
        """
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
        if split == "test":
            self.seal.require_open("its rows", self.trainer)
        rows: Rows = getattr(self.fold, split)
        return rows

    def images(self, rows: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Return the images of ``rows``: a copy, (n, S, S, C) uint8.

        Raises:
            TestSplitSealed: one of them is in the test split, which is sealed.
            ValueError: one of them is in no split of the fold.
        """
        index = np.asarray(rows, dtype=np.int64)
        if np.isin(index, self.fold.test).any():
            self.seal.require_open("some of its images", self.trainer)
        outside = index[~np.isin(index, np.concatenate(self.fold))]
        if outside.size:
            raise ValueError(f"row {outside.flat[0]} belongs to no split of this fold")
        return self.whole[index]


def _refuse_while_fitting(what: str, trainer: Trainer | None) -> None:
    state = None if trainer is None else trainer.state
    if state is not None and state.fn == TrainerFn.FITTING and state.status == TrainerStatus.RUNNING:
        raise TestSplitSealed(f"the test split cannot be read while a model is being fitted (asked for: {what})")
