"""The command that installs a package which a feature needs, with the bound that the distribution's metadata names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires

from fer_plugins.config.installed import canonical

DISTRIBUTION = "fer-plugins"


def install_command(*packages: str, distribution: str = DISTRIBUTION) -> str:
    """Return ``pip install 'PACKAGE>=...'`` for packages that an extra or a dependency of ``distribution`` names.

    It asks for the packages themselves, since an extra such as ``fer-plugins[wandb]`` can be installed by nobody
    where fer-plugins came from its sources or from a wheel.

    >>> install_command("no-such-package")
    'pip install no-such-package'
    """
    bounds = _bounds(distribution)
    wanted: Sequence[str] = [bounds.get(canonical(package), package) for package in packages]
    return f"pip install {' '.join(shlex.quote(requirement) for requirement in wanted)}"


def _bounds(distribution: str) -> dict[str, str]:
    try:
        texts = requires(distribution) or []
    except PackageNotFoundError:  # the sources are on the path and were not installed
        return {}
    from packaging.requirements import Requirement

    needed = [Requirement(text) for text in texts]
    return {canonical(requirement.name): f"{requirement.name}{requirement.specifier}" for requirement in needed}
