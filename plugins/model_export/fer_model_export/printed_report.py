"""Print the result of an export."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fer_model_export.parity import Parity
from fer_plugins.runs.result_table import format_p, result_console
from fer_plugins.runtime.print_table import print_table, titled_table


def print_report(report: Mapping[str, Any]) -> None:
    """Print the files, their agreement with the run, and the cost of quantisation."""
    for name, size in report["files"].items():
        print(f"{report['folder']}/{name}  {size / 1e6:,.2f} MB")
    checked = report["checked_on"]
    print(f"checked on {checked['images']:,} images ({checked['split']}): {Parity(**report['parity']).describe()}")
    if "int8" in report:
        _print_quantized(report["int8"])
    if report["format"] == "hub":
        print(f"predict with it: fer predict {shlex.quote(report['folder'])} photo.jpg")
        print(f"publish it, after reading README.md: hf upload USER/NAME {shlex.quote(report['folder'])}")


def _print_quantized(int8: Mapping[str, Any]) -> None:
    table = titled_table(f"quantised to 8 bits, calibrated on {int8['calibrated_on']['images']:,} training images")
    for title in ("", "MB", "ms, one thread", "accuracy", "macro F1"):
        table.add_column(title, justify="left" if not title else "right")
    for name in ("float32", "int8"):
        side = int8[name]
        cells = (
            f"{side['bytes'] / 1e6:.2f}",
            f"{side['milliseconds']:.2f}",
            f"{side['accuracy']:.4f}",
            f"{side['f1']:.4f}",
        )
        table.add_row(name, *cells)
    print_table(result_console(), table)
    test = int8["accuracy_test"]
    change = test["difference"]
    print(
        f"accuracy, int8 less float32: {change['points']:+.2f} points, 95 % [{change['low']:+.2f}, "
        f"{change['high']:+.2f}], McNemar mid-p {format_p(test['p'])}"
    )
    print(
        f"same class on {int8['same_class']:,} of {int8['images']:,} images, largest gap of a probability "
        f"{int8['largest_gap']:.2f}; convolutions and matrix products in 8 bits: {int8['quantized']} of "
        f"{int8['weighted']}"
    )
