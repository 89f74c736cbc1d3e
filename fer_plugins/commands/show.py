"""``fer show``: what one installed component is."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import Any

import click

from fer_plugins import config
from fer_plugins.commands.settings import Installed
from fer_plugins.commands.usage import verb
from fer_plugins.config import registry
from fer_plugins.config.annotations import readable
from fer_plugins.config.registry import Component
from fer_plugins.config.signatures import REQUIRED


@verb()
@click.argument("name", type=Installed(), metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show one plug-in: paper, recipes, parameters, multiply-adds, claims, options."""
    shown = describe(_find_any(name))
    if as_json:
        print(json.dumps(shown, indent=2))
    else:
        _print_description(shown)


def _find_any(name: str) -> Component:
    wanted = name.rpartition(":")[2]
    kinds = {component.kind for component in registry.available() if component.name == wanted}
    if not kinds:
        names = sorted({component.name for component in registry.available()})
        raise registry.unknown("name", name, names)
    kind = next(kind for kind in registry.GROUPS if kind in kinds)  # architectures first
    return registry.find(kind, name)


def describe(component: Component) -> dict[str, Any]:
    """Return what is known of a component; keys that do not apply to its kind are None."""
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
        "paper": None,
        "source": None,
        "recipes": None,
        "parameters": None,
        "macs": None,
        "input": None,
        "assumed": None,
        "claims": None,
        "options": options,
    }
    if component.kind != "architecture":
        return shown
    described = registry.paper(component)
    own = described["architectures"][component.name]
    parameters, macs, size = measure(component)
    claims_path = registry.package_file(component, "claims.yaml")
    claims = []
    if claims_path.exists():
        from fer_plugins.analysis.claims import read_claims

        model = own.get("claims_model")  # null where the paper prints nothing under the architecture's name
        claims = [claim for claim in read_claims(claims_path).claims if model is not None and claim.model == model]
    shown.update(
        paper=described["paper"],
        source=own.get("source"),  # where a network has a paper of its own beside the one that compares with it
        recipes=["default", *(own.get("variants") or {})],
        parameters=parameters,
        macs=macs,
        input=size,
        assumed=own.get("assumed") or {},
        claims=[
            {"dataset": claim.dataset, "split": claim.split, "metric": claim.metric, "value": claim.value}
            for claim in claims
            if claim.epoch is None and claim.class_name is None
        ],
    )
    return shown


def measure(component: Component) -> tuple[int, int, list[int]]:
    """Build the network of the default recipe; return its parameters, multiply-adds an image, and input (C, H, W)."""
    from fer_plugins.runs.cost import macs, parameters
    from fer_plugins.training.module import build_network

    full = config.resolve(plugin=f"{component.distribution}:{component.name}").config
    network = build_network(full, num_classes=7)
    size = [full.data.channels, full.data.image_size, full.data.image_size]
    return parameters(network), macs(network, (size[0], size[1], size[2])), size


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
        say(f"recipes: {', '.join(shown['recipes'])}")
        print(f"input: {' x '.join(map(str, shown['input']))} (channels, height, width)")
        print(f"parameters: {shown['parameters']:,}")
        print(f"multiply-adds an image: {shown['macs']:,}")
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
    """Print a text in lines that fit the terminal, the later ones further in; 100 wide where there is none."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    first = " " * indent
    print(textwrap.fill(text, width, initial_indent=first, subsequent_indent=first + "  ", break_on_hyphens=False))


def print_columns(rows: list[list[str]], indent: str = "") -> None:
    """Print rows of cells as columns, each as wide as its widest cell."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(indent + "  ".join(f"{cell!s:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
