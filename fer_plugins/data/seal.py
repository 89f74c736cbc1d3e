"""The seal of the test split: it can only be read after it was opened for a reason, and never during fitting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus

from fer_plugins.contract import SPLITS, Fold


class TestSplitSealed(RuntimeError):
    """Raised if the test split is read while a model is being fitted, or before ``open_test``."""

    __test__ = False  # else pytest would collect it as a test


class Seal:
    """Whether the test split may be read, and the ``reasons`` for which it was opened, in order."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def open(self, reason: str, trainer: Trainer | None) -> None:
        """Open the test split; raises TestSplitSealed if ``trainer`` is fitting, ValueError if ``reason`` is empty."""
        if not reason.strip():
            raise ValueError("open_test needs a reason")
        _refuse_while_fitting("open_test", trainer)
        self.reasons.append(reason)

    def require_open(self, item: str, trainer: Trainer | None) -> None:
        """Raise TestSplitSealed, naming ``item``, if the test split is sealed or ``trainer`` is fitting."""
        _refuse_while_fitting(item, trainer)
        if not self.reasons:
            raise TestSplitSealed(
                f"the test split is sealed and {item} cannot be read: select the model on validation, then call "
                "open_test(reason)"
            )

    def rows(self, fold: Fold, split: str, trainer: Trainer | None) -> npt.NDArray[np.int64]:
        """Return the rows of a split; raises TestSplitSealed if it is sealed, ValueError if its name is unknown."""
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}; known: {', '.join(SPLITS)}")
        if split == "test":
            self.require_open("its rows", trainer)
        rows: npt.NDArray[np.int64] = getattr(fold, split)
        return rows

    def check_rows(self, fold: Fold, rows: npt.NDArray[np.int64], trainer: Trainer | None) -> None:
        """Raise TestSplitSealed if one of ``rows`` is in a sealed test split, ValueError if it is in no split."""
        if np.isin(rows, fold.test).any():
            self.require_open("some of its images", trainer)
        outside = rows[~np.isin(rows, np.concatenate(fold))]
        if outside.size:
            raise ValueError(f"row {outside.flat[0]} belongs to no split of this fold")


def _refuse_while_fitting(item: str, trainer: Trainer | None) -> None:
    state = None if trainer is None else trainer.state
    if state is not None and state.fn == TrainerFn.FITTING and state.status == TrainerStatus.RUNNING:
        raise TestSplitSealed(f"the test split cannot be read while a model is being fitted (asked for: {item})")
