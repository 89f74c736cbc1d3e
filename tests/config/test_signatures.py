import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_plugins.config.annotations import coerce
from fer_plugins.config.signatures import REQUIRED, read_signature


def test_a_function_is_read_without_importing_its_module(make_distribution):
    make_distribution(
        "quiet",
        [],
        '''
        raise RuntimeError("imported")

        def net(*, num_classes, width: int = 32, rates: tuple[float, float] = (0.1, 0.2), pool=max):
            """Build it.

            Args:
                width: maps of the first layer,
                    on two lines.
                rates: shares
                    (of units).
            """
        ''',
    )
    signature = read_signature("quiet", "net")
    assert [option.name for option in signature.options] == ["num_classes", "width", "rates", "pool"]
    assert signature.named("num_classes").default is REQUIRED
    width = signature.named("width")
    assert (width.annotation, width.default, width.help) == ("int", 32, "maps of the first layer, on two lines.")
    assert signature.named("rates").default == (0.1, 0.2)
    assert signature.named("pool").default == "max"
    assert "quiet" not in sys.modules


def test_a_class_in_another_file_is_followed(make_distribution):
    make_distribution(
        "split",
        [],
        "from split.net import Net\nraise RuntimeError('imported')\n",
        files={
            "net.py": 'class Net:\n    """Net.\n\n    Args:\n        a: first.\n    """\n'
            "    def __init__(self, *, num_classes: int, a: float = 1e-3, **rest): ...\n"
        },
    )
    signature = read_signature("split", "Net")
    assert signature.swallows
    assert [(option.name, option.default) for option in signature.options] == [("num_classes", REQUIRED), ("a", 1e-3)]
    assert signature.named("a").help == "first."


def test_what_only_python_can_tell_is_imported(make_distribution):
    make_distribution(
        "dynamic",
        [],
        """
        import functools

        def _net(*, num_classes: int, depth: int = 2): ...

        net = functools.partial(_net, depth=3)
        """,
    )
    assert read_signature("dynamic", "net").named("depth").default == 3
    with pytest.raises(AttributeError):
        read_signature("dynamic", "absent")


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1, "float", 1.0),
        (2.0, "int", 2),
        (None, "int | None", None),
        ([1, 2], "tuple[float, float]", (1.0, 2.0)),
        ([1, 2, 3], "tuple[int, ...]", (1, 2, 3)),
        ("same", "Literal['same', 'valid']", "same"),
        ("same", "typing.Literal['same', 'valid']", "same"),
        ("x", "Optional[str]", "x"),
        ("anything", "SomeClassOfTheirs", "anything"),
        (True, "bool", True),
        (2013, "str | None", "2013"),
    ],
)
def test_values_that_fit(value, annotation, expected):
    result = coerce(value, annotation)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "text"),
    [
        ("1", "int", "expected a whole number"),
        (1.5, "int", "expected a whole number"),
        (True, "int", "expected a whole number"),
        (True, "float", "expected a number"),
        (float("inf"), "float", "expected a number"),
        (float("nan"), "float", "expected a number"),
        (float("inf"), "int", "expected a whole number"),
        (1, "bool", "expected true or false"),
        (1.5, "str", "expected text"),
        ("c", "Literal['a', 'b'] | None", "expected one of 'a', 'b' or null"),
        (1, "Literal[True]", "expected one of True"),
        ([1], "tuple[float, float]", "expected a list of 2 float$"),
        (["a"], "list[int]", "expected a list of int$"),
        ("0.1,0.2", "tuple[float, float]", r"expected a list of 2 float, written \[a,b\]$"),
        ("a,b", "tuple[str, ...]", r"expected a list of str, written \[a,b\]$"),
        ("0,2", "Literal['auto'] | list[int]", r"one of 'auto' or a list of int, written \[a,b\]$"),
    ],
)
def test_values_that_do_not_fit(value, annotation, text):
    with pytest.raises(TypeError, match=text):
        coerce(value, annotation)


@given(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers()))
)
def test_what_fits_stays_as_it_is_when_checked_again(value):
    for annotation in ("int | None", "float", "str | bool", "tuple[int, ...]"):
        try:
            once = coerce(value, annotation)
        except TypeError:
            continue
        assert coerce(once, annotation) == once
