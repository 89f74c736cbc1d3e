"""Finds the claims file that a user's word names."""

from __future__ import annotations

import os
from pathlib import Path

from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

_ENDINGS = (".yaml", ".yml", ".txt", ".log", ".csv", ".tsv", ".md", ".tex", ".ipynb")


def find_claims(name: str) -> Path:
    """Return the claims file that a word names: a file, or an installed architecture or distribution.

    Raises:
        InputError: there is neither, or the plug-in has no claims.yaml.
    """
    path = Path(name)
    if path.suffix.lower() in _ENDINGS or os.path.isfile(path):  # Path.is_file raises on an over-long name
        return path
    components = registry.available("architecture")
    of_distribution = [one for one in components if _plugin(one.distribution) == _plugin(name)]
    component = of_distribution[0] if of_distribution else registry.find("architecture", name)
    claims_file = registry.package_file(component, "claims.yaml")
    if not claims_file.exists():
        raise InputError(f"{component} has no claims.yaml; give a claims file (FILE.yaml) in its place")
    return Path(str(claims_file))


def _plugin(name: str) -> str:
    """Name a plug-in so that its distribution, "fer-my-net", and its folder, "my_net", agree."""
    return name.lower().replace("-", "_").removeprefix("fer_")
