"""``fer check``: a line for each check, the finding and the remedy of what is broken, and the exit code."""

import pytest
from support import toy_net

from fer_plugins.commands import main

GOOD = '''
import torch
from torch import nn


class Good(nn.Module):
    """Good.

    Args:
        width: maps.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 24, width: int = 4):
        super().__init__()
        if image_size < 8:
            raise ValueError(f"image_size {image_size} is too small: use at least 8")
        self.layers = nn.Sequential(nn.Conv2d(in_channels, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.head(self.layers(x))
'''
PAPER = """
paper: {id: good, title: "Good"}
architectures:
  good:
    claims_model: null
    assumed: {model.width: "a guess"}
    recipe: {data: {image_size: 24}}
    variants: {wide: {model: {width: 6}}, slow: {optimizer: {lr: 0.0001}}}
"""


def fer(*words):
    return main.call("fer", main._verb, list(words))


@pytest.fixture
def install(make_distribution):
    def put(source=GOOD, paper=PAPER, **files):
        files = {"paper.yaml": paper, **{name.replace("_yaml", ".yaml"): text for name, text in files.items()}}
        make_distribution("fer_good", [("architectures", "good", "fer_good:Good")], source, files=files)

    return put


def test_a_sound_plug_in_by_name_and_by_distribution(install, capsys):
    install()
    for name in ("good", "fer_good", "fer-good", "fer_good:good"):
        assert fer("check", name) == 0
        printed = capsys.readouterr().out
        assert "architecture good (from fer_good 1.0)" in printed
        assert "  skipped  claims.yaml" in printed
        assert "  ok       contract, recipe wide, 24 pixels" in printed
        assert "contract, recipe slow" not in printed  # the same network as the default's
        assert "9 checks, 0 broken" in printed


BREAKS = {
    "swallows options": ({"source": GOOD.replace("width: int = 4)", "width: int = 4, **more)")}, "BROKEN   options"),
    "does not import": ({"source": "import nothing_of_that_name\n" + GOOD}, "BROKEN   loads"),
    "an option without a word": ({"source": GOOD.replace("        width: maps.", "")}, "option width has no line"),
    "an option without a type": ({"source": GOOD.replace("width: int = 4", "width=4")}, "option width has no type"),
    "wrong logits": ({"source": GOOD.replace("nn.Linear(width, num_classes)", "nn.Linear(width, 7)")}, "logits shape"),
    "recipe option": ({"paper": PAPER.replace("{width: 6}", "{widht: 6}")}, "BROKEN   recipe wide"),
    "recipe value": ({"paper": PAPER.replace("lr: 0.0001", "lr: -1")}, "BROKEN   recipe slow"),
    "no title": ({"paper": PAPER.replace('title: "Good"', "year: 1")}, "paper has no title"),
    "no reason": ({"paper": PAPER.replace('"a guess"', "7")}, "assumed.model.width needs a reason"),
    "paper is not YAML": ({"paper": "paper: ["}, "BROKEN   paper.yaml"),
    "claims above 1": ({"claims_yaml": toy_net.CLAIMS.replace("0.99", "99")}, "must be a fraction in 0..1"),
    "claims of nobody": (
        {"claims_yaml": toy_net.CLAIMS, "paper": PAPER.replace("claims_model: null", "claims_model: Nobody")},
        "models has no 'Nobody'",
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_what_is_broken_is_named(install, capsys, fault):
    changes, message = BREAKS[fault]
    install(**changes)
    assert fer("check", "good") == 1
    printed = capsys.readouterr()
    assert message in printed.out
    assert "Traceback" not in printed.out + printed.err
    assert " 0 broken" not in printed.out


@pytest.mark.parametrize(
    "name", ["max_blur", "average", "light", "flip_affine_erase", "random", "official", "official_val", "synthetic"]
)
def test_the_core_s_own_offers(name, capsys):
    assert fer("check", name) == 0
    assert "ok       contract" in capsys.readouterr().out


def test_a_dataset_needs_a_root(capsys):
    assert fer("check", "fer2013") == 0
    assert "skipped  contract: give --root DATA" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected one name"),
        (["max_blurr"], "did you mean max_blur"),
        (["good", "--roots", "x"], "did you mean --root"),
        (["good", "--image-size", "big"], "--image-size big: expected a whole number from 1"),
        (["good", "--image-size"], "needs a value"),
    ],
)
def test_wrong_words(words, message, capsys):
    assert fer("check", *words) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
