"""W&B's environment against defaults, recipes, files and flags; groups and names of runs."""

import sys

import pytest

from fer_plugins import config
from fer_plugins.config import wandb_environment
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.wandb_names import LONGEST, group_of, name_of

VARIABLES = {
    "WANDB_PROJECT": ("project", "faces", "faces"),
    "WANDB_ENTITY": ("entity", "lab", "lab"),
    "WANDB_RUN_GROUP": ("group", "night", "night"),
    "WANDB_NAME": ("run_name", "first", "first"),
    "WANDB_MODE": ("mode", "disabled", "disabled"),
    "WANDB_TAGS": ("tags", "a, b", ["a", "b"]),
    "WANDB_DIR": ("dir", "/somewhere", "/somewhere"),
}
FLAGS = {
    "project": "mine", "entity": "me", "group": "g", "run_name": "n", "mode": "online", "tags": ["t"], "dir": "d",
}  # fmt: skip


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in (*VARIABLES, "WANDB_DISABLED", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(name, raising=False)


def resolve(flags=None, **more):
    return config.resolve({"data": "synthetic", **(flags or {})}, plugin="lenet5", **more)


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_environment_wins_over_a_default_and_a_flag_or_file_over_it(variable, monkeypatch, tmp_path):
    key, text, value = VARIABLES[variable]
    usual = resolve().config.as_dict()["logger"]
    monkeypatch.setenv(variable, text)
    resolved = resolve()
    assert resolved.config.as_dict()["logger"] == {**usual, key: value}
    assert resolved.origins[f"logger.{key}"] == config.Origin("environment", f"{variable} in the environment")
    assert resolve({"logger": {key: FLAGS[key]}}).config.as_dict()["logger"][key] == FLAGS[key]
    file = tmp_path / "own.yaml"
    file.write_text(config.dump({"logger": {key: FLAGS[key]}}))
    assert resolve(files=[str(file)]).config.as_dict()["logger"][key] == FLAGS[key]
    assert resolve({"logger": {"name": "csv"}}).config.as_dict()["logger"] == {**usual, "name": "csv"}


def test_what_a_saved_configuration_left_open_is_open_to_the_environment(monkeypatch, tmp_path):
    saved = tmp_path / "config.yaml"
    saved.write_text(config.dump(resolve().config))
    monkeypatch.setenv("WANDB_RUN_GROUP", "night")
    monkeypatch.setenv("WANDB_PROJECT", "faces")
    logger = config.resolve(files=[str(saved)]).config.as_dict()["logger"]
    assert (logger["group"], logger["project"]) == ("night", "fer-plugins")


@pytest.mark.parametrize(
    ("text", "mode"), [("dryrun", "offline"), ("run", "online"), ("ONLINE", "online"), ("", "offline")]
)
def test_the_words_of_wandb_mode(text, mode, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", text)
    assert resolve().config.logger.mode == mode


def test_an_unknown_mode_is_one_line_whose_remedy_works(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "sometimes")
    with pytest.raises(InputError, match=r"^WANDB_MODE=sometimes in the environment: .*give --logger.mode offline$"):
        resolve()
    assert resolve({"logger": {"mode": "offline"}}).config.logger.mode == "offline"
    assert resolve({"logger": "csv"}).config.logger.name == "csv"


def test_wandb_disabled_switches_it_off(monkeypatch):
    monkeypatch.setenv("WANDB_DISABLED", "true")
    assert resolve().config.logger.mode == "disabled"


def test_without_wandb_the_default_is_csv_with_one_line_and_an_explicit_one_stays(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    resolved = resolve()
    assert resolved.config.logger.name == "csv"
    (note,) = resolved.notes
    assert "W&B is not installed" in note
    assert note.endswith(wandb_environment.install_wandb())
    explicit = resolve({"logger": "wandb"})
    assert (explicit.config.logger.name, list(explicit.notes)) == ("wandb", [])


def test_a_run_of_a_sweep_is_online_unless_somebody_says_otherwise(monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep001")

    def mode(**flags):
        return resolve(flags).config.as_dict()["logger"]["mode"]

    assert mode() == "online"
    assert mode(logger={"name": "wandb", "mode": "offline"}) == "offline"
    assert mode(logger="csv") == "offline"  # as by default
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert mode() == "offline"
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_DISABLED", "true")
    assert mode() == "disabled"


# --- groups and names


def settings(seed=0, recipe=None, **flags):
    return resolve({"seed": seed, **flags}, recipe=recipe).config


def test_a_group_is_everything_but_the_seed():
    base = settings()
    assert group_of(base) == "lenet5/synthetic/official"
    assert group_of(settings(seed=3)) == group_of(base)
    assert group_of(settings(run={"output": "elsewhere", "fold": 0})) == group_of(base)
    assert group_of(settings(trainer={"threads": 1, "progress": "plain"})) == group_of(base)
    changed = [
        settings(model={"pool": "average"}),
        settings(model={"pool": "max"}),
        settings(model={"pool": {"name": "max_blur", "blur_size": 3}}),
        settings(model={"pool": {"name": "max_blur", "blur_size": 5}}),
        settings(optimizer={"lr": 0.5}),
        settings(protocol="random"),
        settings(protocol={"seed": 7}),
        settings(data={"name": "synthetic", "difficulty": 0.9}),
        settings(augmentation="flip_affine_erase"),
        settings(trainer={"epochs": 7}),
    ]
    groups = [group_of(config) for config in (base, *changed)]
    assert len(set(groups)) == len(groups)
    assert "average" in groups[1]
    assert "optimizer.lr=0.5" in groups[5]
    names = [name_of(config) for config in (base, *changed)]
    assert len(set(names)) >= len(names) - 1  # the protocol stands in the group


def test_a_recipe_is_its_own_group():
    settings = config.resolve({"data": "synthetic"}, plugin="sdl_stn").config
    variants = {None: group_of(settings)}
    from fer_plugins.config import registry

    for name in registry.paper(registry.find("architecture", "sdl_stn"))["architectures"]["sdl_stn"]["variants"]:
        variants[name] = group_of(config.resolve({"data": "synthetic"}, plugin="sdl_stn", recipe=name).config)
        assert variants[name].startswith(f"sdl_stn.{name}/synthetic/")
    assert len(set(variants.values())) == len(variants)


def test_names_carry_seed_and_fold_and_stay_short():
    assert name_of(settings(seed=12)) == "lenet5/seed 12"
    assert name_of(settings(seed=12, run={"fold": 3})) == "lenet5/seed 12 fold 3"
    many = {"optimizer": {"name": "SGD", "lr": 0.123456, "momentum": 0.876, "weight_decay": 0.00042, "nesterov": True},
            "trainer": {"epochs": 77, "gradient_clip_norm": 1.75}, "data": {"batch_size": 17}}  # fmt: skip
    first, second = settings(**many), settings(**{**many, "trainer": {"epochs": 77, "gradient_clip_norm": 1.76}})
    for make in (group_of, name_of):
        assert len(make(first)) <= LONGEST
        assert make(first) != make(second)
    assert name_of(first).endswith("/seed 0")
