"""The signature rules that all factories share."""

from functools import partial
from typing import Literal

import pytest

from fer_plugins.testing.findings import Findings
from fer_plugins.testing.signature import check_signature

Width = Literal[4, 8]


def check(factory, *, defaults=True):
    findings = Findings("pooling", factory)
    check_signature(findings, factory, required=("size",), offered=("size", "shape"), defaults=defaults)
    findings.report()


def good(
    *,
    size,
    shape=None,
    number: float = 1,
    choice: Literal["a", "b", -1, None] = "a",
    several: tuple[int, ...] = (1, 2, 3),
    pair: tuple[float, float] = (0.5, 1),
    nothing: "int | None" = None,
    names: list[str] | None = None,
):
    """Every kind of option that the contract allows.

    Args:
        number (float): real.
        choice: one of a few.
        several: any number of them.
        pair: exactly two.
        nothing: or none.
        ``names``: a list.
    """


def bad(
    *,
    size,
    needed: int,
    aliased: "Width" = 4,
    callback: "Callable" = None,  # noqa: F821  # the annotation is text
    wrong: "tuple[int, int]" = (1, 2, 3),
    untyped=1,
    silent: float = 1.0,
):
    """Options that the command line cannot serve; silent: is not under Args.

    Args:
        needed: has no default.
        aliased: has a type that the source does not spell out.
        callback: is no plain value.
        wrong: has a default of another type.
        untyped: has no annotation.
    """


class Described:
    """A class whose options are described above and in the constructor.

    Args:
        one: here.
    """

    def __init__(self, *, size, one: int = 1, two: int = 2):
        """Build it.

        Args:
            two: there.
        """


def test_all_kinds_of_options_pass():
    check(good)
    check(Described)
    check(partial(good, number=2.0))


def test_every_option_rule_has_teeth(rules_broken):
    broken = rules_broken(check, bad)
    assert "it has none" in broken.pop("option needed has a default")
    assert "`Width` cannot be read" in broken.pop("option aliased is typed")
    assert "`Callable` cannot be read" in broken.pop("option callback is typed")
    assert "(1, 2, 3), expected a list of 2 int" in broken.pop("default of option wrong")
    assert "no annotation" in broken.pop("option untyped is typed")
    assert "no line for it under Args:" in broken.pop("option silent is described")
    assert broken == {}
    assert "option needed has a default" not in rules_broken(check, bad, defaults=False)


def swallows(*, size, **options): ...


def swallows_more(*sizes, size): ...


def nameless(*, shape): ...


def by_place(size, /): ...


@pytest.mark.parametrize(
    ("factory", "rule", "words"),
    [
        (swallows, "no **options", "name every option"),
        (swallows_more, "no *sizes", "name every option"),
        (nameless, "takes size", r"the signature is (*, shape)"),
        (by_place, "no positional-only arguments", "size in (size, /)"),
        (type, "signature", "reading it raises ValueError"),
    ],
)
def test_every_signature_rule_has_teeth(rules_broken, factory, rule, words):
    assert words in rules_broken(check, factory)[rule]
