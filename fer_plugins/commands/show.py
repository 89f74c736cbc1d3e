"""``fer show``: describes one installed component."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Any

import click

from fer_plugins.commands import show_network
from fer_plugins.commands.settings import Installed
from fer_plugins.commands.usage import WholeNumber, refuse, verb
from fer_plugins.config import registry
from fer_plugins.config.annotations import readable
from fer_plugins.config.registry import Component
from fer_plugins.config.signatures import REQUIRED
from fer_plugins.runtime.plural import count

_OF_ARCHITECTURES = (
    *("paper", "source", "recipes", "parameters", "macs", "flops", "megabytes", "latency", "input", "assumed"),
    "claims",
)


@verb()
@click.argument("name", type=Installed(), metavar="NAME")
@click.option("--recipe", metavar="NAME", help="Recipe that builds the network; default: default.")
@click.option("--layers", is_flag=True, help="Table of layers: shapes, parameters, multiply-adds.")
@click.option("--diagram", metavar="FILE", help="Draw the network as blocks, in PNG and SVG.")
@click.option(
    "--depth", type=WholeNumber(1), help="With --diagram: how many parts of a layer's dotted name form a block."
)
@click.option("--bars", metavar="FILE", help="Draw parameters per layer, in PNG and SVG.")
@click.option(
    "--picture", metavar="FILE", help="For a pooling: draw its response to a shifted image, beside max pooling."
)
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="With --picture: an option of the pooling."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    name: str,
    *,
    recipe: str | None,
    layers: bool,
    diagram: str | None,
    depth: int | None,
    bars: str | None,
    picture: str | None,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show a component: paper, recipes, cost, claims, options, layers, diagrams."""
    component = _find_any(name)
    network = {"--recipe": recipe, "--layers": layers or None, "--diagram": diagram, "--bars": bars}
    for option, value in network.items():
        if value is not None and component.kind != "architecture":
            refuse(f"{option} is for architectures; {component} is none")
    if picture is not None and component.kind != "pooling":
        refuse(f"--picture is for poolings; {component} is none")
    for option, text, owner, present in (
        ("--depth", depth, "--diagram", diagram),
        ("--option", options, "--picture", picture),
    ):
        if text and present is None:
            refuse(f"{option} belongs to {owner}; add it, or leave {option} out")
    if as_json and (diagram or bars or picture):
        refuse("--json prints no picture; leave one of the two out")
    if not (layers or diagram or bars or picture):
        described = describe(component, recipe)
        print(json.dumps(described, indent=2)) if as_json else _print_description(described)
    if layers:
        rows = show_network.list_rows(component, recipe)
        if as_json:
            print(json.dumps(rows, indent=2))
        else:
            head = ["layer", "type", "in", "out", "parameters", "multiply-adds"]
            print_columns([head, *map(show_network.cells, rows)], right=2)
    for option, file in (("--diagram", diagram), ("--bars", bars)):
        if file is not None:
            print(*show_network.draw(component, recipe, option, file, depth))
    if picture is not None:
        written, differences = show_network.draw_pooling(component, options, picture)
        print(*written)
        for label, difference in differences.items():
            print(f"{label}: the output of the image moved by 1 pixel differs by {difference:.2f} grey levels a pixel")


def _find_any(name: str) -> Component:
    wanted = name.rpartition(":")[2]
    kinds = {component.kind for component in registry.available() if component.name == wanted}
    if not kinds:
        names = sorted({component.name for component in registry.available()})
        raise registry.unknown("name", name, names)
    kind = next(kind for kind in registry.GROUPS if kind in kinds)  # architectures first
    return registry.find(kind, name)


