"""Versions of what shapes a result: this package, its commit, the plug-in, Python and the libraries."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from fer_plugins import __version__
from fer_plugins.config import registry

VERSIONED = (
    *("torch", "lightning", "torchmetrics", "numpy", "scipy", "statsmodels", "scikit-learn", "scikit-image"),
    *("albumentations", "wandb"),
)


def versions(distribution: str) -> dict[str, str | None]:
    """Return the versions of this package, the plug-in's distribution, Python and the libraries that shape a result."""
    installed: dict[str, str | None] = {"python": platform.python_version(), "fer-plugins": __version__}
    plugins = {component.distribution: component.version for component in registry.available()}
    for name in dict.fromkeys((distribution, *_dependencies(distribution), *VERSIONED)):
        try:
            installed[name] = plugins[name] if name in plugins else metadata.version(name)
        except Exception:  # not installed, or its metadata is damaged
            installed[name] = None
    return installed


def _dependencies(distribution: str) -> list[str]:
    """Return the names of the libraries that a plug-in needs, extras left out."""
    try:
        needed = [Requirement(text) for text in metadata.requires(distribution) or []]
    except Exception:  # not installed, or its metadata is damaged
        return []
    return [
        library.name for library in needed if library.name != "fer-plugins" and "extra" not in str(library.marker or "")
    ]


def git_revision() -> str | None:
    """Return the commit of the checkout that this package runs from ("-dirty" after changes); None outside one."""
    package = Path(__file__).parents[1]
    try:
        top = _git(package, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != package.parent.resolve():
            return None  # installed somewhere below another project's checkout
        return _git(package, "rev-parse", "HEAD") + ("-dirty" if _git(package, "status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *argv: str) -> str:
    command = ["git", "-C", str(folder), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
