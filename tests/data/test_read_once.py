"""What is read once for many runs: the same object inside, another outside and for another key."""

from fer_plugins.data.read_once import once, reading_once


def test_an_equal_key_gives_the_same_object_inside_only():
    assert once("list", 1, list) is not once("list", 1, list)
    with reading_once():
        first = once("list", 1, list)
        with reading_once():
            assert once("list", 1, list) is first
        assert once("dict", 1, dict) == {}
        assert once("list", 1, list) is first
        other_value = once("list", 2, list)
        assert other_value is not first
        assert once("list", 1, list) is not first  # one of a kind is kept
    with reading_once():
        assert once("list", 2, list) is not other_value
