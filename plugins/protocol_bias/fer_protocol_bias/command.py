"""``fer protocol-bias``, also ``fer inflation``: measure what a flawed protocol adds to the test scores."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from fer_plugins.commands.settings import SettingsVerb, recipe_options
from fer_plugins.commands.usage import Name, WholeNumber, refuse
from fer_plugins.runtime.errors import InputError

_USAGE = "fer protocol-bias --plugin NAME[,NAME...] --data NAME --protocol FLAWED --against SOUND [--seeds N]"


@click.command("protocol-bias", cls=SettingsVerb)
@recipe_options
@click.option("--seeds", type=WholeNumber(1), default=1, help="Seeds to train under each protocol.")
@click.option("--folds", type=Name(["all"]), help="Train every fold; default: one (--run.fold N).")
@click.option(
    "--out", type=click.Path(), metavar="FOLDER", help="Folder for the runs; interrupted ones in it are continued."
)
@click.option("--json", "as_json", is_flag=True, help="Print inflation.json.")
def protocol_bias(
    plugin: str | None,
    recipe: str | None,
    files: tuple[str, ...],
    seeds: int,
    folds: str | None,
    out: str | None,
    as_json: bool,
    flags: dict[str, Any],
) -> None:
    """Measure what a flawed protocol adds to the test scores, with an interval.

    Needs --plugin NAME (or several, separated by commas), --protocol FLAWED and --against SOUND, each with its options
    (--against.KEY VALUE). Takes fer-run's flags.
    """
    if plugin is None or "resume" in flags:
        refuse(f"needs --plugin, and takes fer-run's flags except --resume and the listings: {_USAGE}")
    flawed, sound = (_section(flags.pop(name, None), name) for name in ("protocol", "against"))
    if "seed" in sound:
        raise InputError("--against.seed: both protocols take --protocol.seed; leave it out")
    if "seed" in flawed:
        sound["seed"] = flawed["seed"]
    from fer_plugins.runs.result_table import result_console
    from fer_protocol_bias.measure import compare_networks
    from fer_protocol_bias.plan import Plan
    from fer_protocol_bias.report import print_bias, print_networks

    protocols = {"flawed": flawed, "sound": sound}
    networks = list(dict.fromkeys(plugin.split(",")))
    plans = [Plan(name, protocols, flags, recipe, files, seeds, every_fold=folds == "all") for name in networks]
    folder = Path(out or f"runs/inflation-{'+'.join(networks)}-{time.strftime('%Y%m%d-%H%M%S')}")
    stream = sys.stderr if as_json else sys.stdout
    results = compare_networks(plans, folder, say=lambda line: print(line, file=stream, flush=True))
    if as_json:
        print((folder / "inflation.json").read_text(encoding="utf-8"), end="")
        return
    for result in results.values():
        print_bias(result_console(), result)
    if len(results) > 1:
        print_networks(result_console(), results)
    print(f"recorded in {folder}/inflation.json")


def _section(flag: Any, name: str) -> dict[str, Any]:
    section = dict(flag) if isinstance(flag, Mapping) else {"name": flag}
    if "file" in section:  # a split file is a protocol of its own
        section.setdefault("name", "file")
    if not isinstance(section.get("name"), str):
        raise InputError(f"{_USAGE}: --{name} needs a protocol's name; fer list shows those that are installed")
    return section
