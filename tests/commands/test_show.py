"""``fer show``: what a network costs, its layers, and pictures of networks and poolings."""

import json

import pytest

from fer_plugins.commands import main, show_network
from fer_plugins.config import registry
from fer_plugins.runs.cost import parameters


def call(*words):
    return main.call("fer", main._verb, list(words))


def shown(capsys, *words):
    assert call(*words) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_a_network_says_what_it_costs(capsys):
    described = json.loads(shown(capsys, "show", "conv_relu_ann", "--json"))
    assert (described["parameters"], described["macs"]) == (2_489_095, 93_154_816)
    assert described["flops"] == 2 * described["macs"]
    assert described["megabytes"] == pytest.approx(4 * 2_489_095 / 1e6, abs=1e-3)  # it saves no buffers
    times = described["latency"]
    assert times["threads"] >= 1
    assert 0 < times["batch_32"] < 1
    assert 0 < times["batch_1"] < 1
    text = " ".join(shown(capsys, "show", "lenet5").split())
    assert " FLOPs)" in text
    assert "MB (float32)" in text
    assert "in a batch of 32 (measured now, on this machine's CPU, " in text
    assert parameters(show_network.build(registry.find("architecture", "aa_dcn"), "jaffe")[0]) == 4_999_611


def test_the_layers_are_those_of_the_papers_summary(capsys):
    """Njoku Table 2: every layer's shape and parameters, and the sum."""
    rows = json.loads(shown(capsys, "show", "conv_relu_ann", "--layers", "--json"))
    learning = [(row["type"], row["out_size"][1:], row["parameters"]) for row in rows[:-1] if row["parameters"]]
    assert learning == [
        ("Conv2d", [32, 48, 48], 320),
        ("Conv2d", [64, 46, 46], 18_496),
        ("Conv2d", [128, 21, 21], 73_856),
        ("Conv2d", [256, 8, 8], 295_168),
        ("Linear", [512], 2_097_664),
        ("Linear", [7], 3_591),
    ]
    assert (rows[-1]["parameters"], rows[-1]["macs"]) == (2_489_095, 93_154_816)
    lines = shown(capsys, "show", "conv_relu_ann", "--layers").splitlines()
    assert lines[-1].split() == ["total", "2,489,095", "93,154,816"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["max", "--layers"], "--layers is for architectures"),
        (["lenet5", "--picture", "a"], "--picture is for poolings"),
        (["lenet5", "--depth", "2"], "--depth belongs to --diagram"),
        (["max_blur", "--option", "a=b"], "--option belongs to --picture"),
        (["max_blur", "--picture", "a", "--option", "preset"], "write KEY=VALUE"),
        (["max_blur", "--picture", "a", "--option", "preset=zang"], "expected one of 'wide_max'"),
        (["lenet5", "--diagram", "no/a"], "there is no folder no"),
        (["lenet5", "--bars", "."], "is a folder"),
        (["lenet5", "--bars", "a", "--json"], "--json prints no picture"),
        (["lenet5", "--recipe", "nope"], "has no such recipe"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert call("show", *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_pictures_are_png_and_svg(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert shown(capsys, "show", "lenet5", "--diagram", "net.svg", "--bars", "bars") == (
        "net.png net.svg\nbars.png bars.svg\n"
    )
    text = shown(capsys, "show", "max_blur", "--picture", "pool", "--option", "preset=zhang")
    differences = [float(line.split(" by ")[-1].split()[0]) for line in text.splitlines()[1:]]
    assert differences[1] < differences[0]
    assert "168,971 parameters" in (tmp_path / "bars.svg").read_text()
    for name in ("conv", "image", "parameters"):
        assert name in (tmp_path / "net.svg").read_text()
