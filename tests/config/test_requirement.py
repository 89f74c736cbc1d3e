"""What a recipe needs is a dependency of its distribution; what is missing is installed by a command that works."""

import re
import shlex
import tomllib

import pytest
from packaging.requirements import Requirement
from support import ROOT

from fer_plugins.config import registry
from fer_plugins.config.requirement import install_command

OWN = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def bounds(texts):
    return {requirement.name: requirement.specifier for requirement in map(Requirement, texts)}


@pytest.mark.parametrize("package", ["wandb", "albumentations", "matplotlib", "captum", "ray"])
def test_the_command_names_the_package_with_the_bound_of_pyproject(package):
    words = shlex.split(install_command(package))
    assert words[:2] == ["pip", "install"]
    wanted = bounds(
        [*OWN["dependencies"], *(text for extra in OWN["optional-dependencies"].values() for text in extra)]
    )
    (requirement,) = map(Requirement, words[2:])
    assert (requirement.name, requirement.specifier) == (package, wanted[package])


def test_no_message_names_an_extra_that_cannot_be_installed():
    for path in [*ROOT.glob("fer_plugins/**/*.py"), *ROOT.glob("plugins/**/*.py"), *ROOT.glob("docs/*.md")]:
        assert not re.search(r"pip install .?fer-plugins[\[<>=']", path.read_text()), path


def augmentations(described):
    """Names of the augmentations that the recipes of one architecture use."""
    sections = [described.get("recipe") or {}, *(described.get("variants") or {}).values()]
    for section in sections:
        for named in (section.get("augmentation"), (section.get("data") or {}).get("balance_with")):
            if named:
                yield named.get("name") if isinstance(named, dict) else named


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")), ids=lambda p: p.name
)
def test_what_a_recipe_needs_is_a_dependency(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    names = project.get("entry-points", {}).get("fer_plugins.architectures", {})
    used = {
        name
        for architecture in names
        for name in augmentations(
            registry.paper(registry.find("architecture", architecture))["architectures"][architecture]
        )
    }
    needed = bounds(project["dependencies"])
    if used & {"light", "keras"}:
        assert needed["albumentations"] == bounds(OWN["optional-dependencies"]["albumentations"])["albumentations"]
    else:
        assert "albumentations" not in needed


def test_the_core_brings_what_draws_a_run():
    assert "matplotlib" in bounds(OWN["dependencies"])
