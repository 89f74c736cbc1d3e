"""A cache that cannot be made, read or written costs a warning, never the run."""

import errno
import warnings
from pathlib import Path

import numpy as np
import pytest

from fer_plugins import config
from fer_plugins.training.build import build_data, cache_folder

FEW = {"name": "synthetic", "samples": 21, "subjects": 3, "frames": 1, "near_copies": "on"}


def build(cache, **more):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = build_data(config.resolve({"data": {**FEW, "cache": cache, **more}}, plugin="lenet5").config)
    assert data.table.near is not None
    return data, [str(warning.message) for warning in caught if "not kept" in str(warning.message)]


@pytest.mark.parametrize("memory_gb", [4.0, 1e-9], ids=["in memory", "mapped"])
@pytest.mark.parametrize("place", ["/dev/null/.cache", "/proc/nothing", "FILE", "FILE/below", "LOOP/below", "a" * 300])
def test_the_run_goes_on_without_it(place, memory_gb, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    place = place.replace("FILE", str(tmp_path / "file")).replace("LOOP", str(tmp_path / "loop"))
    data, warnings = build(place, memory_gb=memory_gb)
    assert data.sizes["train"] > 0
    assert len(warnings) == 1
    assert "the run continues without" in warnings[0]


def test_a_disk_that_fills_up(monkeypatch, tmp_path):
    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(Path, "write_text", full)
    _, warnings = build(str(tmp_path / "cache"))
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", b"\x00" * 200, b"PK\x03\x04broken", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_what_was_kept_of_near_copies_is_damaged(content, tmp_path):
    first, _ = build(str(tmp_path))
    (kept,) = tmp_path.glob("near-copies-*.npz")
    kept.write_bytes(content)
    again, _ = build(str(tmp_path))
    assert np.array_equal(first.table.near, again.table.near)
    assert kept.read_bytes() != content


def test_nobody_has_a_home(monkeypatch):
    for name in ("FER_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    assert cache_folder(None) is None
