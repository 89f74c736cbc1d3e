"""Writes the tables of configuration keys to docs/configuration.md: ``python -m fer_plugins.config.document``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fer_plugins.config.annotations import readable
from fer_plugins.config.keys import Key, schema, section_meanings
from fer_plugins.runtime.generated_text import rewrite_document

MODULE = "fer_plugins.config.document"
_COLUMNS = ("key", "type", "default", "bounds", "unit", "meaning")


def write_table() -> str:
    """Return all keys of the core as Markdown: first the keys without a section, then one table per section."""
    sections = {name: keys for name, keys in schema().items() if isinstance(keys, dict)}
    single = {name: key for name, key in schema().items() if isinstance(key, Key)}
    lines = ["### Keys without a section", "", *_rows(single, ""), ""]
    for name, keys in sections.items():
        lines += [f"### `{name}`: {section_meanings()[name]}", "", *_rows(keys, f"{name}."), ""]
    return "\n".join(lines)


def _rows(keys: dict[str, Key], prefix: str) -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield "|" + " --- |" * len(_COLUMNS)
    for name, key in keys.items():
        kind = readable(key.type.replace(f" {key.bounds}", "") if key.bounds else key.type)
        default = str(key.default).lower() if isinstance(key.default, bool) else key.default
        default = "null" if default is None else default
        cells = (f"`{prefix}{name}`", kind, f"`{default}`", key.bounds, key.unit, key.help)
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


if __name__ == "__main__":
    rewrite_document(sys.argv[1] if len(sys.argv) > 1 else "docs/configuration.md", MODULE, write_table())
