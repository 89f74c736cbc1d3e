"""The typed configuration: frozen to its depth, flat where it is saved, and older files are read."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest
import yaml

from fer_plugins import config
from fer_plugins.runtime.errors import InputError


def resolve(**flags):
    changes = {"data": {"name": "synthetic", "samples": 63}, "optimizer": {"name": "Adam", "betas": [0.9, 0.99]}}
    return config.resolve({**changes, **flags}, plugin="lenet5").config


def test_nothing_in_it_can_be_changed():
    whole = resolve(
        logger={"name": "wandb", "tags": ["a"]}, data={"name": "synthetic", "targets": {"x": {"root": "r"}}}
    )
    with pytest.raises(FrozenInstanceError):
        whole.seed = 1
    with pytest.raises(FrozenInstanceError):
        whole.data.root = "elsewhere"
    for mapping in (whole.data.options, whole.data.targets, whole.data.targets["x"]):
        with pytest.raises(TypeError):
            mapping["root"] = "elsewhere"
    before = config.dump(whole)
    plain = whole.as_dict()  # a copy
    plain["data"]["targets"]["x"]["root"] = "elsewhere"
    plain["logger"]["tags"].append("b")
    assert config.dump(whole) == before


def test_a_changed_one_is_a_copy():
    whole = resolve()
    changed = replace(whole, data=replace(whole.data, image_size=56))
    assert (whole.data.image_size, changed.data.image_size) == (48, 56)
    assert changed.data.options["samples"] == whole.data.options["samples"] == 63


def test_keys_and_options_stand_side_by_side_in_yaml():
    whole = resolve(model={"pool": {"name": "max_blur", "blur_size": 3}})
    saved = yaml.safe_load(config.dump(whole))
    assert saved == whole.as_dict()
    assert list(saved) == list(config.schema())
    for section in config.section_meanings():
        known = list(config.section_keys(section))
        assert list(saved[section])[: len(known)] == known
        assert "options" not in saved[section]
    assert saved["optimizer"] == {"name": "Adam", "lr": whole.optimizer.lr, "betas": [0.9, 0.99]}
    assert saved["model"]["pool"]["blur_size"] == 3
    assert whole.model.pool.options["blur_size"] == 3


def test_it_is_read_back_copied_and_sent_to_another_process():
    whole = resolve(model={"pool": "max_blur"})
    for copied in (
        config.read_config(yaml.safe_load(config.dump(whole))),
        copy.deepcopy(whole),
        pickle.loads(pickle.dumps(whole)),
    ):
        assert copied == whole
        assert isinstance(copied, config.RunConfig)
        assert config.dump(copied) == config.dump(whole)


def test_a_file_of_an_older_version_takes_the_defaults_of_later_keys():
    saved = resolve().as_dict()
    del saved["logger"], saved["data"]["near_copies"], saved["selection"]["stop"]
    read = config.read_config(saved)
    assert (read.data.near_copies, read.selection.stop, read.logger.name) == ("auto", "metric", "wandb")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"trainer": {"epochs": "many"}}, "trainer.epochs: expected a whole number, got 'many'"),
        ({"trainer": {"epochs": 0}}, "trainer.epochs: expected int 1..1000000, got 0"),
        ({"selection": {"patience": 0}}, "selection.patience: expected int > 0, got 0"),
        ({"trainer": {"epoch": 3}}, "trainer.epoch: unknown key; known: epochs, "),
        ({"trainer": 3}, "trainer: expected a section with keys, found int"),
        ({"trainr": {}}, "trainr: unknown key; known: plugin, "),
        ({"callbacks": 5}, "callbacks: expected a list of components, found int"),
        ({"callbacks": "ema"}, "callbacks: expected a list of components, found str"),
        ({"callbacks": [{"decay": 0.9}]}, "callbacks: expected the name of a component, or its name and options, "),
        ({"callbacks": [None]}, "callbacks: expected the name of a component, or its name and options, found None"),
        ({"model": {"pool": {"filter": 3}}}, "model.pool: expected the name of a component, or its name and options, "),
    ],
)
def test_a_damaged_one_is_one_line(values, text):
    with pytest.raises(InputError) as caught:
        config.read_config(values)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
