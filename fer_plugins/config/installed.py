"""Reads from the metadata of installed distributions which plug-ins exist, and which of that metadata is damaged.

``importlib.metadata`` stops at the first damaged file, and if a distribution has several metadata folders, it takes the
first on ``sys.path``, even an empty one. Here each distribution is read on its own, so that a damaged one only costs
one line of output.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

_VALUE = re.compile(r"([\w.]+)\s*(?::\s*([\w.]+)\s*)?(?:\[.*\]\s*)?(?:#.*)?")  # module:attribute [extras]
_STEM = re.compile(r"(.+?)-(\d[^-]*)(?:-py[\d.]+)?")


@dataclass(frozen=True)
class EntryPoint:
    """A line of a distribution's ``entry_points.txt``, with the name and version of the distribution."""

    group: str
    name: str
    module: str
    attribute: str
    distribution: str
    version: str
    core_range: str | None  # the distribution's dependency on fer-plugins, as written; None if it declares none


@dataclass(frozen=True)
class Fault:
    """Metadata that cannot be used, or that hides other metadata."""

    distribution: str
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.distribution} ({self.path}): {self.problem}; remedy: {self.remedy}"


@dataclass
class _Copy:
    """A metadata folder of a distribution."""

    name: str  # from the folder's own name
    version: str
    path: Path | None
    distribution: metadata.Distribution
    entries: list[tuple[str, str, str, str]]  # group, name, module, attribute
    fault: str | None = None


class _Reading(NamedTuple):
    """What ``read_installed`` returns, with the time stamps of all files and folders that were read for it."""

    places: list[str]
    stamps: list[tuple[int, int, int] | None]
    entries: list[EntryPoint]
    faults: list[Fault]


_last: dict[tuple[str, ...], _Reading] = {}  # prefix and sys.path -> the most recent result


def read_installed(prefix: str) -> tuple[list[EntryPoint], list[Fault]]:
    """Return the entry points of all groups that start with ``prefix``, and the faults in the installed metadata.

    If a distribution has several metadata folders, the first on ``sys.path`` that is intact and has such entry points
    is used; the entry points of the others are ignored. Unchanged metadata is not read again at the next call.
    """
    key = (prefix, *sys.path)
    reading = _last.get(key)
    if reading is None or reading.stamps != _stamp(reading.places):
        _last.clear()
        reading = _last[key] = _read_all(prefix)
    return list(reading.entries), list(reading.faults)


def _stamp(places: Iterable[str]) -> list[tuple[int, int, int] | None]:
    stamps: list[tuple[int, int, int] | None] = []
    for place in places:
        try:
            status = os.stat(place)
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            stamps.append(None)
    return stamps


def _read_all(prefix: str) -> _Reading:
    copies: dict[str, list[_Copy]] = {}
    places = [path or "." for path in sys.path]
    for distribution in metadata.distributions():
        copy = _read(distribution, prefix)
        if copy is None:
            continue
        copies.setdefault(canonical(copy.name), []).append(copy)
        if copy.path is not None:
            places += [str(copy.path), f"{copy.path}/entry_points.txt"]
            places += [f"{copy.path}/{name}" for name in ("METADATA", "PKG-INFO") if copy.entries or copy.fault]
    stamps = _stamp(places)
    entries: list[EntryPoint] = []
    faults: list[Fault] = []
    for folders in copies.values():
        used = next((copy for copy in folders if copy.entries and copy.fault is None), None)
        if used is not None:
            name, version, core_range, fault = _headers(used)
            if fault:
                faults.append(_fault(used, fault, None))
            entries += [EntryPoint(*entry, name, version, core_range) for entry in used.entries]
        faults += [_fault(copy, copy.fault, used) for copy in folders if copy.fault]
        if len(folders) > 1 and (used is not None or any(copy.entries for copy in folders)):
            faults += list(_find_duplicates(folders, used))
    return _Reading(places, stamps, entries, faults)


