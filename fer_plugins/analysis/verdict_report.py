"""Prints every claim of a run's plug-in with the measured value, its interval, and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fer_plugins.analysis.claims import title
from fer_plugins.analysis.claims.claims_beside import PROTOCOL
from fer_plugins.analysis.verdicts import (
    ABOVE,
    BELOW,
    NO_READING,
    NO_SCORE,
    NOT_COMPARABLE,
    OTHER_DATA,
    OTHER_EPOCH,
    REPRODUCED,
    SOME_READING,
)
from fer_plugins.runs.score_tables import describe_majority
from fer_plugins.runtime.notices import code_of
from fer_plugins.runtime.print_table import print_table


def print_verdicts(console: Console, verdicts: Mapping[str, Any], *, everything: bool) -> None:
    """Print the result of ``verify_run``.

    Args:
        console: such as ``result_console()``.
        verdicts: the verdicts on one run.
        everything: also show claims that the run does not measure.
    """
    rows = verdicts["claims"]
    shown = [row for row in rows if everything or row["measured"] is not None]
    console.print(f"\n{verdicts['run']}", soft_wrap=True)
    claims_of = f"claims of {verdicts['model']}" if verdicts["model"] else "no claims about this model"
    seed = "not known" if verdicts["seed"] is None else verdicts["seed"]
    console.print(f"{verdicts['plugin']} ({claims_of}) on {verdicts['dataset']}, seed {seed}")
    console.print(f"protocol {verdicts['protocol']}, split {verdicts['split_hash']}")
    if verdicts["trained_elsewhere"]:
        console.print(Text(verdicts["trained_elsewhere"], style="bold yellow"))
    for fault in verdicts["against"]:
        unless = " except on splits that could be this one" if code_of(fault) == PROTOCOL else ""
        console.print(Text(f"limits every verdict{unless}: {fault}", style="bold red"))
    general = set(verdicts["against"])  # already printed above
    reasons = list(dict.fromkeys(why for row in shown for why in _reasons(row) if why not in general))
    if shown:
        print_table(console, _table(shown, reasons, everything), keys=1)
    if any(row["verdict"] == NOT_COMPARABLE for row in shown):
        console.print(f"none: {NOT_COMPARABLE}{' (see the limits above)' if general else ''}")
    if reasons:
        console.print("reasons for no verdict, or conditions of a verdict:")
    for number, why in enumerate(reasons, 1):
        console.print(Padding(Text(f"{number}  {why}"), (0, 0, 0, 2), expand=False))
    hidden = [row for row in rows if row not in shown]
    if hidden:
        console.print(f"\n{len(hidden)} other claims, not comparable (--all or --json shows each):")
        for reason, count in _sum_up(hidden, verdicts).items():
            console.print(Padding(Text(f"{count:>4}  {reason}"), (0, 0, 0, 2), expand=False))
    if verdicts["conditions"] and any(row["verdict"] != NOT_COMPARABLE for row in rows):
        console.print("\nVerdicts depend on these readings:")
        for condition in verdicts["conditions"]:
            console.print(Padding(Text(condition), (0, 0, 0, 2), expand=False))
    if verdicts["vote_majority"]:
        console.print(f"\n{describe_majority(verdicts['vote_majority'])}")
    if any(row["verdict"] != NOT_COMPARABLE for row in rows):
        console.print(
            "\nIntervals are those of the test samples, for this one training; another seed may get another verdict."
        )
    counted = Counter(row["verdict"] for row in rows)
    always = (REPRODUCED, BELOW, ABOVE, NOT_COMPARABLE)
    order = [*always[:3], *(name for name in (SOME_READING, NO_READING) if counted[name]), NOT_COMPARABLE]
    console.print(f"\n{len(rows)} claims: {', '.join(f'{counted[name]} {name}' for name in order)}")


def print_splits(console: Console, summaries: Sequence[Mapping[str, Any]]) -> None:
    """Print under which splits the claims without a stated split could hold: the result of ``sum_up_splits``."""
    for summary in summaries:
        heading = f"{summary['plugin']} on {summary['dataset']}: the paper's split is not stated; if it was that of"
        table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name in ("claim", "claimed", *summary["protocols"]):
            table.add_column(name, overflow="fold")
        for claim in summary["claims"]:
            name = " ".join(filter(None, (title(claim["metric"]), claim["class"], f"({claim['source']})")))
            verdicts = [_count(claim["verdicts"].get(protocol, ())) for protocol in summary["protocols"]]
            table.add_row(Text(name), claim["printed"], *verdicts)
        print_table(console, table, keys=1)
        for protocol in summary["protocols"]:
            judged = [claim["verdicts"][protocol] for claim in summary["claims"] if protocol in claim["verdicts"]]
            held = sum(bool({REPRODUCED, SOME_READING} & set(verdicts)) for verdicts in judged)
            console.print(f"  under {protocol} {held} of {len(judged)} claims could hold")
        console.print(Text(f"  not tried: {', '.join(summary['not_run'])} (fer-run --protocol NAME)"))


def _count(verdicts: Sequence[str]) -> str:
    counted = Counter(map(_short, verdicts))
    several = len(verdicts) > 1
    return ", ".join(f"{name} ({count} of {len(verdicts)})" if several else name for name, count in counted.items())


def _short(verdict: str) -> str:
    return {REPRODUCED: "reproduced", SOME_READING: "in some readings"}.get(verdict, verdict)


def _reasons(row: Mapping[str, Any]) -> list[str]:
    """Return why a row has no verdict, or the condition of its verdict."""
    return [*row["why"], *([row["condition"]] if row["condition"] and row["measured"] is not None else [])]


def _sum_up(rows: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Any]) -> dict[str, int]:
    """Count claims by the reason why they cannot be compared; similar reasons are combined with what they name."""
    named: dict[str, Counter[str]] = {}
    for row in rows:
        reason, name = row["why"][0], ""
        if row["model"] is None:
            reason = "not about a model (sizes of datasets and the like)"
        elif row["model"] != verdicts["model"]:
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
        for reason, names in sorted(named.items(), key=lambda item: -item[1].total())
    }


def _table(rows: Sequence[Mapping[str, Any]], reasons: Sequence[str], everything: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("claim", overflow="fold")
    table.add_column("verdict (why)", no_wrap=True)
    for heading in ("claimed", "measured", "95 % interval", "points"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("of, where", overflow="fold")  # last, since only its cells may need several lines
    for row in rows:
        metric = " ".join(filter(None, (title(row["metric"]), row["class"])))
        of = [row["model"], row["dataset"], row["split"]] if everything else [row["split"]]
        if len(row["readings"]) > 1:
            of.append(f"as {row['readings'][0]['reading']}")
        where = f"{', '.join(str(part).replace('_', ' ') for part in of if part)} {row['source']}"
        interval, points = row["interval"], row["difference"]
        why = ", ".join(str(reasons.index(why) + 1) for why in _reasons(row) if why in reasons)
        verdict = "none" if row["verdict"] == NOT_COMPARABLE else _short(row["verdict"])
        table.add_row(
            Text(metric),
            verdict + (f" ({why})" if why else ""),
            row["printed"],
            "-" if row["measured"] is None else f"{row['measured']:.4f}",
            f"{interval['low']:.4f} {interval['high']:.4f}" if interval else "-",
            "-" if points is None else f"{points:+.2f}",
            Text(where),
        )
        for reading in row["readings"][1:]:
            ends = "{low:.4f} {high:.4f}".format(**reading["interval"])
            points = "-" if reading["difference"] is None else f"{reading['difference']:+.2f}"
            values = (f"{reading['measured']:.4f}", ends, points, f"as {reading['reading']}")
            table.add_row("", _short(reading["verdict"]), "", *values, style="dim")
        if row["by_image"]:
            ends = "{low:.4f} {high:.4f}".format(**row["by_image"])
            table.add_row("", "", "", "", ends, "", "if all images were independent", style="dim")
        less = row["without_copies"]
        if less and less["measured"] is not None:
            ends = f"{less['interval']['low']:.4f} {less['interval']['high']:.4f}" if less["interval"] else "-"
            points = "-" if less["difference"] is None else f"{less['difference']:+.2f}"
            cells = ("", f"{less['measured']:.4f}", ends, points)
            table.add_row("", "", *cells, "without images that have a copy in training", style="dim")
    return table
