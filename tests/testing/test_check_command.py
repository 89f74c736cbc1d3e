"""The kit's check of a verb: what keeps the contract passes, and each broken rule is named."""

import click
import pytest

from fer_plugins.testing import ContractError, check_command


@click.command()
@click.option("--loud", is_flag=True, help="Louder.")
def wave(loud):
    """Wave."""


def greet(argv):
    """Greet."""
    if argv:
        raise ValueError(f"unknown word {argv[0]}; leave it out")
    return 0


def silent(argv):
    return int(bool(argv))


def takes_nothing():
    """Do nothing."""


def takes_everything(argv):
    """Take everything."""
    return 0


def crashes(argv):
    """Crash."""
    return {}[argv[0]]


def wordy(argv):
    """Say much."""
    raise ValueError("one line\nand another")


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def deaf(words):
    """Hear nothing."""


@click.command(help="\b\n" + "x" * 90)
def wide():
    pass


@pytest.mark.parametrize("offered", [wave, greet], ids=["click", "function"])
def test_what_keeps_the_contract_passes(offered):
    check_command(offered)


@pytest.mark.parametrize(
    ("offered", "rule"),
    [
        (silent, "says what it does"),
        (takes_nothing, "takes argv"),
        (takes_everything, "refuses what it does not know"),
        (crashes, "refuses what it does not know: --no-such-option-at-all raises KeyError"),
        (wordy, "refuses what it does not know"),
        (deaf, "refuses what it does not know: --no-such-option-at-all is taken"),
        (wide, "help on 80 columns"),
    ],
)
def test_a_broken_rule_is_named_with_a_remedy(offered, rule):
    with pytest.raises(ContractError, match=rule) as caught:
        check_command(offered)
    assert "Remedy: " in str(caught.value)
