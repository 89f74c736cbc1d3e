"""Reads a ContractError rule by rule."""

import re
from collections.abc import Callable

import pytest

from fer_plugins.testing import ContractError


def _rules_broken(check: Callable[..., None], *args: object, **kwargs: object) -> dict[str, str]:
    try:
        check(*args, **kwargs)
    except ContractError as error:
        lines = str(error).splitlines()
        assert re.fullmatch(r"\w+ [\w.<>]+ breaks \d+ rules? of the contract:", lines[0])
        matches = [re.fullmatch(r"- ([^:]+): (.+ Remedy: .+\.)", line) for line in lines[1:]]
        assert all(matches), lines
        observed = dict(match.groups() for match in matches)
        assert f"breaks {len(observed)} rule" in lines[0]
        return observed
    return {}


@pytest.fixture
def rules_broken() -> Callable[..., dict[str, str]]:
    """Rule -> what was found and the remedy, read from the error's text; {} where nothing is broken."""
    return _rules_broken
