"""How to install a package, command or dataset that a message of the core names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires

from fer_plugins.config.installed import canonical

DISTRIBUTION = "fer-plugins"
# Components that messages of the core name -> the other distribution of this project that provides them.
ELSEWHERE = {
    ("command", "compare"): "fer-run-comparison",
    ("command", "data"): "fer-data-audit",
    ("command", "evaluate"): "fer-robustness-tests",
    ("command", "robustness"): "fer-robustness-tests",
    ("command", "report"): "fer-html-report",
    ("command", "score"): "fer-outside-predictions",
    ("command", "search"): "fer-parameter-search",
    ("dataset", "fer2013"): "fer-face-datasets",
    ("dataset", "folder"): "fer-face-datasets",
}


def install_command(*packages: str, distribution: str = DISTRIBUTION) -> str:
    """Return ``pip install 'PACKAGE>=...'`` for optional or required dependencies of ``distribution``.

    The command names the packages themselves, because an extra such as ``fer-plugins[wandb]`` cannot be installed if
    fer-plugins was installed from its sources or a wheel.

    >>> install_command("no-such-package")
    'pip install no-such-package'
    """
    bounds = _bounds(distribution)
    wanted: Sequence[str] = [bounds.get(canonical(package), package) for package in packages]
    return f"pip install {' '.join(shlex.quote(requirement) for requirement in wanted)}"


def describe_installation(kind: str, name: str) -> str:
    """Return how to install a component listed in ``ELSEWHERE``, from its source folder or wheel; "" for any other."""
    if (kind, name) not in ELSEWHERE:
        return ""
    distribution = ELSEWHERE[kind, name]
    folder = distribution.removeprefix("fer-").replace("-", "_")
    return f"install {distribution}: pip install plugins/{folder} in the sources of fer-plugins, or its wheel"


def _bounds(distribution: str) -> dict[str, str]:
    try:
        texts = requires(distribution) or []
    except PackageNotFoundError:  # the sources are on the path but not installed
        return {}
    from packaging.requirements import Requirement

    needed = [Requirement(text) for text in texts]
    return {canonical(requirement.name): f"{requirement.name}{requirement.specifier}" for requirement in needed}
