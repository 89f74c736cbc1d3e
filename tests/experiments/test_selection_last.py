"""``selection: last``: the last epoch is scored, whatever its validation score."""

import json

import torch

from fer_plugins import config
from fer_plugins.experiments.run import run
from fer_plugins.runs.manifest import header


def test_the_last_epoch_is_scored_and_said_so(toy, tmp_path):
    scores = {}
    for name in ("best", "last"):
        flags = {
            "data": {"name": "synthetic", "image_size": 24, "samples": 210, "batch_size": 16},
            "optimizer": {"lr": 0.05},
            "selection": name,
            "trainer": {"epochs": 3, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(tmp_path / name)},
        }
        record = run(config.resolve(flags, plugin="toy"))
        manifest = json.loads((record.folder / "manifest.json").read_text())
        states = [torch.load(record.checkpoints / f"{file}.ckpt", weights_only=True) for file in ("best", "last")]
        same = all(torch.equal(value, states[1]["state_dict"][key]) for key, value in states[0]["state_dict"].items())
        scores[name] = manifest["best_epoch"], same, header(record)["selected"]
    assert scores["last"] == (3, True, "epoch 3 of 3, the last")
    assert scores["best"][2].endswith("by val/accuracy")
    assert scores["best"][1] == (scores["best"][0] == 3)


def test_the_recipe_of_the_paper_that_prints_its_last_epoch_reports_that():
    recipes = {name: config.resolve(plugin="conv_relu_ann", recipe=name).config for name in _RECIPES}
    assert {name: settings.selection.name for name, settings in recipes.items()} == _RECIPES
    assert {settings.protocol.name for settings in recipes.values()} == {"paper_conv_relu_ann"}


_RECIPES = {"paper_protocol": "last", "paper_protocol_best": "best"}
