"""What every installed architecture must hold, without knowing its name."""

import pytest
import torch

from fer_plugins import config
from fer_plugins.analysis.claims import read_claims
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError
from fer_plugins.training.module import build_network

ARCHITECTURES = registry.available("architecture")
NAMES = [component.name for component in ARCHITECTURES]


def variants(component):
    return ["default", *(registry.paper(component)["architectures"][component.name].get("variants") or {})]


def resolved(name, variant):
    described = registry.paper(registry.find("architecture", name))["architectures"][name]
    changes = (described.get("variants") or {}).get(variant) or {}
    flags = {"data": {"name": "synthetic"}}
    if (changes.get("model") or {}).get("teacher") == config.MANDATORY:
        flags["model"] = {"teacher": "a run's folder"}  # a name only: what is built here learns from nobody
    return config.resolve(flags, plugin=name, recipe=variant).config


def test_there_are_some():
    assert len(NAMES) >= 2


@pytest.mark.parametrize("component", ARCHITECTURES, ids=NAMES)
def test_every_recipe_is_resolved_and_built(component):
    built = []  # most variants change the training alone: a network of the same settings need not be built again
    for variant in variants(component):
        settings = resolved(component.name, variant)
        size, channels = settings.data.image_size, settings.data.channels
        if (settings.model, size, channels) in built:
            continue
        built.append((settings.model, size, channels))
        try:
            network = build_network(settings, 7).eval()
        except InputError as error:  # a recipe that begins with weights which cannot be had here
            if not isinstance(error.__cause__, ConnectionError):
                raise
            continue
        assert network(torch.zeros(1, channels, size, size)).shape == (1, 7)


@pytest.mark.parametrize("component", ARCHITECTURES, ids=NAMES)
def test_paper_and_claims_are_there(component):
    described = registry.paper(component)
    own = described["architectures"][component.name]
    assert described["paper"]["title"]
    claims = read_claims(registry.package_file(component, "claims.yaml"))
    assert own["claims_model"] is None or own["claims_model"] in [model["name"] for model in claims.models]
    for reason in (own.get("assumed") or {}).values():
        assert isinstance(reason, str)
        assert reason
    for option in registry.options(component):
        assert option.help, f"{component.name}: option {option.name} has no line in the docstring's Args"
        assert option.annotation, f"{component.name}: option {option.name} has no type"


@pytest.mark.parametrize("kind", ["pooling", "augmentation", "dataset", "protocol"])
def test_every_option_of_every_offer_is_typed_and_explained(kind):
    for component in registry.available(kind):
        for option in registry.options(component):
            assert option.help, f"{component}: option {option.name} is not explained"
            assert option.annotation, f"{component}: option {option.name} has no type"
