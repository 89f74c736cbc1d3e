"""Training curves: loss, accuracy and learning rate over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer_plugins.analysis.figures.style import COLOURS, make_figure, set_legend, set_title

_PANELS = (
    (
        "loss (nats)",
        (("train/loss", "training"), ("val/loss", "validation"), ("train/auxiliary_loss", "model's own term")),
    ),
    (
        "accuracy (share)",
        (("train/accuracy", "training"), ("val/accuracy", "validation"), ("val/f1", "validation macro F1")),
    ),
    ("learning rate", (("lr", ""),)),
)
_LOOK = {
    "train/loss": (COLOURS[0], "-"),
    "train/accuracy": (COLOURS[0], "-"),
    "train/auxiliary_loss": (COLOURS[4], ":"),
    "val/loss": (COLOURS[1], "--"),
    "val/accuracy": (COLOURS[1], "--"),
    "val/f1": (COLOURS[2], "-."),
    "lr": (COLOURS[6], "-"),
}


def draw_curves(rows: Sequence[Mapping[str, float]], best_epoch: int | None, title: str) -> Figure:
    """Draw the curves of a run; training values are means over the epoch on augmented images.

    Args:
        rows: rows of metrics.csv, one per epoch, at least one.
        best_epoch: epoch of the selected checkpoint, marked by a line; None: no line.
        title: what was run.
    """
    figure = make_figure(4.2)
    axes = figure.subplots(len(_PANELS), 1, sharex=True, height_ratios=(3, 3, 1.7))
    for axis, (unit, keys) in zip(axes, _PANELS, strict=True):
        for key, name in keys:
            points = [(row["epoch"], row[key]) for row in rows if key in row]
            if points:
                colour, dashes = _LOOK[key]
                marker = "o" if len(points) < 3 else None  # a line with one point would be invisible
                axis.plot(
                    *zip(*points, strict=True), color=colour, linestyle=dashes, marker=marker, markersize=3, label=name
                )
        if best_epoch is not None:
            axis.axvline(best_epoch, color="0.6", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0)
        axis.set_ylabel(unit)
        if len(axis.lines) > 2:
            set_legend(axis, handlelength=2, ncols=3)
    figure.align_ylabels(axes)
    set_title(figure, title, *([] if best_epoch is None else [f"grey line: selected epoch {best_epoch}"]))
    axes[2].set_xlabel("epoch")
    if len({row["epoch"] for row in rows}) == 1:  # otherwise the ticks would be thousandths of an epoch
        axes[2].set_xlim(rows[0]["epoch"] - 0.5, rows[0]["epoch"] + 0.5)
    axes[2].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[2].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    return figure
