"""``fer grid --executor ray`` on a real Ray cluster: two machines' worth of workers on this one."""

import contextlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from fer_parameter_search import ray_executor
from support.verbs import grid

from fer_plugins.commands import main
from fer_plugins.runs.record import Record

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed: no cluster here")
STORE = 10**8  # bytes


@pytest.fixture
def place(toy, tmp_path, monkeypatch):
    """Return a function that writes a grid file; the processes of a grid find the toy network too."""
    monkeypatch.setenv("PYTHONPATH", str(toy))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.chdir(tmp_path)

    def write(axes, epochs):
        settings = {
            "data": {"name": "synthetic", "image_size": 24, "samples": 105},
            "trainer": {"epochs": epochs, "accelerator": "cpu"},
            "logger": "none",
        }
        content = {"output": "out", "settings": settings, "axes": {"plugin": ["toy"], **axes}}
        Path("grid.yaml").write_text(yaml.safe_dump(content))

    return write


@contextlib.contextmanager
def cluster():
    """Two nodes of one CPU each; yields the address."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, connect=False, head_node_args=head)
    try:
        nodes.add_node(num_cpus=1, object_store_memory=STORE)
        yield nodes.address
    finally:
        nodes.shutdown()


def call(*words):
    return main.call("fer", grid, ["grid.yaml", "--executor", "ray", *words])


def rows():
    return {row["cell"]: row for row in json.loads(Path("out/grid.json").read_text())["cells"]}


def runs():
    return [Record.read(path.parent).manifest for path in Path("out").glob("*/manifest.json")]


@needs_ray
@pytest.mark.slow
def test_two_workers_of_a_cluster_run_cells_and_are_interrupted_and_resumed(place, capsys):
    with cluster() as address:
        place({"model.explode_at": [0, 2]}, epochs=1)
        assert call("--address", address) == 1
        table = rows()
        assert table["explode_at 0"]["status"] == "finished"
        assert "nan" in table["explode_at 2"]["error"]
        assert "1 of 2 cells finished" in capsys.readouterr().out

        place({"seed": [0, 1]}, epochs=3000)

        def press():
            end = time.monotonic() + 120
            while time.monotonic() < end and len(list(Path("out").glob("*-s[01]-*/checkpoints/last.ckpt"))) < 3:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        assert call("--address", address) == 1
        thread.join()
        assert "interrupted, 0 of 2 cells are finished; continue with: fer grid" in capsys.readouterr().err
        # Each node has one CPU and each run asks for one: both were going on at once, one on each.
        assert [row["status"] for row in rows().values()] == ["interrupted", "interrupted"]

        for row in rows().values():
            path = Path("out", row["run"], "config.yaml")
            path.write_text(path.read_text().replace("epochs: 3000", "epochs: 200"))
        place({"seed": [0, 1]}, epochs=200)
        assert call("--address", address) == 0
        finished = [one for one in runs() if len(one["sessions"]) == 2]
        assert [one["status"] for one in finished] == ["finished", "finished"]


@needs_ray
@pytest.mark.slow
def test_without_an_address_ray_is_begun_here_and_ends_with_the_grid(place):
    import ray

    place({"seed": [0]}, epochs=1)
    assert call() == 0
    assert [row["status"] for row in rows().values()] == ["finished"]
    assert not ray.is_initialized()


@needs_ray
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:9", "no Ray cluster answers"),
        ("127.0.0.1:99999", "no Ray cluster answers"),
        ("ray://127.0.0.1:10001", "expected HOST:PORT"),
        ("head", "expected HOST:PORT"),
    ],
)
def test_no_cluster_at_the_address_is_one_line_and_nothing_is_written(place, capsys, address, message):
    place({"seed": [0]}, epochs=1)
    assert call("--address", address) == 2
    said = capsys.readouterr().err
    assert f"--address {address}: {message}" in said
    assert said.count("\n") == 1
    assert not Path("out").exists()


def test_without_ray_the_remedy_is_one_line(place, capsys, monkeypatch):
    place({"seed": [0]}, epochs=1)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else found(name, *rest))
    assert call() == 2
    assert "ray is not installed; pip install 'ray>=" in capsys.readouterr().err


@pytest.mark.parametrize(("url", "line"), [("127.0.0.1:8265", "Ray's dashboard: http://127.0.0.1:8265\n"), ("", "")])
def test_the_link_to_the_dashboard_is_printed(monkeypatch, capsys, url, line):
    """Of a program in the place of Ray, whose dashboard is a package of its own."""
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=lambda **given: SimpleNamespace(dashboard_url=url)))
    ray_executor._connect("head:6379")
    assert capsys.readouterr().out == line
