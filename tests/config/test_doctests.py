"""The examples in the docstrings of the configuration and of the ground are true."""

import doctest
import importlib

import pytest
from support import ROOT

FILES = sorted(path for part in ("config", "runtime") for path in (ROOT / "fer_plugins" / part).glob("[a-z]*.py"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES if ">>>" in path.read_text()]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
