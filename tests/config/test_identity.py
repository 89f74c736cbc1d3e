"""What identifies a model is one answer, whoever asks."""

import pytest
import yaml

from fer_plugins import config
from fer_plugins.config.identity import model_settings, shapes_model
from fer_plugins.experiments.identity import identify

THE_SAME = [
    ("trainer", {"accelerator": "cpu", "threads": 2, "progress": "plain"}),
    ("data", {"leaks": "off", "near_copies": "off", "workers": 1, "cache": "none", "memory_gb": 1.0}),
    ("logger", {"name": "csv"}),
    ("run", {"output": "elsewhere", "fold": 0}),
]
ANOTHER = [
    ("trainer", {"precision": "bf16-mixed"}),
    ("trainer", {"deterministic": False}),
    ("trainer", {"channels_last": True}),
    ("data", {"image_size": 56}),
    ("model", {"activation": "relu"}),
    ("optimizer", {"weight_decay": 0.1}),
    ("protocol", {"seed": 1}),
]


def resolve(section=None, values=None):
    flags = {"data": {"name": "synthetic", "samples": 63}}
    if section:
        flags[section] = {**flags.get(section, {}), **values}
    return config.resolve(flags, plugin="lenet5").config


@pytest.mark.parametrize(("section", "values"), THE_SAME)
def test_pace_and_place_are_not_the_model(section, values):
    assert model_settings(resolve(section, values)) == model_settings(resolve())
    assert identify(resolve(section, values)) == identify(resolve())
    assert not any(shapes_model(f"{section}.{name}") for name in values)


@pytest.mark.parametrize(("section", "values"), ANOTHER)
def test_numerics_and_options_are(section, values):
    assert model_settings(resolve(section, values)) != model_settings(resolve())
    assert identify(resolve(section, values)) != identify(resolve())
    assert all(shapes_model(f"{section}.{name}") for name in values)


def test_a_saved_configuration_is_the_same_model_as_the_one_that_was_saved():
    saved = yaml.safe_load(config.dump(resolve()))
    assert model_settings(saved) == model_settings(resolve())
    assert identify(saved) == identify(resolve())
    for older in ("near_copies", "face_crop"):  # a key that an older version did not write
        del saved["data"][older]
    assert model_settings(saved) == model_settings(resolve())
    assert identify(saved) == identify(resolve())


def test_seeds_are_one_model_and_other_cells_of_a_grid():
    other_seed = config.resolve({"seed": 1, "data": {"name": "synthetic", "samples": 63}}, plugin="lenet5").config
    assert model_settings(other_seed) == model_settings(resolve())
    assert identify(other_seed) != identify(resolve())
