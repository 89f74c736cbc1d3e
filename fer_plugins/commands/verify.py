"""``fer verify``: every claim of a run's plug-in with the measured value, its interval, and a verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fer_plugins.analysis.verdicts import (
    ABOVE,
    BELOW,
    NO_SCORE,
    NOT_COMPARABLE,
    OTHER_DATA,
    OTHER_EPOCH,
    REPRODUCED,
    verify_run,
)
from fer_plugins.config.registry import nearest
from fer_plugins.runs.read_runs import read_runs
from fer_plugins.runs.result_table import result_console
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.notices import code_of
from fer_plugins.runtime.print_table import print_table

_FLAGS = ("--json", "--all")


def verify(words: list[str]) -> int:
    """Print or (``--json``) dump the verdicts of ``fer verify RUN... [--all] [--json]``.

    ``--all`` prints every claim, not only those about the run's own model on the run's dataset.

    Raises:
        InputError: a wrong word, no run, a damaged or unfinished one, or a plug-in that is not installed or has no
        claims.
    """
    for word in words:
        if word.startswith("-") and word not in _FLAGS:
            known = ", ".join(_FLAGS)
            raise InputError(f"fer verify: unknown word {word!r}{nearest(word, list(_FLAGS))}; known: {known}")
    found = [verify_run(run) for run in read_runs([word for word in words if word not in _FLAGS])]
    if "--json" in words:
        print(json.dumps(found, indent=2))
    else:
        for one in found:
            _print(result_console(), one, everything="--all" in words)
    return 0


def _print(console: Console, found: Mapping[str, Any], *, everything: bool) -> None:
    rows = found["claims"]
    shown = [row for row in rows if everything or row["measured"] is not None]
    console.print(f"\n{found['run']}", soft_wrap=True)
    claims_of = f"claims of {found['model']}" if found["model"] else "a model without claims"
    console.print(f"{found['plugin']} ({claims_of}) on {found['dataset']}, seed {found['seed']}")
    console.print(f"protocol {found['protocol']}, split {found['split_hash']}")
    for fault in found["against"]:
        console.print(Text(f"speaks against every verdict: {fault}", style="bold red"))
    general = set(found["against"])  # said above, once
    reasons = list(dict.fromkeys(why for row in shown for why in row["why"] if why not in general))
    if shown:
        print_table(console, _table(shown, reasons, everything), keys=1)
    if any(row["verdict"] == NOT_COMPARABLE for row in shown):
        console.print(f"none: {NOT_COMPARABLE}, because")
        if general:
            console.print(Padding(Text("-  of what speaks against every verdict, above"), (0, 0, 0, 2), expand=False))
    for number, why in enumerate(reasons, 1):
        console.print(Padding(Text(f"{number}  {why}"), (0, 0, 0, 2), expand=False))
    hidden = [row for row in rows if row not in shown]
    if hidden:
        console.print(f"\n{len(hidden)} other claims, not comparable (--all or --json shows each):")
        for reason, count in _sum_up(hidden, found).items():
            console.print(Padding(Text(f"{count:>4}  {reason}"), (0, 0, 0, 2), expand=False))
    if found["conditions"] and any(row["verdict"] != NOT_COMPARABLE for row in rows):
        console.print("\nVerdicts stand under these readings:")
        for condition in found["conditions"]:
            console.print(Padding(Text(condition), (0, 0, 0, 2), expand=False))
    if any(row["verdict"] != NOT_COMPARABLE for row in rows):
        console.print(
            "\nIntervals are those of the test samples, for this one training; another seed may get another verdict."
        )
    counted = Counter(row["verdict"] for row in rows)
    order = (REPRODUCED, BELOW, ABOVE, NOT_COMPARABLE)
    console.print(f"\n{len(rows)} claims: {', '.join(f'{counted[name]} {name}' for name in order)}")


def _sum_up(rows: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> dict[str, int]:
    """Count claims by why they cannot be compared, alike reasons in one line with what they name."""
    named: dict[str, Counter[str]] = {}
    for row in rows:
        reason, name = row["why"][0], ""
        if row["model"] is None:
            reason = "about no model (counts of data and the like)"
        elif row["model"] != found["model"]:
            reason, name = "about other models", row["model"]
        elif code_of(reason) == OTHER_DATA:
            reason, name = "on other data", row["dataset"] or "no dataset"
        elif code_of(reason) == OTHER_EPOCH:
            reason, name = reason.data["in_general"], str(row["epoch"])
        elif code_of(reason) == NO_SCORE:
            reason, name = "no score of a run", row["metric"]
        named.setdefault(reason, Counter())[name] += 1
    return {
        reason + (f": {', '.join(names)}" if any(names) else ""): names.total()
        for reason, names in sorted(named.items(), key=lambda one: -one[1].total())
    }


def _table(rows: Sequence[Mapping[str, Any]], reasons: Sequence[str], everything: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("claim", overflow="fold")
    table.add_column("verdict (why)", no_wrap=True)
    for title in ("claimed", "measured", "95 % interval", "points"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("of, where", overflow="fold")  # last: the only cells that may need several lines
    for row in rows:
        metric = " ".join(str(part) for part in (row["metric"].replace("_", " "), row["class"]) if part)
        of = [row["model"], row["dataset"], row["split"]] if everything else [row["split"]]
        where = f"{', '.join(str(one).replace('_', ' ') for one in of if one)} {row['source']}"
        interval, points = row["interval"], row["difference"]
        why = ", ".join(str(reasons.index(why) + 1) for why in row["why"] if why in reasons)
        verdict = "none" if row["verdict"] == NOT_COMPARABLE else row["verdict"].removesuffix(" within the interval")
        table.add_row(
            Text(metric.replace("f1", "F1")),
            verdict + (f" ({why})" if why else ""),
            row["printed"],
            "-" if row["measured"] is None else f"{row['measured']:.4f}",
            f"{interval['low']:.4f} {interval['high']:.4f}" if interval else "-",
            "-" if points is None else f"{points:+.2f}",
            Text(where),
        )
    return table
