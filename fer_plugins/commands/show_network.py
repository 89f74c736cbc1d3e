"""The parts of ``fer show`` that build a component: its cost, its layers, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_plugins import config
from fer_plugins.commands.figure_file import figure_file
from fer_plugins.config import registry
from fer_plugins.config.registry import Component
from fer_plugins.runtime.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

CLASSES = 7


def build(component: Component, recipe: str | None = None) -> tuple[nn.Module, list[int]]:
    """Build the network of a recipe for seven classes; return it and its input shape (C, H, W)."""
    from fer_plugins.training.module import build_network

    settings = config.resolve(plugin=f"{component.distribution}:{component.name}", recipe=recipe).config
    size = settings.data.image_size
    return build_network(settings, num_classes=CLASSES), [settings.data.channels, size, size]


def measure(component: Component, recipe: str | None = None) -> dict[str, Any]:
    """Return the parameters, multiply-adds, FLOPs, size and latency of the network of a recipe."""
    import torch

    from fer_plugins.runs.cost import BATCHES, latency, macs, megabytes, parameters

    network, size = build(component, recipe)
    products = macs(network, size)
    return {
        "parameters": parameters(network),
        "macs": products,
        "flops": 2 * products,
        "megabytes": round(megabytes(network), 3),
        "latency": {
            "threads": torch.get_num_threads(),
            **{f"batch_{batch}": latency(network, size, batch) for batch in BATCHES},
        },
        "input": size,
    }


def list_rows(component: Component, recipe: str | None) -> list[dict[str, Any]]:
    """Return the layers of the network as plain values, with the totals in the last row."""
    from fer_plugins.analysis.layer_table import list_layers

    network, size = build(component, recipe)
    rows: list[dict[str, Any]] = [layer._asdict() for layer in list_layers(network, size)]
    total = {key: sum(row[key] for row in rows) for key in ("parameters", "macs")}
    return [*rows, {"name": "total", "type": "", "in_size": "", "out_size": "", **total}]


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row of the table of layers as text; for several tensors the size of the first."""
    sizes = ("x".join(map(str, _first(row[key])[1:])) for key in ("in_size", "out_size"))
    return [row["name"], row["type"].lstrip("_"), *sizes, f"{row['parameters']:,}", f"{row['macs']:,}"]


def _first(size: Any) -> list[int]:
    while isinstance(size, list) and size and isinstance(size[0], list):
        size = size[0]
    return size if isinstance(size, list) else []


def draw(component: Component, recipe: str | None, option: str, file: str, depth: int | None) -> list[Path]:
    """Write the block diagram (``--diagram``) or the bar chart of parameters (``--bars``) of a network."""
    folder, name = figure_file(option, file)
    network, size = build(component, recipe)
    title = component.name + (f".{recipe}" if recipe not in (None, "default") else "")
    figure: Figure
    if option == "--diagram":
        from fer_plugins.analysis.figures.network_blocks import trace_blocks
        from fer_plugins.analysis.figures.network_diagram import draw_diagram

        figure = draw_diagram(trace_blocks(network, size, depth), size, title)
    else:
        from fer_plugins.analysis.figures.parameter_bars import draw_parameters
        from fer_plugins.analysis.layer_table import list_layers

        figure = draw_parameters(list_layers(network, size), title)
    return _write(figure, folder, name)


def draw_pooling(component: Component, options: Sequence[str], file: str) -> tuple[list[Path], dict[str, float]]:
    """Write the figure of a pooling's response to a shifted signal and image; return files and differences."""
    folder, name = figure_file("--picture", file)
    values = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise InputError(f"--option {option}: write KEY=VALUE, such as blur_size=3")
        values[key] = config.parse_value(value)
    pool = registry.build("pooling", f"{component.distribution}:{component.name}", **values)
    from fer_plugins.analysis.figures.pooling_shift import draw_pooling_shift

    face = registry.build("dataset", "synthetic", samples=63, subjects=3, image_size=96, channels=1)[0]
    label = component.name + (f" ({', '.join(options)})" if options else "")
    try:
        figure, differences = draw_pooling_shift(pool, label, face.squeeze())
    except ValueError as error:  # how the contract rejects arguments
        raise InputError(f"pooling {component.name}: {error}") from error
    return _write(figure, folder, name), differences


def _write(figure: Figure, folder: Path, name: str) -> list[Path]:
    from fer_plugins.analysis.figures.style import write_figure

    return write_figure(figure, folder, name)
