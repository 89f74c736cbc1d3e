"""Top-2 accuracy: a metric as plug-ins offer them, through an entry point of ``fer_plugins.metrics``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Metric


def top2_accuracy() -> Metric:
    """Offer the share of images whose class is the most probable or the second most probable one."""
    return Metric(
        title="top-2 accuracy",
        compute=compute,
        interval="wilson",
        formula="share of images whose class is one of the two most probable; among equals the first class is taken",
        chance="2/K",
    )


def compute(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """Return the share of images, in [0, 1].

    Among equals the first class is taken, as argmax does: torchmetrics' top_k leaves the order of ties to torch.topk,
    and the scores of a network that says the same of everything would depend on the device.

    Args:
        labels: (N,) true classes, N at least 1.
        probabilities: (N, K), finite.
    """
    first_two = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    return float((first_two == labels[:, None]).any(1).mean())
