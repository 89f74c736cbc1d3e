"""A network that has broken down is said to have, in the record and on the screen, instead of being a result."""

import json

import numpy as np
import pytest

from fer_plugins.experiments.run import run
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.sanity_checks import one_class

SICK = '''
import torch
from torch import nn

from fer_plugins.contract import Health


class Sick(nn.Module):
    """Sick.

    Args:
        ill: whether it says so.
        dead: whether its answers are the same for every image.
    """

    def __init__(self, *, num_classes: int, ill: bool = False, dead: bool = False):
        super().__init__()
        self.head = nn.LazyLinear(num_classes)
        self.ill, self.dead = ill, dead

    def forward(self, x):
        return self.head(x.flatten(1)) * (0.0 if self.dead else 1.0)

    def health(self, x):
        assert not self.training
        assert not torch.is_grad_enabled()
        return Health({"brightness": float(x.mean())}, ["it is ill"] if self.ill else [])
'''
PAPER = """
paper: {id: sick, title: "Sick", authors: [A. Uthor]}
architectures:
  sick:
    claims_model: Sick
    assumed: {architecture: "nobody knows", optimizer.lr: "a guess"}
    recipe: {optimizer: {lr: 0.001}}
"""
CLAIMS = """
paper: {id: sick, title: "Sick"}
models: [{name: Sick, role: proposed, params: null}]
claims:
  - {model: Sick, dataset: Synthetic, split: test, metric: accuracy, value: 0.99, source: "Table 1"}
"""


@pytest.fixture
def sick(make_distribution):
    make_distribution(
        "fer_sick",
        [("architectures", "sick", "fer_sick:Sick")],
        SICK,
        files={"paper.yaml": PAPER, "claims.yaml": CLAIMS},
    )


def trained(tmp_path, epochs, **model):
    return run(
        {
            "plugin": "sick",
            "model": model,
            "data": {"name": "synthetic", "image_size": 24, "samples": 210},
            "trainer": {"epochs": epochs, "threads": 1},
            "logger": {"name": "csv"},
            "run": {"output": str(tmp_path / "runs")},
        }
    )


def test_a_sound_network_has_its_figures_logged_and_no_fault(sick, tmp_path, capsys):
    record = trained(tmp_path, epochs=12)
    assert "health/brightness" in (record.folder / "metrics.csv").read_text().splitlines()[0]
    assert record.metrics["not_a_result"] == []
    assert record.metrics["claims"]
    shown = capsys.readouterr().out
    assert "NOT A RESULT" not in shown
    assert "ARCHITECTURE ASSUMED" in shown
    assert "nobody knows" in shown


@pytest.mark.parametrize(
    ("model", "message"), [({"ill": True}, "it is ill"), ({"dead": True}, "every one of the 42 images is called anger")]
)
def test_a_broken_network_is_no_result(sick, tmp_path, capsys, model, message):
    record = trained(tmp_path, epochs=2, **model)
    assert f"test: {message}" in json.loads((record.folder / "metrics.json").read_text())["not_a_result"]
    assert record.metrics["claims"] == []
    assert record.manifest["not_a_result"]
    shown = capsys.readouterr().out
    assert f"NOT A RESULT  test: {message}" in shown
    assert f"warning: {message}" in shown
    assert "claims" not in shown


def test_the_reason_of_a_reading_goes_where_the_reading_goes(sick, tmp_path):
    assert set(trained(tmp_path, epochs=1).manifest["assumed"]) == {"architecture", "optimizer.lr"}
    second = run(
        {
            "plugin": "sick",
            "optimizer": {"lr": 0.1},
            "data": {"name": "synthetic", "image_size": 24, "samples": 210},
            "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(tmp_path / "runs")},
        }
    )
    assert set(second.manifest["assumed"]) == {"architecture"}


def predictions(predicted, label):
    n = len(label)
    return Predictions(
        np.arange(n), np.array(label), np.array(predicted), np.full((n, 3), 1 / 3), np.zeros(n), correct=0
    )


def test_one_class_needs_images_of_several():
    assert one_class(predictions([1, 1, 1], [0, 1, 2]), ["a", "b", "c"]) == "every one of the 3 images is called b"
    assert one_class(predictions([1, 1, 2], [0, 1, 2]), ["a", "b", "c"]) is None
    assert one_class(predictions([1, 1], [1, 1]), ["a", "b", "c"]) is None


def test_a_variant_may_have_claims_of_its_own():
    from fer_plugins.runs.manifest import claims_model_of

    described = {"claims_model": "Net", "claims_models": {"small": "Small Net"}}
    assert claims_model_of(described, None) == "Net"
    assert claims_model_of(described, "small") == "Small Net"
    assert claims_model_of({}, "small") is None
