"""YAML written by hand: keys that stand twice are refused wherever people write them."""

import pytest
import yaml

from fer_plugins import config
from fer_plugins.config import registry
from fer_plugins.config.yaml_files import FAST, load_yaml
from fer_plugins.runtime.errors import InputError

LOADERS = [yaml.SafeLoader, FAST]


@pytest.mark.parametrize("loader", LOADERS)
def test_content_is_that_of_the_plain_loader(loader):
    text = "a: &a {b: 1, c: [x, 2.5, null]}\nd: {<<: *a, b: 2}\ne: {<<: *a}\n'1': text\n1: number\n"
    assert load_yaml(text, loader) == yaml.safe_load(text)
    assert load_yaml("", loader) is None


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2", "[{a: 1, a: 1}]", "a: &a [*a]", "a: &a {b: {c: *a}}", "[" * 300_000, "a: 2024-13-45", "a: !!int x"],
)
def test_what_plain_loaders_pass_over_or_die_of_is_an_error(loader, text):
    with pytest.raises(yaml.YAMLError):
        load_yaml(text, loader)


def test_a_key_twice_in_a_configuration_file(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("trainer:\n  epochs: 3\n  threads: 1\n  epochs: 5\n")
    with pytest.raises(InputError) as error:
        config.read_file(path)
    assert str(error.value) == f"--config {path}: line 4: the key 'epochs' appears twice (first in line 2)"


def test_a_key_twice_in_a_paper_file(toy):
    path = toy / "toy" / "paper.yaml"
    path.write_text(path.read_text() + "paper: {id: again}\n")
    with pytest.raises(registry.PluginError, match="paper.yaml cannot be read: line .*'paper' appears twice") as error:
        registry.paper(registry.find("architecture", "toy"))
    assert "\n" not in str(error.value)
