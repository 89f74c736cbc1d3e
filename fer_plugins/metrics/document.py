"""Writes the table of metrics to docs/metrics.md: ``python -m fer_plugins.metrics.document docs/metrics.md``."""

from __future__ import annotations

import math
import sys
from itertools import groupby

from fer_plugins.metrics.installed import all_metrics
from fer_plugins.metrics.table import Entry
from fer_plugins.runtime.generated_text import rewrite_document

MODULE = "fer_plugins.metrics.document"
_COLUMNS = ("name", "formula", "range", "better", "null where", "interval", "source")


def write_table() -> str:
    """Return the metrics of the core as a Markdown table; averages of the same rate share a row."""
    shipped = [entry for entry in all_metrics().values() if entry.distribution in ("", "fer-plugins")]
    rows = [_COLUMNS, ("---",) * len(_COLUMNS)]
    rows += [_row(list(group)) for _, group in groupby(shipped, lambda entry: entry.formula)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(entries: list[Entry]) -> tuple[str, ...]:
    first = entries[0]
    least, most = (f"{end:g}" for end in first.range)
    span = f"from {least}" if math.isinf(first.range[1]) else f"{least} to {most}"
    methods = {entry.method: [e.average for e in entries if e.method == entry.method] for entry in entries}
    return (
        ", ".join(f"`{entry.name}`" for entry in entries),
        first.formula + (", macro" if first.average and len(entries) == 1 else ""),
        span + (f", chance {first.chance}" if first.chance else ""),
        first.better,
        first.undefined + (" (not micro)" if first.undefined and not entries[-1].undefined else ""),
        methods.popitem()[0]
        if len(methods) == 1
        else "; ".join(f"{', '.join(averages)}: {method}" for method, averages in methods.items()),
        first.source,
    )


if __name__ == "__main__":
    rewrite_document(sys.argv[1] if len(sys.argv) > 1 else "docs/metrics.md", MODULE, write_table())
