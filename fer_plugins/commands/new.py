"""``fer new``: creates the folder of a new plug-in that can be installed, tested and run unchanged."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import tempfile
from pathlib import Path

import click

from fer_plugins import __version__
from fer_plugins.commands.usage import Name, verb
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

KINDS = (
    *("architecture", "pooling", "augmentation", "dataset", "protocol"),
    *("loss", "metric", "callback", "logger", "command", "detector"),
)
_TEMPLATES = Path(__file__).with_name("templates")
_FUNCTIONS = ("protocol", "metric", "command")  # kinds whose object is a function with the plug-in's own name


def check_name(name: str, kind: str) -> None:
    """Reject a name that is invalid for Python or the registry, or already in use.

    Raises:
        InputError: it is not a snake_case name, is a keyword of Python, or is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name):
        raise InputError(f"{name!r} is not a plug-in name; use small letters, digits and _, a letter first, at most 50")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InputError(f"{name!r} is a word of Python; add to it, such as {name}_net")
    existing = next((component for component in registry.available(kind) if component.name == name), None)
    if existing is not None:
        raise InputError(f"the name is taken by {existing}; choose another, or remove that one first")
    if importlib.util.find_spec(f"fer_{name}") is not None:
        raise InputError(f"a package fer_{name} is installed already; choose another name")


def make(name: str, kind: str, out: Path) -> Path:
    """Write the folder ``out/name`` atomically, and return it.

    Raises:
        InputError: the folder already exists, or cannot be written.
    """
    folder = out / name
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} already exists; give another name or --out DIR")
    if not out.is_dir():
        raise InputError(f"--out {out} is not a folder; make it first")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=out) as temporary:
            for path, text in render(name, kind, folder).items():
                target = Path(temporary, name, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            os.rename(Path(temporary, name), folder)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}; give another --out DIR") from None
    return folder


def render(name: str, kind: str, folder: Path) -> dict[str, str]:
    """Return the files of a new plug-in: path in the folder -> text."""
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    major, minor = __version__.split(".")[:2]
    placeholders = {
        "@NAME@": name,
        "@CLASS@": camel,
        "@OBJECT@": name if kind in _FUNCTIONS else camel,
        "@KIND@": kind,
        "@GROUP@": registry.GROUPS[kind],
        "@RANGE@": f">={major}.{minor},<{major}.{int(minor) + 1}",
        "@PLACE@": place_of(folder),
        "@USE@": use_of(kind, name),
    }
    package = f"fer_{name}"
    places = {"__init__.py": f"{package}/__init__.py", "test.py": f"test_{name}.py"}
    places |= {file: f"{package}/{file}" for file in ("paper.yaml", "claims.yaml")}
    files = {}
    for template in sorted([*_TEMPLATES.glob("*.txt"), *(_TEMPLATES / kind).glob("*.txt")]):
        text = template.read_text(encoding="utf-8")
        for placeholder, value in placeholders.items():
            text = text.replace(placeholder, value)
        file = template.name.removesuffix(".txt")
        files[places.get(file, file)] = text
    return files


def place_of(folder: Path) -> str:
    """Return the folder in a form that pip does not take for the name of a package."""
    return str(folder) if folder.is_absolute() else f"./{folder}"


def use_of(kind: str, name: str) -> str:
    """Return a command that uses the new plug-in, if necessary with an installed architecture."""
    if kind == "architecture":
        return f"fer-run --plugin {name}"
    if kind == "command":
        return f"fer {name}"
    installed = registry.available("architecture")
    pooled = [net for net in installed if kind != "pooling" or registry.signature(net).named("pool")]
    plugin = pooled[0].name if pooled else "NAME"
    if kind == "metric":
        return f"fer-run --plugin {plugin}"  # computed in every run
    flags = {
        **{"pooling": "--model.pool", "augmentation": "--augmentation", "protocol": "--protocol"},
        **{"loss": "--loss", "callback": "--callbacks", "logger": "--logger"},
        "detector": "--data.face_crop",
    }
    flag = flags.get(kind)
    return (
        f"fer-run --plugin {plugin} {flag} {name}"
        if flag
        else f"fer-run --plugin {plugin} --data {name} --data.root DIR"
    )


@verb()
@click.argument("name", metavar="NAME")
@click.option(
    "--kind",
    type=Name(KINDS),
    default="architecture",
    metavar="KIND",
    help=f"One of {', '.join(KINDS)}; default: architecture.",
)
@click.option(
    "--out",
    type=click.Path(),
    default=".",
    metavar="DIR",
    help="Parent folder of the new plug-in; default: the current one.",
)
def new(name: str, *, kind: str, out: str) -> None:
    """Create a new plug-in that installs, passes its tests and runs.

    Prints what to do next.
    """
    check_name(name, kind)
    folder = make(name, kind, Path(out))
    print(f"made {folder}/, a plug-in of kind {kind}:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"  {path.relative_to(folder)}")
    print("next:")
    place = place_of(folder)
    for command in (f"pip install -e {place}", f"pytest {place}", f"fer check {name}", use_of(kind, name)):
        print(f"  {command}")
