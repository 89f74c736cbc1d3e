"""Top-2 accuracy, implemented like a metric of a plug-in, with an entry point of ``fer_plugins.metrics``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Metric


def top2_accuracy() -> Metric:
    """Return the metric: the fraction of images whose class is among the two most probable classes."""
    return Metric(
        title="top-2 accuracy",
        compute=compute,
        interval="wilson",
        formula="share of images whose class is one of the two most probable; among equals the first class is taken",
        chance="2/K",
    )


def compute(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """Return the top-2 accuracy, in [0, 1].

    Ties are resolved in favour of the first class, like in argmax. torchmetrics' top_k is not used, because it leaves
    ties to torch.topk, so that scores of a network with constant output would depend on the device.

    Args:
        labels: (N,) true classes, N at least 1.
        probabilities: (N, K), finite.
    """
    first_two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return float((first_two == labels[:, None]).any(1).mean())
