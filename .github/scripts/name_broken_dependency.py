"""Names the dependencies whose newest versions make the tests fail: each at its tested version, one after the other.

Run by the nightly job after a failure, in the environment of the newest versions: the tests that failed are repeated
with one dependency at the version that requirements.txt pins, and this dependency is named where they then pass.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path


def read_pins(text: str) -> dict[str, str]:
    """Return the tested version of each distribution that a requirements file pins."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def changed(pins: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """Return the pinned distributions that are installed in another version."""
    return [name for name, version in pins.items() if installed.get(name, version) != version]


def find_broken(names: Iterable[str], install: Callable[[str, bool], bool], passes: Callable[[], bool]) -> list[str]:
    """Return the names with whose tested version alone the failed tests pass.

    Args:
        names: the distributions that differ from the tested versions.
        install: installs a distribution, tested (True) or newest (False); returns False where that is impossible.
        passes: repeats the failed tests.
    """
    broken = []
    for name in names:
        if install(name, True) and passes():
            broken.append(name)
        install(name, False)
    return broken


def main() -> int:
    """Print a line for each dependency that breaks the tests; return 1, since something is broken."""
    pins = read_pins(Path("requirements.txt").read_text())
    newest = {name: metadata.version(name) for name in pins}

    def install(name: str, tested: bool) -> bool:
        version = pins[name] if tested else newest[name]
        command = ["uv", "pip", "install", "--python", sys.executable, f"{name}=={version}"]
        return subprocess.run(command).returncode == 0

    def passes() -> bool:
        return subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "0", "--last-failed"]).returncode == 0

    names = changed(pins, newest)
    broken = find_broken(names, install, passes)
    for name in broken:
        print(f"::error::{name} {newest[name]} breaks the tests; with {name} {pins[name]} they pass")
    if not broken:
        together = ", ".join(f"{name} {newest[name]}" for name in names) or "none of the pinned ones"
        print(f"::error::no dependency alone breaks the tests; newer than tested are: {together}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
