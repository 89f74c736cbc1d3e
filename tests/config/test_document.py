"""The tables of docs/configuration.md are those of the types."""

import pytest
from support import ROOT

from fer_plugins import config
from fer_plugins.config.document import MODULE, write_table
from fer_plugins.runtime.generated_text import put_into


def test_the_document_holds_every_key_as_it_is_declared():
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert put_into(text, MODULE, write_table()) == text, "make it again: python -m fer_plugins.config.document"
    for path, key in config.core_keys():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{path}` |")]
        cells = [cell.strip() for cell in row.replace(r"\|", "or").strip("|").split("|")]
        assert len(cells) == 6
        assert cells[3:5] == [key.bounds, key.unit]
        assert cells[1], "a type"
        assert cells[5], "a meaning"
    assert "| `data.image_size` | int | `48` | 1..2048 | pixels |" in text
    with pytest.raises(ValueError, match="needs the lines"):
        put_into(text.replace(MODULE, ""), MODULE, write_table())