def canonical(distribution: str) -> str:
    """Return a distribution's name normalized as by pip.

    >>> canonical("Fer.My_Net")
    'fer-my-net'
    """
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _read(distribution: metadata.Distribution, prefix: str) -> _Copy | None:
    """Read a metadata folder; return None if the distribution has no usable name."""
    place = getattr(distribution, "_path", None)
    path = place if isinstance(place, Path) else None
    stem = re.sub(r"\.(dist-info|egg-info)$", "", path.name) if path is not None else ""
    matched = _STEM.fullmatch(stem)
    name, version = (matched[1], matched[2]) if matched else (stem, "unknown")
    if path is not None and path.name == "EGG-INFO":
        name = path.parent.name.partition("-")[0]
    if not name:
        try:
            name = distribution.metadata["Name"] or ""
        except Exception:
            return None
    if not name or name.startswith("~"):  # left over by pip from an interrupted uninstall
        return None
    copy = _Copy(name, version, path, distribution, [])
    try:
        text = _entry_points_text(distribution, path)
        copy.entries = list(_parse(text, prefix)) if text else []
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        copy.fault = f"its entry_points.txt cannot be read ({reason})"
    except ValueError as error:
        copy.fault = f"its entry_points.txt is damaged ({error})"
    if copy.fault is None and path is not None and path.suffix == ".dist-info" and os.path.isdir(path):
        if not os.path.isfile(f"{path}/METADATA"):
            copy.fault = "its METADATA is missing, left over from an interrupted installation"
    return copy


def _entry_points_text(distribution: metadata.Distribution, path: Path | None) -> str | None:
    if path is None:
        return distribution.read_text("entry_points.txt")
    try:
        with open(f"{path}/entry_points.txt", encoding="utf-8-sig") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _parse(text: str, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield group, name, module and attribute of the entry points whose group starts with ``prefix``.

    Raises:
        ValueError: A line is not a section, entry or comment, or an entry of these groups has no module.
    """
    group = ""
    if "\0" in text:
        raise ValueError("it holds NUL bytes")
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or not value or line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
            raise ValueError(f"line {number}: {line[:40]!r} is not 'name = module:attribute'")
        if not group.startswith(prefix):
            continue
        matched = _VALUE.fullmatch(value)
        if matched is None:
            raise ValueError(f"line {number}: {value[:40]!r} is not 'module:attribute'")
        yield group, name, matched[1], matched[2] or ""


def _headers(copy: _Copy) -> tuple[str, str, str | None, str | None]:
    """Return name, version, required range of the core, and the fault of the headers or None."""
    try:
        text = copy.distribution.read_text("METADATA") or copy.distribution.read_text("PKG-INFO") or ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        return copy.name, copy.version, None, f"its METADATA cannot be read ({reason})"
    headers = re.findall(r"^(Name|Version|Requires-Dist):[ \t]*(.+?)[ \t\r]*$", text.partition("\n\n")[0], re.MULTILINE)
    required = [(re.match(r"[\w.-]+", text), text) for header, text in headers if header == "Requires-Dist"]
    core_range = next((text for package, text in required if package and canonical(package[0]) == "fer-plugins"), None)
    first = dict(reversed(headers))
    name, version = first.get("Name"), first.get("Version")
    fault = None if name and version else "its METADATA has no name or version"
    return name or copy.name, version or copy.version, core_range, fault


def _find_duplicates(folders: list[_Copy], used: _Copy | None) -> Iterator[Fault]:
    """Yield a fault for each other folder of the distribution; ``folders`` are in the order of ``sys.path``."""
    resolved = {used.path.resolve()} if used is not None and used.path is not None else set()
    for copy in folders:
        if copy is used or copy.fault or copy.path is None or copy.path.resolve() in resolved:
            continue
        resolved.add(copy.path.resolve())
        # An editable installation has a dist-info and, next to its sources, an egg-info without a version.
        same = used is not None and sorted(copy.entries) == sorted(used.entries)
        if same and used is not None and ("unknown" in (copy.version, used.version) or copy.version == used.version):
            continue
        beside = f"; {used.path} is used" if used is not None else ""
        yield Fault(copy.name, str(copy.path), f"it is there twice{beside}", f"remove '{copy.path}'")


def _fault(copy: _Copy, problem: str, used: _Copy | None) -> Fault:
    again = "" if used is not None else f" and install {copy.name} again"
    remedy = f"remove '{copy.path}'{again}" if copy.path is not None else f"install {copy.name} again"
    return Fault(copy.name, str(copy.path or "no folder"), problem, remedy)
