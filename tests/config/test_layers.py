import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fer_plugins import config
from fer_plugins.config.keys import check_value
from fer_plugins.config.resolve import DEMO_DATA, DEMO_EPOCHS
from fer_plugins.config.yaml_files import PlainLoader
from fer_plugins.runtime.errors import InputError

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, *, num_classes: int, width: int = 4, pool: object = None): ...
"""
PAPER = """
paper: {id: toy, title: "A toy", authors: [A. Uthor], year: 2020, venue: null, doi: null}
architectures:
  toy:
    claims_model: null
    recipe:
      model: {name: toy, width: 8}
      data: {image_size: 32, batch_size: 16}
      optimizer: {name: SGD, lr: 0.1, momentum: 0.9}
      augmentation: {name: keras, rotation_range: 5}
      trainer: {epochs: 70}
    variants:
      wide: {model: {width: 16}}
      teacher: {model: {width: "???"}}
"""


@pytest.fixture
def toy(make_distribution):
    make_distribution("toy", [("architectures", "toy", "toy:Net")], NET, files={"paper.yaml": PAPER})


def fails(part, *parts, **arguments):
    with pytest.raises(InputError) as caught:
        config.resolve(**arguments)
    text = str(caught.value)
    assert "\n" not in text
    for expected in (part, *parts):
        assert expected in text, text


def test_every_key_has_a_type_a_meaning_and_a_default_that_fits():
    assert yaml.load(config.dump(config.defaults()), PlainLoader) == config.defaults()
    for path, key in config.core_keys():
        assert key.help, path
        assert key.type, path
        assert check_value(key.default, key, path, {}) == key.default, path


def test_order_defaults_recipe_files_flags(toy, tmp_path):
    (tmp_path / "a.yaml").write_text("data: {batch_size: 64}\noptimizer: {lr: 1e-2}\n")
    (tmp_path / "b.yaml").write_text("data: {batch_size: 65}\n")
    files = [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    full = config.resolve({"seed": 3, "data": {"name": "folder", "root": "x"}}, plugin="toy", files=files).config
    assert full.data.image_size == 32  # recipe
    assert full.data.batch_size == 65  # the later file
    assert full.optimizer.as_dict() == {"name": "SGD", "lr": 0.01, "momentum": 0.9}
    assert full.seed == 3
    assert full.model.options["width"] == 8


def test_a_variant_is_laid_over_the_recipe(toy):
    full = config.resolve(plugin="toy", recipe="wide").config
    assert (full.model.options["width"], full.data.image_size) == (16, 32)
    fails("--recipe wider", "did you mean wide?", "default, wide", plugin="toy", recipe="wider")


def test_another_name_drops_the_old_ones_arguments_and_keeps_the_cores(toy):
    full = config.resolve({"optimizer": "Adam", "augmentation": {"name": "none"}}, plugin="toy").config
    assert full.optimizer.as_dict() == {"name": "Adam", "lr": 0.1}
    assert full.augmentation.as_dict() == {"name": "none"}
    full = config.resolve({"data": {"name": "fer2013", "root": "r"}}, plugin="toy").config
    assert full.data.image_size == 32
    assert "subjects" not in full.data.options


def test_the_defaults_of_options_are_filled_in_so_that_the_file_repeats_the_run(toy, tmp_path):
    first = config.resolve({"model": {"pool": "max_blur"}, "data": "synthetic"}, plugin="toy").config
    assert first.model.pool.options["preset"] == "wide_max"
    assert "check" in config.resolve({"data": {"name": "fer2013", "root": "r"}}, plugin="toy").config.data.options
    path = tmp_path / "again.yaml"
    path.write_text(config.dump(first))
    assert config.resolve(files=[str(path)]).config == first


def test_without_data_the_run_is_a_demonstration(toy):
    resolved = config.resolve(plugin="toy")
    assert resolved.config.trainer.epochs == DEMO_EPOCHS
    assert "fer-run --plugin toy --data fer2013 --data.root" in resolved.notice
    assert config.resolve({"trainer": {"epochs": 9}}, plugin="toy").config.trainer.epochs == 9
    chosen = config.resolve({"data": "synthetic"}, plugin="toy")
    assert chosen.notice is None
    assert chosen.config.trainer.epochs == 70
    assert "samples" in chosen.config.data.options
    assert chosen.config.data.options["samples"] > resolved.config.data.options["samples"] == DEMO_DATA["samples"]


def test_the_demonstration_takes_what_the_user_says(toy):
    resolved = config.resolve({"trainer": {"epochs": 1}, "data": {"subjects": 3, "samples": 63}}, plugin="toy")
    assert resolved.config.data.options["samples"] == 63
    assert "1 epochs (the recipe has 70)" in resolved.notice
    harder = config.resolve({"data": {"difficulty": 0.9}}, plugin="toy").config.data.options
    assert (harder["difficulty"], harder["samples"]) == (0.9, DEMO_DATA["samples"])


def test_what_the_recipe_leaves_to_the_user(toy):
    fails("model.width", "--model.width VALUE", plugin="toy", recipe="teacher")
    assert config.resolve({"model": {"width": 3}}, plugin="toy", recipe="teacher").config.model.options["width"] == 3


def test_unknown_and_mistyped_keys_say_where_they_stood(toy, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("trainer: {epoch: 3}\n")
    fails("trainer.epoch", f"--config {path}", "did you mean epochs", plugin="toy", files=[str(path)])
    fails("dta: unknown key", "the command line", "data", flags={"dta": 1}, plugin="toy")
    fails("model.widht", "did you mean width", flags={"model": {"widht": 1}}, plugin="toy")
    fails(
        "model.width: expected a whole number, got 'x'", "command line", flags={"model": {"width": "x"}}, plugin="toy"
    )
    fails("data.batch_size: expected int 1..65536, got -4", flags={"data": {"batch_size": -4}}, plugin="toy")
    fails("data.batch_size: expected int 1..65536, got 0", flags={"data": {"batch_size": 0}}, plugin="toy")
    fails("loss.label_smoothing", "0..1", flags={"loss": {"label_smoothing": 1.5}}, plugin="toy")
    fails("trainer.accelerator: expected one of", flags={"trainer": {"accelerator": "tpu"}}, plugin="toy")
    fails("data.channels: expected one of 1, 3, got 2", flags={"data": {"channels": 2}}, plugin="toy")
    fails("trainer: is a section", flags={"trainer": 3}, plugin="toy")
    fails("unknown dataset 'fer2014'", "fer2013", flags={"data": "fer2014"}, plugin="toy")
    fails("max_blur", "blur_size", flags={"model": {"pool": {"name": "max_blur", "blr": 3}}}, plugin="toy")
    fails("nothing to run: give --plugin NAME", flags={})


def test_unreadable_files(tmp_path):
    fails("no.yaml: No such file", files=[str(tmp_path / "no.yaml")])
    for name, text, part in [("a", "- 1\n", "expected sections"), ("b", "a: [1\n", "b.yaml")]:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        fails(part, files=[str(path)])
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    fails("is not a text file", files=[str(tmp_path / "bytes.yaml")])


@pytest.mark.parametrize("word", ["off", "on", "yes", "no", "none", "N"])
def test_words_stay_words(word):
    assert config.parse_value(word) == word


@pytest.mark.parametrize("number", ["1e-3", "1.5E+2", "-2e4", ".5e1"])
def test_exponents_are_numbers(number):
    assert config.parse_value(number) == float(number)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text("abcxyz_ -", max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
        ),
    )
)
def test_what_is_dumped_is_read_back(value):
    assert yaml.load(config.dump({"key": value}), PlainLoader) == {"key": value}
