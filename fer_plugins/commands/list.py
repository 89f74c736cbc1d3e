"""``fer list``: lists the installed components."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter

import click

from fer_plugins.commands import show_network
from fer_plugins.commands.show import print_columns, say
from fer_plugins.commands.usage import verb
from fer_plugins.config import registry
from fer_plugins.config.registry import Component
from fer_plugins.config.signatures import read_constant
from fer_plugins.runtime.errors import InputError

_OFFER = ("kind", "name", "distribution", "version", "status")


@verb(name="list")
@click.option("--check", is_flag=True, help="Import and build every component; exit code 1 if one is broken.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_offers(*, check: bool, as_json: bool) -> int:
    """List installed components: kind, name, distribution, version, status.

    A component is "missing" if a package that it needs is not installed; a line below the table names the package.
    """
    return print_components(check=check, as_json=as_json)


def print_components(*, check: bool, as_json: bool) -> int:
    """Print the installed components; with ``check`` import and build each, and return 1 if one is broken."""
    components = registry.available()
    clashing = {
        key for key, count in Counter((component.kind, component.name) for component in components).items() if count > 1
    }
    rows = []
    for component in components:
        problem = _problem(component, thorough=check)
        if problem is None and (component.kind, component.name) in clashing:
            problem = f"name offered twice; say {component.distribution}:{component.name}"
        rows.append(
            {
                "kind": component.kind,
                "name": component.name,
                "distribution": component.distribution,
                "version": component.version,
                "status": "broken" if problem else _needs(component),
                "problem": problem,
            }
        )
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        states = [str(row["status"]) if row["status"] in ("ok", "broken") else "missing" for row in rows]
        listed = [[*(str(row[key]) for key in _OFFER[:-1]), state] for row, state in zip(rows, states, strict=True)]
        print_columns([list(_OFFER), *listed])
        for row, state in zip(rows, states, strict=True):
            if row["problem"] or state == "missing":
                say(f"{row['kind']} {row['name']}: {row['problem'] or row['status']}")
    return int(check and any(row["problem"] for row in rows))


def _needs(component: Component) -> str:
    """Return "ok", or which of the packages that this component needs are missing."""
    packages = read_constant(component.module, "NEEDS") or ()
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return f"needs {' and '.join(missing)}" if missing else "ok"


def _problem(component: Component, *, thorough: bool) -> str | None:
    try:
        registry.check_range(component)
        if importlib.util.find_spec(component.module.partition(".")[0]) is None:
            return f"its package {component.module} is missing; remedy: reinstall {component.distribution}"
        if thorough:
            registry.signature(component)
            registry.load(component)
            if component.kind == "architecture":
                registry.paper(component)
                show_network.build(component)
    except InputError as error:
        return str(error)
    return None
