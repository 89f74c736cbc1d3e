"""The examples in all docstrings, of the core and of the plug-ins, are true."""

import doctest
import importlib

import pytest
from support import ROOT

PACKAGES = [ROOT / "fer_plugins", *ROOT.glob("plugins/*/fer_*")]
FILES = sorted(path for package in PACKAGES for path in package.rglob("[a-z]*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples(path):
    package = next(package for package in PACKAGES if path.is_relative_to(package))
    parts = path.relative_to(package.parent).with_suffix("").parts
    result = doctest.testmod(importlib.import_module(".".join(parts)))
    assert result.attempted
    assert not result.failed
