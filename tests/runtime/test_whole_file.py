"""A file is there whole or not at all, and nothing but an ordinary file is ever replaced."""

import os
import stat

import pytest

from fer_plugins.runs.record import write_atomically
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.whole_file import whole_file


def fill_the_disk(path):
    with whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise OSError(28, "No space left on device")


def test_it_has_its_name_when_all_is_written(tmp_path):
    with whole_file(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("all")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "all"
    with pytest.raises(RunError, match="cannot write"):
        fill_the_disk(tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "all"


def test_a_pipe_is_not_replaced(tmp_path):
    """As root, a new file in the place of /dev/null would break the machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to("pipe")
    for path in (pipe, tmp_path / "link"):
        with pytest.raises(InputError, match="is not an ordinary file; give another"):
            write_atomically(path, "text")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
