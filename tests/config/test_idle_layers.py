"""A later layer that makes an earlier one's keys idle drops them; what one layer says itself is refused."""

import pytest
import yaml

from fer_plugins import config
from fer_plugins.experiments.resuming import change
from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError

# What an earlier layer says, what a later one says, and the key that then would do nothing.
CASES = [
    ({"logger": {"name": "wandb", "run_name": "a", "tags": ["b"]}}, {"logger": {"name": "csv"}}, "logger.run_name"),
    ({"logger": {"project": "a", "mode": "disabled"}}, {"logger": "none"}, "logger.mode"),
    ({"data": {"balance": "augment", "balance_to": 60}}, {"data": {"balance": "none"}}, "data.balance_to"),
    (
        {"data": {"balance": "augment", "balance_with": "light"}},
        {"data": {"balance": "oversample"}},
        "data.balance_with",
    ),
    ({"data": {"face_crop": "lbp", "on_no_face": "skip"}}, {"data": {"face_crop": "none"}}, "data.on_no_face"),
    ({"selection": {"patience": 5, "min_delta": 0.1}}, {"selection": {"patience": None}}, "selection.min_delta"),
]


def get(values, key):
    section, _, name = key.partition(".")
    return values[section][name]


@pytest.mark.parametrize(("saved", "flags", "key"), CASES, ids=[case[2] for case in CASES])
def test_a_flag_drops_what_a_file_says_and_it_makes_idle(saved, flags, key, tmp_path):
    whole = config.resolve(saved, plugin="lenet5").config
    assert get(whole.as_dict(), key) != get(config.defaults(), key)
    path = tmp_path / "config.yaml"
    path.write_text(config.dump(whole), encoding="utf-8")
    resolved = config.resolve(flags, files=[str(path)])
    assert get(resolved.config.as_dict(), key) == get(config.defaults(), key)
    assert key not in resolved.origins


@pytest.mark.parametrize(("saved", "flags", "key"), CASES, ids=[case[2] for case in CASES])
def test_one_layer_that_says_both_is_refused(saved, flags, key):
    section, _, name = key.partition(".")
    owner = flags[section] if isinstance(flags[section], dict) else {"name": flags[section]}
    with pytest.raises(InputError, match="has no effect"):
        config.resolve({section: {name: saved[section][name], **owner}}, plugin="lenet5")


def test_a_recipe_is_followed_but_for_what_a_flag_makes_idle():
    flags = {"data": {"name": "ckplus", "root": ".", "balance": "none"}}
    settings = config.resolve(flags, plugin="aa_dcn", recipe="paper_ckplus").config
    assert settings.data.balance_to is None


def test_a_run_on_wandb_goes_on_without_it(tmp_path):
    begun = config.resolve({"logger": {"name": "wandb", "run_name": "a"}}, plugin="lenet5").config
    settings, changes = change(Record(tmp_path, config=yaml.safe_load(config.dump(begun))), {"logger": {"name": "csv"}})
    assert settings.logger.name == "csv"
    assert changes == {"logger.name": ["wandb", "csv"], "logger.run_name": ["a", None]}