def describe(component: Component, recipe: str | None = None) -> dict[str, Any]:
    """Return the description of a component; keys that do not apply to its kind are None."""
    options = {
        option.name: {
            "type": option.annotation,
            "default": None if option.default is REQUIRED else option.default,
            "meaning": option.help,
        }
        for option in registry.options(component)
    }
    shown: dict[str, Any] = {
        "name": component.name,
        "kind": component.kind,
        "distribution": component.distribution,
        "version": component.version,
        **dict.fromkeys(_OF_ARCHITECTURES),
        "options": options,
    }
    if component.kind != "architecture":
        return shown
    described = registry.paper(component)
    own = described["architectures"][component.name]
    claims_path = registry.package_file(component, "claims.yaml")
    claims = []
    if claims_path.exists():
        from fer_plugins.analysis.claims import read_claims

        model = own.get("claims_model")  # null if the paper has no numbers for this architecture
        claims = [claim for claim in read_claims(claims_path).claims if model is not None and claim.model == model]
    shown.update(
        paper=described["paper"],
        source=own.get("source"),  # the network's own paper, if the plug-in's paper only compares with it
        recipes=["default", *(own.get("variants") or {})],
        **show_network.measure(component, recipe),
        assumed=own.get("assumed") or {},
        claims=[
            {"dataset": claim.dataset, "split": claim.split, "metric": claim.metric, "value": claim.value}
            for claim in claims
            if claim.epoch is None and claim.class_name is None
        ],
    )
    return shown


def _print_description(shown: dict[str, Any]) -> None:
    print(f"{shown['name']}: {shown['kind']} from {shown['distribution']} {shown['version']}")
    if shown["paper"]:
        paper = shown["paper"]
        authors = ", ".join(paper.get("authors") or [])
        where = f"{paper.get('venue') or 'venue unknown'}, {paper.get('year') or 'year unknown'}"
        say(f"paper: {paper.get('title')}")
        say(f"{authors}; {where}; doi {paper.get('doi') or 'unknown'}", indent=2)
        if shown["source"]:
            source = shown["source"]
            where = f"{source.get('venue') or 'venue unknown'}, {source.get('year') or 'year unknown'}"
            say(f"own paper: {', '.join(source.get('authors') or [])}; {where}; doi {source.get('doi') or 'unknown'}")
        for subject, reason in (paper.get("not_here") or {}).items():
            say(f"not included from the paper: {subject}: {reason}")
        say(f"recipes: {', '.join(shown['recipes'])}")
        print(f"input: {' x '.join(map(str, shown['input']))} (channels, height, width)")
        print(f"parameters: {shown['parameters']:,}")
        print(f"multiply-adds per image: {shown['macs']:,} ({shown['flops']:,} FLOPs)")
        print(f"size of the weights: {shown['megabytes']:.2f} MB (float32)")
        times, threads = shown["latency"], shown["latency"]["threads"]
        say(
            f"time per image: {1e3 * times['batch_1']:.2f} ms alone, {1e3 * times['batch_32']:.2f} ms in a batch of "
            f"32 (measured now, on this machine's CPU, {count(threads, 'thread')})"
        )
        assumed = dict(shown["assumed"])
        if "architecture" in assumed:
            say(f"ARCHITECTURE ASSUMED: {assumed.pop('architecture')}")
        if assumed:
            print("assumed (not in the paper):")
            for key, reason in assumed.items():
                say(f"{key}: {reason}", indent=2)
        if shown["claims"]:
            print("claims of the paper:")
            names = ["dataset", "split", "metric", "value"]
            rows = [[str(claim[name] or "-") for name in names] for claim in shown["claims"]]
            print_columns([names, *rows], indent="  ")
    if shown["options"]:
        print("options:")
        for name, option in shown["options"].items():
            default = "null" if option["default"] is None else option["default"]
            say(f"{name}: {readable(option['type'])} = {default}", indent=2)
            say(option["meaning"], indent=6)


def say(text: str, indent: int = 0) -> None:
    """Print a text wrapped to the terminal's width, continuation lines indented; 100 columns without a terminal."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    first = " " * indent
    print(textwrap.fill(text, width, initial_indent=first, subsequent_indent=first + "  ", break_on_hyphens=False))


def print_columns(rows: list[list[str]], indent: str = "", right: int = 0) -> None:
    """Print rows of cells as columns that fit their widest cells; the last ``right`` columns are right-aligned."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    sides = "<" * (len(widths) - right) + ">" * right
    for row in rows:
        cells = (f"{cell!s:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True))
        print(indent + "  ".join(cells).rstrip())
