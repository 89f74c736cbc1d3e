"""``fer env``: what a bug report needs, and no secret."""

import json
import tomllib

from support import ROOT

from fer_plugins import __version__
from fer_plugins.commands import main
from fer_plugins.runs.versions import versions


def env(capsys, *words):
    assert main.call("fer", main._verb, ["env", *words]) == 0
    return capsys.readouterr().out


def test_what_is_in_it(make_distribution, monkeypatch, capsys):
    import torch

    make_distribution("fer_mine", [("commands", "mine", "fer_mine:mine")], "", version="2.5")
    monkeypatch.setenv("FER_DEBUG", "0")
    monkeypatch.setenv("FER_API_TOKEN", "hush")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_API_KEY", "hush")
    environment = json.loads(env(capsys, "--json"))
    assert environment["fer-plugins"] == __version__
    assert environment["plug-ins"]["fer_mine"] == "2.5"
    assert "fer-plugins" not in environment["plug-ins"]
    assert environment["libraries"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert {"lightning", "torchmetrics"} <= set(environment["libraries"])
    assert any(device.startswith("cpu") for device in environment["devices"])
    assert environment["settings"]["FER_DEBUG"] == "0"
    assert environment["settings"]["WANDB_MODE"] == "offline"
    assert "hush" not in json.dumps(environment)
    shown = env(capsys)
    assert "hush" not in shown
    for text in ("fer_mine 2.5", "WANDB_MODE offline", f"fer-plugins   {__version__}", "lightning "):
        assert text in shown


def test_a_library_of_plugins_without_entry_points_is_a_plugin_too(make_distribution, capsys):
    make_distribution("fer_reader", [], "", version="3.1")
    make_distribution("unrelated", [], "", version="3.2", requires="numpy")
    plugins = json.loads(env(capsys, "--json"))["plug-ins"]
    assert plugins["fer_reader"] == versions("nobody")["fer_reader"] == "3.1"
    assert "unrelated" not in plugins
    folders = [tomllib.loads(path.read_text()) for path in (ROOT / "plugins").glob("*/pyproject.toml")]
    assert {project["project"]["name"] for project in folders} <= set(plugins)


def test_a_library_that_is_not_there_is_said(monkeypatch, capsys):
    monkeypatch.setattr("fer_plugins.commands.env.LIBRARIES", ("torch", "no_such_library"))
    assert json.loads(env(capsys, "--json"))["libraries"]["no_such_library"] == "not installed"


def test_a_damaged_distribution_is_named(make_distribution, capsys):
    site = make_distribution("fer_torn", [("poolings", "torn", "fer_torn:torn")], "")
    (site / "fer_torn-1.0.dist-info" / "entry_points.txt").write_text("[fer_plugins.poolings]\ntorn\n")
    assert any("fer_torn" in line for line in json.loads(env(capsys, "--json"))["not read"])
