"""Figures of the predicted probabilities: reliability diagram and ROC curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torchmetrics.functional.classification import binary_roc

from fer_plugins.analysis.figures.style import COLOURS, DASHES, WIDTH, make_figure, set_legend, set_title
from fer_plugins.metrics.calibration import calibration_error, find_reliability
from fer_plugins.metrics.evidence import Evidence
from fer_plugins.metrics.intervals import wilson
from fer_plugins.metrics.predictions import Predictions

_SHORT = 8  # letters of a class name up to which a legend with three columns fits


def draw_reliability(predictions: Predictions, title: str) -> Figure:
    """Draw accuracy over confidence in 15 bins (Guo et al. 2017), and the number of images in each bin.

    The probabilities must be finite.
    """
    bins = find_reliability(predictions)
    filled = np.flatnonzero(bins.count)
    figure = make_figure(WIDTH)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    width = bins.edges[1] - bins.edges[0]
    middles = bins.edges[:-1] + width / 2
    upper.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=0.8, label="calibrated")
    upper.bar(middles[filled], bins.accuracy[filled], width * 0.92, color=COLOURS[4], label="share of hits")
    for place in filled:
        hits = round(float(bins.accuracy[place] * bins.count[place]))
        interval = wilson(hits, int(bins.count[place]))
        assert interval is not None
        upper.plot([middles[place]] * 2, [interval["low"], interval["high"]], color="black", linewidth=0.7)
    upper.plot(
        bins.confidence[filled], bins.accuracy[filled], color=COLOURS[1], marker="o", markersize=2.5, linewidth=0,
        label="mean confidence", clip_on=False,
    )  # fmt: skip
    upper.set_ylim(0, 1)
    upper.set_ylabel("share of hits (line: 95 %)")
    set_title(figure, title, f"ECE {calibration_error(predictions):.4f} ({len(bins.count)} bins)")
    set_legend(upper, handlelength=1.6, ncols=3)
    lower.bar(middles, bins.count, width * 0.92, color="0.5")
    lower.set_ylabel("images")
    lower.set_xlim(0, 1)
    lower.set_xlabel("confidence: probability of the predicted class")
    figure.align_ylabels((upper, lower))
    return figure


def draw_roc(predictions: Predictions, classes: Sequence[str], title: str) -> Figure | None:
    """Draw the ROC curve of each class against the rest; None if only one class is present.

    The probabilities must be finite; ``classes`` are in label order.
    """
    evidence = Evidence(predictions, classes)
    macro = evidence.area("auroc")
    if macro is None:
        return None
    columns = 3 if max(map(len, classes)) <= _SHORT else 2
    figure = make_figure(WIDTH * 0.95 + 0.12 * -(-len(classes) // columns))
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    for k, (name, area) in enumerate(zip(classes, evidence.area_by_class("auroc"), strict=True)):
        if area is None:
            continue
        own = torch.from_numpy((predictions.label == k).astype(np.int64))
        false, true, _ = binary_roc(torch.from_numpy(predictions.probabilities[:, k]), own)
        dashes = DASHES[(k + k // len(COLOURS)) % len(DASHES)]
        axis.plot(false, true, color=COLOURS[k % len(COLOURS)], linestyle=dashes, label=f"{name} {area:.3f}")
    axis.set_aspect("equal")
    axis.set_xlim(-0.01, 1)
    axis.set_ylim(0, 1.01)
    axis.set_xlabel("false positive rate (1 - specificity)")
    axis.set_ylabel("true positive rate (recall)")
    set_title(figure, title, f"macro AUROC {macro:.4f} (below: each class against the rest)")
    figure.legend(loc="outside lower center", handlelength=2.6, columnspacing=1.2, ncols=columns)
    return figure
