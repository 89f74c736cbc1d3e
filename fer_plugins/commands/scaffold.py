"""``fer new``: the folder of a new plug-in, that installs, passes its own tests and runs as it is."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path

from fer_plugins import __version__
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

KINDS = ("architecture", "pooling", "augmentation", "dataset", "protocol", "metric")
_TEMPLATES = Path(__file__).with_name("templates")
_FUNCTIONS = ("protocol", "metric")  # kinds whose object is a function and so has the plug-in's own name


def new(words: list[str]) -> int:
    """Make the folder that ``fer new NAME [--kind KIND] [--out DIR]`` asks for, and print what to do next.

    Raises:
        InputError: a wrong word or name, a name that is taken, or a place that cannot be written; nothing was made.
    """
    name, kind, out = _sort(words)
    check_name(name, kind)
    folder = make(name, kind, Path(out))
    print(f"made {folder}/, a plug-in of kind {kind}:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"  {path.relative_to(folder)}")
    print("next:")
    place = _place(folder)
    for command in (f"pip install -e {place}", f"pytest {place}", f"fer check {name}", _use(kind, name)):
        print(f"  {command}")
    return 0


def _sort(words: list[str]) -> tuple[str, str, str]:
    given = {"--kind": "architecture", "--out": "."}
    names = []
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if flag in given:
            value = value if equals else next(left, "")
            if not value or value.startswith("--"):
                raise InputError(f"fer new: {flag} needs a value: {flag} VALUE")
            given[flag] = value
        elif word.startswith("-"):
            raise InputError(
                f"fer new: unknown word {word!r}{registry.nearest(word, list(given))}; known: --kind, --out"
            )
        else:
            names.append(word)
    if len(names) != 1:
        raise InputError("fer new: expected one name: fer new NAME [--kind KIND] [--out DIR]")
    if given["--kind"] not in KINDS:
        known = registry.nearest(given["--kind"], list(KINDS))
        raise InputError(f"fer new: unknown kind {given['--kind']!r}{known}; known: {', '.join(KINDS)}")
    return names[0], given["--kind"], given["--out"]


def check_name(name: str, kind: str) -> None:
    """Refuse a name that Python, the registry or an installed package cannot share.

    Raises:
        InputError: it is no snake_case name, a word of Python, or taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name):
        raise InputError(
            f"fer new: {name!r} is no plug-in name; use small letters, digits and _, a letter first, at most 50"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise InputError(f"fer new: {name!r} is a word of Python; add to it, such as {name}_net")
    taken = next((component for component in registry.available(kind) if component.name == name), None)
    if taken is not None:
        raise InputError(f"fer new: the name is taken by {taken}; choose another, or remove that one first")
    if importlib.util.find_spec(f"fer_{name}") is not None:
        raise InputError(f"fer new: a package fer_{name} is installed already; choose another name")


def make(name: str, kind: str, out: Path) -> Path:
    """Write the folder ``out/name`` whole or not at all, and return it.

    Raises:
        InputError: it is there already, or cannot be written.
    """
    folder = out / name
    if folder.exists() or folder.is_symlink():
        raise InputError(f"fer new: {folder} is there already; give another name or --out DIR")
    if not out.is_dir():
        raise InputError(f"fer new: --out {out} is not a folder; make it first")
    unfinished = None
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=out))
        for path, text in render(name, kind, folder).items():
            target = unfinished / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        unfinished.chmod(0o777 & ~_umask())
        os.rename(unfinished, folder)
    except OSError as error:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
        raise InputError(f"fer new: cannot write {folder}: {error.strerror}; give another --out DIR") from None
    return folder


def render(name: str, kind: str, folder: Path) -> dict[str, str]:
    """Return the files of a new plug-in: path in the folder -> text."""
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    major, minor = __version__.split(".")[:2]
    words = {
        "@NAME@": name,
        "@CLASS@": camel,
        "@OBJECT@": name if kind in _FUNCTIONS else camel,
        "@KIND@": kind,
        "@GROUP@": registry.GROUPS[kind],
        "@RANGE@": f">={major}.{minor},<{major}.{int(minor) + 1}",
        "@PLACE@": _place(folder),
        "@USE@": _use(kind, name),
    }
    package = f"fer_{name}"
    places = {"__init__.py": f"{package}/__init__.py", "test.py": f"test_{name}.py"}
    places |= {file: f"{package}/{file}" for file in ("paper.yaml", "claims.yaml")}
    files = {}
    for template in sorted([*_TEMPLATES.glob("*.txt"), *(_TEMPLATES / kind).glob("*.txt")]):
        text = template.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        file = template.name.removesuffix(".txt")
        files[places.get(file, file)] = text
    return files


def _place(folder: Path) -> str:
    """Return the folder so that pip cannot take it for the name of a package."""
    return str(folder) if folder.is_absolute() else f"./{folder}"


def _use(kind: str, name: str) -> str:
    """Return a command that uses the new plug-in, beside an architecture that is installed."""
    if kind == "architecture":
        return f"fer-run --plugin {name}"
    installed = registry.available("architecture")
    pooled = [one for one in installed if kind != "pooling" or registry.signature(one).named("pool")]
    plugin = pooled[0].name if pooled else "NAME"
    if kind == "metric":
        return f"fer-run --plugin {plugin}"  # computed by every run
    flag = {"pooling": "--model.pool", "augmentation": "--augmentation", "protocol": "--protocol"}.get(kind)
    return (
        f"fer-run --plugin {plugin} {flag} {name}"
        if flag
        else f"fer-run --plugin {plugin} --data {name} --data.root DIR"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
