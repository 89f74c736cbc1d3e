"""The option ``names``: maps words of another language, or numbers, to expressions and splits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fer_plugins.config.yaml_files import explain, load_yaml
from fer_plugins.data.formats.archives.file_set import make_printable
from fer_plugins.data.formats.labels import expression_of
from fer_plugins.data.formats.split_names import split_of
from fer_plugins.runtime.errors import InputError

Names = str | Sequence[str] | Mapping[str, str] | None
_FORM = (
    "a mapping such as '{feliz: happy, triste: sad}', a list of names for 0, 1, 2, ..., or a JSON or YAML file of one"
)


class ClassNames:
    """What a folder's name or a label means: the user's own words first, then those that are known.

    Args:
        given: the user's option: a mapping from words to expressions (or to train, val, test), a list of expressions
            for the numbers 0, 1, 2, ..., a JSON or YAML file of either (or with either under ``names``), or None.

    Raises:
        InputError: the file cannot be read, or the form is another.
    """

    def __init__(self, given: Names = None) -> None:
        self.source = f"--data.names {given}" if isinstance(given, str) else "--data.names"
        content = _read(given) if isinstance(given, str) else given
        self._words = _as_mapping(content, self.source)
        self._used: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._words)

    def given(self, word: str) -> str | None:
        """Return what the user wrote for ``word``, or None."""
        key = _fold(word)
        if key not in self._words:
            return None
        self._used.add(key)
        return self._words[key]

    def expression(self, word: str) -> str | None:
        """Return the expression that ``word`` means, or None."""
        meant = self.given(word)
        return expression_of(word if meant is None else meant)

    def split(self, word: str) -> str | None:
        """Return the split that ``word`` means, or None; a word of the user's is a split where its meaning is one."""
        meant = self.given(word)
        return split_of(word if meant is None else meant)

    def refuse_unused(self, where: str, labels: Iterable[str]) -> None:
        """Refuse an option of which no word occurs.

        Raises:
            InputError: names were given and none is a folder or label there.
        """
        if self._words and not self._used:
            shown = ", ".join(repr(make_printable(word)[:40]) for word in sorted(set(labels))[:8])
            raise InputError(
                f"{where}: none of the words of {self.source} ({', '.join(list(self._words)[:5])}) occurs there; what "
                f"occurs: {shown}"
            )


def _read(given: str) -> Any:
    path = Path(given).expanduser()
    try:
        if not path.is_file():
            raise InputError(f"--data.names {given}: there is no such file; give {_FORM}")
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text) if path.suffix.lower() == ".json" else load_yaml(text)
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"--data.names {given}: cannot be read ({make_printable(str(error))}); give {_FORM}") from None
    except yaml.YAMLError as error:
        raise InputError(f"--data.names {given}: {explain(error)}; give {_FORM}") from None


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
        # torchvision's class_to_idx is the other way round: {"angry": 0}
        word, meant = (value, key) if type(value) is int and isinstance(key, str) else (key, value)
        if not isinstance(meant, str) or not meant.strip() or isinstance(word, bool | float):
            raise InputError(f"{source}: {make_printable(str(key))[:40]!r} has no name; give {_FORM}")
        if mapping.setdefault(_fold(str(word)), meant) != meant:
            raise InputError(f"{source}: {make_printable(str(word))[:40]!r} stands twice; keep one of the two")
    return mapping


def _fold(word: str) -> str:
    """Return a word as it is compared: a Mac writes the accents of file names as signs of their own."""
    return unicodedata.normalize("NFC", word.strip()).casefold()
