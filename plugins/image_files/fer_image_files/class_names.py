"""Meanings of words: the option ``names``, and folders that name split and class together, such as ``train_happy``."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fer_image_files.archives.file_set import make_printable
from fer_plugins.config.yaml_files import explain, load_yaml
from fer_plugins.data.expressions import expression_of
from fer_plugins.data.split_names import split_of
from fer_plugins.runtime.errors import InputError

Names = str | Sequence[str] | Mapping[str, str] | None
_FORM = (
    "a mapping such as '{feliz: happy, triste: sad}', a list of names for 0, 1, 2, ..., or a JSON or YAML file of one"
)


class ClassNames:
    """The meaning of a folder name or a label: the user's option ``names`` first, then the known words.

    ``option`` is a mapping from words to expressions (or to train, val, test), a list of expressions for 0, 1, 2, ...,
    a JSON or YAML file of either (or with either under ``names``), or None. Raises InputError for any other form.
    """

    def __init__(self, option: Names = None) -> None:
        self.source = f"--data.names {option}" if isinstance(option, str) else "--data.names"
        content = _read(option) if isinstance(option, str) else option
        self._words = _as_mapping(content, self.source)
        self._used: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._words)

    def given(self, word: str) -> str | None:
        """Return the user's meaning of ``word``, or None."""
        key = _fold(word)
        if key not in self._words:
            return None
        self._used.add(key)
        return self._words[key]

    def expression(self, word: str) -> str | None:
        """Return the expression that ``word`` means, or None."""
        meaning = self.given(word)
        return expression_of(word if meaning is None else meaning)

    def split(self, word: str) -> str | None:
        """Return the split that ``word`` means, or None; a word of the user's is a split if its meaning is one."""
        meaning = self.given(word)
        return split_of(word if meaning is None else meaning)

    def refuse_unused(self, where: str, labels: Iterable[str]) -> None:
        """Raise InputError if the user named words and none of them is a folder or label in ``where``."""
        if self._words and not self._used:
            shown = ", ".join(repr(make_printable(word)[:40]) for word in sorted(set(labels))[:8])
            raise InputError(
                f"{where}: none of the words of {self.source} ({', '.join(list(self._words)[:5])}) occurs there; what "
                f"occurs: {shown}"
            )


def _read(path_text: str) -> Any:
    path = Path(path_text).expanduser()
    try:
        if not path.is_file():
            raise InputError(f"--data.names {path_text}: there is no such file; give {_FORM}")
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else load_yaml(text)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(
            f"--data.names {path_text}: cannot be read ({make_printable(str(error))}); give {_FORM}"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"--data.names {path_text}: {explain(error)}; give {_FORM}") from None


def _as_mapping(content: Any, source: str) -> dict[str, str]:
    if isinstance(content, Mapping) and isinstance(content.get("names"), Mapping | list | tuple):
        content = content["names"]  # as in the data.yaml of YOLO
    if content is None:
        return {}
    if isinstance(content, list | tuple):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{source}: is not what is needed; give {_FORM}")
    mapping: dict[str, str] = {}
    for key, value in content.items():
        # torchvision's class_to_idx has the opposite direction: {"angry": 0}
        word, meaning = (value, key) if type(value) is int and isinstance(key, str) else (key, value)
        if not isinstance(meaning, str) or not meaning.strip() or isinstance(word, bool | float):
            raise InputError(f"{source}: {make_printable(str(key))[:40]!r} has no name; give {_FORM}")
        if mapping.setdefault(_fold(str(word)), meaning) != meaning:
            raise InputError(f"{source}: {make_printable(str(word))[:40]!r} appears twice; keep one of the two")
    return mapping


def _fold(word: str) -> str:
    """Return a word normalised for comparison: macOS writes accents in file names as separate characters."""
    return unicodedata.normalize("NFC", word.strip()).casefold()


Folders = tuple[str, ...]


def divide_folders(folders: Iterable[Folders], names: ClassNames) -> dict[Folders, Folders]:
    """Return how each path is read: ``train_happy`` as ``train/happy``, if every path has such a folder."""
    paths = set(folders)
    divided = {path: tuple(part for folder in path for part in _divide(folder, names)) for path in paths}
    if all(len(divided[path]) > len(path) for path in paths):
        return divided
    return {path: path for path in paths}


def _divide(folder: str, names: ClassNames) -> tuple[str, ...]:
    if names.split(folder) or names.expression(folder):
        return (folder,)
    for mark in re.finditer(r"[\s_.-]+", folder):
        pair = folder[: mark.start()], folder[mark.end() :]
        if any(map(names.split, pair)) and any(map(names.expression, pair)):
            return pair
    return (folder,)
