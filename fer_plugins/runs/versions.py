"""Versions of everything that affects a result: this package, its commit, the plug-in, Python and the libraries."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from fer_plugins import __version__
from fer_plugins.config import registry
from fer_plugins.config.installed import canonical
from fer_plugins.config.requirement import DISTRIBUTION as CORE

VERSIONED = (
    *("torch", "lightning", "torchmetrics", "numpy", "scipy", "statsmodels", "scikit-learn", "scikit-image"),
    *("albumentations", "wandb"),
)
_NAMES_CORE = re.compile(r"fer[-_.]+plugins", re.IGNORECASE)


def versions(distribution: str) -> dict[str, str | None]:
    """Return the versions of Python, this package, all plug-ins and the libraries that affect a result.

    Args:
        distribution: distribution of the plug-in that is trained; the versions of its dependencies are included.
    """
    plugins = plugin_versions()
    installed: dict[str, str | None] = {"python": platform.python_version(), CORE: __version__, **plugins}
    for name in dict.fromkeys((distribution, *_dependencies(distribution), *VERSIONED)):
        if name in installed:
            continue
        try:
            installed[name] = metadata.version(name)
        except Exception:  # not installed, or its metadata is damaged
            installed[name] = None
    return installed


def plugin_versions() -> dict[str, str]:
    """Return name -> version of the distributions that provide a component or depend on this package, sorted."""
    plugins = {component.distribution: component.version for component in registry.available()}
    known = {canonical(name) for name in plugins} | {CORE}
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("METADATA")
            if text is not None and not _NAMES_CORE.search(text):
                continue  # checked before parsing, to skip hundreds of libraries at the start of every run
            name, needed = distribution.metadata["Name"], distribution.requires or []
            if canonical(name) not in known and CORE in (canonical(Requirement(text).name) for text in needed):
                plugins[name] = distribution.version
        except Exception:  # damaged metadata; `fer env` names the distribution if it provides a component
            continue
    return {name: version for name, version in sorted(plugins.items()) if canonical(name) != CORE}


def _dependencies(distribution: str) -> list[str]:
    """Return the names of a plug-in's required libraries, without those of extras."""
    try:
        needed = [Requirement(text) for text in metadata.requires(distribution) or []]
    except Exception:  # not installed, or its metadata is damaged
        return []
    return [library.name for library in needed if "extra" not in str(library.marker or "")]


def git_revision() -> str | None:
    """Return the commit of this package's checkout, with "-dirty" if it has changes; None if it is not a checkout."""
    package = Path(__file__).parents[1]
    try:
        top = _git(package, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != package.parent.resolve():
            return None  # installed inside the checkout of another project
        return _git(package, "rev-parse", "HEAD") + ("-dirty" if _git(package, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *argv: str) -> str:
    command = ["git", "-C", str(folder), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
