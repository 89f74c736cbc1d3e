"""The papers' figure types: bars, class distribution, augmentation sheet, explained images; a run's own figures."""

import io
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image
from support import ROOT, written_run
from support.verbs import figures
from torch import nn

from fer_plugins import config
from fer_plugins.analysis.columns import parse_columns
from fer_plugins.analysis.figures.augmentations import draw_augmentation, make_versions
from fer_plugins.analysis.figures.bars import draw_bars
from fer_plugins.analysis.figures.classes import draw_distribution
from fer_plugins.analysis.figures.explained import choose_rows, draw_explained, draw_sheet
from fer_plugins.analysis.figures.readings import read_tensor
from fer_plugins.analysis.figures.recorded import count_classes, draw_at_end
from fer_plugins.analysis.figures.style import SMALL, WIDTH, drawing
from fer_plugins.analysis.model_table import table_rows
from fer_plugins.commands import main
from fer_plugins.data.augmentations import flip_affine_erase
from fer_plugins.experiments.run import run
from fer_plugins.runs.read_runs import read_runs
from fer_plugins.runs.record import Record
from fer_plugins.training.build import build_data

DASHBOARDS = ROOT / "docs" / "dashboards.md"
EXPLAINING = '''
import torch
from torch import nn
from support import ROOT


class Net(nn.Module):
    """Net.

    Args:
        broken: explain fails.
    """

    def __init__(self, *, num_classes: int, in_channels: int = 1, image_size: int = 24, broken: bool = False):
        super().__init__()
        self.head = nn.Linear(in_channels * image_size**2, num_classes)
        self.broken = broken

    def forward(self, x):
        return self.head(x.flatten(1))

    def explain(self, x):
        if self.broken or self.training:
            raise RuntimeError("nothing to say")
        return {"halved": x / 2, "five": x[:, None], "logits": self(x)}
'''


@pytest.fixture(autouse=True)
def _style():
    with drawing():
        yield


@pytest.fixture
def explaining(make_distribution):
    """Install a plug-in whose network explains itself, and one that does not."""
    paper = """
    paper: {id: net, title: "A net", authors: [A. Uthor], year: 2020, venue: null, doi: null}
    architectures:
      net: {claims_model: null, recipe: {model: {name: net}, data: {image_size: 24}, optimizer: {name: Adam, lr: 0.01}}}
    """
    return make_distribution("net", [("architectures", "net", "net:Net")], EXPLAINING, files={"paper.yaml": paper})


def settings(tmp_path, **changes):
    return {
        "plugin": "net",
        "data": {"name": "synthetic", "samples": 105, "subjects": 5, "batch_size": 16},
        "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
        "logger": {"name": "none"},
        "run": {"output": str(tmp_path / "runs")},
    } | changes


def check_words(figure):
    """Every word is at least 6 points, inside the figure, and upon no other."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    ink = np.asarray(Image.open(content).convert("L")) < 250
    assert ink.shape[1] == WIDTH * 100
    border = np.ones_like(ink)
    border[2:-2, 2:-2] = False
    assert not ink[border].any()
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= SMALL == 6
    figure.draw_without_rendering()  # at its own resolution again
    boxes = [text.get_window_extent().padded(-1.0) for text in texts]  # a pixel of 300 an inch
    for n, box in enumerate(boxes):
        for m, earlier in enumerate(boxes[:n]):
            assert not box.overlaps(earlier), (texts[n].get_text(), texts[m].get_text())
    return [text.get_text() for text in texts]


def call(*words):
    return main.call("fer", figures, list(map(str, words)))


# --- bars of several runs


def change(folder, name, **values):
    path = Path(folder, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def claim(metric, value, source="Table 1"):
    return {"metric": metric, "claimed": value, "source": source, "notes": ["3 of 50 epochs"]}


@pytest.fixture
def several(tmp_path):
    """Two models on one dataset, one of them with two seeds, and a broken one on another."""
    folders = [
        written_run.write_run(tmp_path / "a0", *written_run.draw(1)),
        written_run.write_run(tmp_path / "a1", *written_run.draw(2, accuracy=0.72), seed=1),
        written_run.write_run(tmp_path / "b0", *written_run.draw(3, accuracy=0.5), lr=0.1),
        written_run.write_run(tmp_path / "c0", *written_run.draw(4), faults=["test: one class"], split_hash="77"),
    ]
    change(folders[2], "metrics.json", claims=[claim("accuracy", 0.9), claim("accuracy", 0.8123), claim("f1", 0.7)])
    manifest = json.loads((folders[3] / "manifest.json").read_text())
    change(folders[3], "manifest.json", data={**manifest["data"], "title": "Other faces", "limit": 300})
    return folders


@pytest.mark.parametrize("score", ["accuracy", "f1"])
def test_bars_intervals_and_claims_are_those_of_the_table(several, score):
    rows = table_rows(read_runs(several))
    figure = draw_bars(rows, *parse_columns([score]))
    axis = figure.axes[0]
    sound = [row[score] for row in rows if row[score]["value"] is not None]
    assert len(sound) == 2
    assert [bar.get_width() for bar in axis.patches] == [entry["value"] for entry in sound]
    lines = [tuple(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 0.9]
    assert lines == [(entry["low"], entry["high"]) for entry in sound]
    diamonds = [value for line in axis.lines if line.get_marker() == "D" for value in line.get_xdata()]
    assert diamonds == ([0.9, 0.8123] if score == "accuracy" else [0.7])
    # A claim lies on the line of its own model.
    ((height,),) = [set(line.get_ydata()) for line in axis.lines if line.get_marker() == "D" and len(line.get_xdata())]
    bar = axis.patches[1]
    assert bar.get_y() < height < bar.get_y() + bar.get_height()
    words = check_words(figure)
    for entry in sound:
        assert f"{entry['value']:.3f}" in words
    assert any("mean of 2 seeds" in word for word in words)
    assert "Faces, official, test, 300 images" in words
    assert "Other faces, official, test, 300 images" in words
    assert "not a result" in words


def test_many_long_names_stay_apart(several):
    (row, *_) = table_rows(read_runs(several))
    rows = [
        {
            **row,
            "model": f"an_architecture_with_a_long_name (optimizer.lr {n})",
            "dataset": data,
            "remarks": [f"note {n}"],
        }
        for n in range(9)
        for data in ("FER2013", "a dataset with a long name")
    ]
    check_words(draw_bars(rows, *parse_columns(["accuracy"])))


def test_the_command_writes_the_bars_and_says_what_a_claim_needs(several, tmp_path, capsys):
    assert call(*several, "--bars", tmp_path / "all.png", "--score", "f1") == 0
    out = capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.glob("all.*")) == ["all.png", "all.svg"]
    assert "F1 (Table 1): 3 of 50 epochs" in out
    assert "NOT A RESULT, left out: seed 0 (test: one class)" in out
    assert ">macro F1: 3 models, 2 datasets<" in (tmp_path / "all.svg").read_text()
    for metric in ("far", "gar"):
        assert call(*several, "--bars", tmp_path / "every", "--score", metric) == 0
    names = sorted(path.stem for path in tmp_path.glob("every*.svg"))
    assert names == [f"every_{name}" for name in
                     ("far.specificity", "far.specificity_micro", "gar.accuracy", "gar.recall")]  # fmt: skip
    rows = table_rows(read_runs(several), parse_columns(["val/accuracy", "epochs", "far", "kappa"]))
    for column in parse_columns(["val/accuracy", "epochs", "far", "kappa"]):
        assert "not a result" in check_words(draw_bars(rows, column))


def test_a_note_of_several_models_is_printed_once(several, tmp_path, capsys):
    part = "only part of the data (data.limit 300)"
    for folder in (several[0], several[1]):
        manifest = json.loads((folder / "manifest.json").read_text())
        change(folder, "manifest.json", data={**manifest["data"], "limit": 300})
    assert call(*several, "--bars", tmp_path / "some") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if part in line]
    assert line.endswith(f"Other faces: {part}")
    assert line.count("; ") == 1  # between the two models that it is about
    assert call(several[0], several[1], "--bars", tmp_path / "all") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [part]


# --- class distribution


def counted(train, **more):
    splits = {"train": train, "val": {"anger": 3, "happy": 4}, "test": {"anger": 5, "happy": 6}}
    return {"data": {"counts": splits, **more}, "selected_on": {"split": "val"}}


@pytest.mark.parametrize(
    ("balance", "manifest", "wanted"),
    [
        ("none", counted({"anger": 9, "happy": 20}), [[9, 20], [3, 4], [5, 6]]),
        ("none", counted({"anger": 9, "happy": 20}) | {"selected_on": {"split": "test"}}, [[9, 20], [3, 4]]),
        ("oversample", counted({"anger": 9, "happy": 20}), [[9, 20], [20, 20]]),
        ("oversample", counted({"anger": 0, "happy": 20}), [[0, 20], [0, 20]]),
        (
            "augment",
            counted({"anger": 20, "happy": 20}, counts_before_balancing={"train": {"anger": 9, "happy": 20}}),
            [[9, 20], [20, 20]],
        ),
        (
            "augment",
            counted({"anger": 22, "happy": 20}, counts_before_balancing={"all": {"anger": 9, "happy": 30}}),
            [[9, 30], [30, 30]],
        ),
    ],
    ids=["parts", "one split twice", "oversample", "absent class", "augment", "augment before the split"],
)
def test_the_class_distribution_has_the_counts(balance, manifest, wanted):
    series, _ = count_classes(manifest, {"data": {"balance": balance}})
    figure = draw_distribution(series, "net, faces")
    axis = figure.axes[0]
    drawn = [bar.get_width() for bar in axis.patches]
    assert [drawn[n : n + 2] for n in range(0, len(drawn), 2)] == wanted
    assert [text.get_text() for text in axis.texts] == [f"{value:,}" for split in wanted for value in split]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("images", "class")
    check_words(figure)


def test_counts_that_were_not_recorded_are_not_guessed():
    balanced = counted({"anger": 20, "happy": 20})
    assert count_classes(balanced, {"data": {"balance": "augment"}}) == (
        None,
        "the run did not record the counts before balancing",
    )
    assert count_classes({"data": {}}, {})[0] is None


def test_oversampling_gives_an_epoch_the_counts_that_are_drawn():
    balanced = {"name": "synthetic", "samples": 105, "subjects": 5, "balance": "oversample"}
    data, _ = prepared(data=balanced, augmentation="none")
    data.fold = data.fold._replace(train=data.fold.train[:40])
    before = np.bincount(data.labels("train"), minlength=7)
    drawn = np.zeros(7, dtype=int)
    for batch in data.train_dataloader():
        drawn += np.bincount(batch.label, minlength=7)
    splits = {"train": dict(zip(data.classes, before.tolist(), strict=True))}
    series, _ = count_classes({"data": {"counts": splits}}, {"data": {"balance": "oversample"}})
    assert len(set(before)) > 1
    assert list(series.values())[1] == dict(zip(data.classes, drawn.tolist(), strict=True))


@pytest.mark.parametrize(
    ("protocol", "heading"), [("official", "training, before"), ("paper_aa_dcn", "all images, before")]
)
def test_a_run_records_the_counts_before_and_after_balancing(explaining, tmp_path, protocol, heading):
    data = {"name": "synthetic", "samples": 105, "subjects": 5, "balance": "augment", "balance_to": 60}
    record = run(settings(tmp_path, data=data, protocol=protocol))
    series, _ = count_classes(record.manifest, record.config)
    (before, counted), (_, after) = series.items()
    assert before == heading
    assert set(after.values()) == {60}
    split = build_data(config.resolve(settings(tmp_path, protocol="official")).config).counts
    assert sum(counted.values()) == (105 if protocol == "paper_aa_dcn" else sum(split["train"].values()))


# --- the augmentation sheet


def prepared(**changes):
    flags = {"plugin": "lenet5", "data": {"name": "synthetic", "samples": 105, "subjects": 5}, **changes}
    resolved = config.resolve(flags).config
    return build_data(resolved), resolved


def tiles(figure):
    return [np.asarray(axis.images[0].get_array()).squeeze() for axis in figure.axes]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["light", "flip_affine_erase"])
def test_the_sheet_shows_a_training_image_and_fifteen_versions_of_it(name, channels):
    data, resolved = prepared(
        augmentation=name, data={"name": "synthetic", "samples": 105, "subjects": 5, "channels": channels}
    )
    figure = draw_augmentation(data, resolved)
    original, *versions = tiles(figure)
    training = data.row_images(data.rows("train")).squeeze()
    (row,) = [n for n, image in enumerate(training) if np.array_equal(image, original)]
    assert len({version.tobytes() for version in (original, *versions)}) == 16
    again = tiles(draw_augmentation(data, resolved))
    assert all(np.array_equal(shown, expected) for shown, expected in zip(again, [original, *versions], strict=True))
    words = " ".join(check_words(figure))
    assert data.source_names(data.rows("train"))[row] in words.replace(" ", "").replace("\n", "")
    for option in ("flip 0.5", "rotation 10.0"):
        assert option in words


def test_the_sheet_is_of_an_image_that_was_not_made_offline():
    data, resolved = prepared(
        augmentation="light",
        data={"name": "synthetic", "samples": 105, "subjects": 5, "balance": "augment", "balance_to": 200},
    )
    original = tiles(draw_augmentation(data, resolved))[0]
    (row,) = [row for row in data.rows("train") if np.array_equal(data.row_images([row])[0].squeeze(), original)]
    assert data.table.parent[row] == data.table.source[row]


def test_versions_leave_the_generators_and_the_image_as_they_were():
    image = np.arange(24 * 24, dtype=np.uint8).reshape(24, 24, 1)
    before = image.copy()
    transform = flip_affine_erase(image_size=24)
    for augmentation in (transform, lambda *, image: {"image": np.roll(image, random.randint(1, 9), 1)}):
        torch.manual_seed(3), random.seed(3)
        wanted = (torch.rand(2), random.random())
        torch.manual_seed(3), random.seed(3)
        versions = make_versions(image, augmentation, 0, 8)
        assert (versions.shape, versions.dtype) == ((8, 24, 24, 1), np.uint8)
        assert torch.equal(torch.rand(2), wanted[0])
        assert random.random() == wanted[1]
        assert np.array_equal(image, before)


def test_no_augmentation_has_no_sheet():
    data, resolved = prepared(augmentation="none")
    assert draw_augmentation(data, resolved) is None


# --- what a network explains itself with


@pytest.mark.parametrize(
    ("name", "shape", "kind", "drawn"),
    [
        ("fused", (2, 1, 8, 9), "picture", (2, 8, 9)),
        ("warped", (2, 3, 8, 9), "picture", (2, 8, 9, 3)),
        ("maps", (2, 16, 8, 9), "map", (2, 8, 9)),
        ("matrix", (2, 5, 6), "map", (2, 5, 6)),
        ("theta_1", (2, 2, 3), "outline", (2, 2, 3)),
        ("vector", (2, 128), "bars", (2, 128)),
        ("number", (2,), "bars", (2, 1)),
    ],
)
def test_the_shape_of_a_tensor_says_how_it_is_drawn(name, shape, kind, drawn):
    values = np.random.default_rng(0).standard_normal(shape)
    reading = read_tensor(name, values)
    assert (reading.kind, reading.values.shape) == (kind, drawn)
    if kind == "map" and len(shape) == 4:
        assert np.allclose(reading.values, values.mean(1))
    assert read_tensor(name, np.where(values == values.max(), np.nan, values)) is None


def test_more_than_four_dimensions_have_no_picture():
    assert read_tensor("x", np.zeros((2, 1, 1, 1, 1))) is None


def test_spatial_attention_lies_over_the_image_as_its_windows_do():
    """Keys of a 6 x 6 map in 3 x 3 windows; every query looks at one key only, whose place on the map is known."""
    place = (3, 4)  # row and column on the map
    windows, side = 3, 2
    weights = np.zeros((1, windows**2, 4, side**2))
    weights[..., 0] = 1  # elsewhere: the first key of each window
    numbers = np.arange(36).reshape(6, 6)
    for window in range(windows**2):  # the definition, in other words than the code's
        top, left = side * (window // windows), side * (window % windows)
        keys = numbers[top : top + side, left : left + side].flatten().tolist()
        if numbers[place] in keys:
            weights[0, window] = np.eye(side**2)[keys.index(numbers[place])]
            own = (slice(top, top + side), slice(left, left + side))
    reading = read_tensor("spatial_weights_1", weights)
    assert (reading.kind, reading.values.shape) == ("overlay", (1, 6, 6))
    assert reading.values[0][place] == 1
    assert reading.values[0][own].sum() == 1
    assert reading.values.sum() == windows**2


def test_other_attention_is_a_row_a_group_of_what_each_key_receives():
    weights = np.random.default_rng(0).dirichlet(np.ones(16), size=(2, 8, 16))  # rows sum to 1
    for name, shape in (("channel_weights_1", (2, 8, 16)), ("spatial_weights_1", (2, 8, 16))):  # 8 windows: no square
        reading = read_tensor(name, weights)
        assert (reading.kind, reading.values.shape) == ("map", shape)
        assert np.allclose(reading.values, weights.mean(axis=2))


def some_images(count, size=24):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 1), dtype=np.uint8)


def test_the_outline_is_what_a_transformer_samples():
    half = np.array([[[0.5, 0, 0.25], [0, 0.5, 0]]])  # the middle half of the height, to the right
    figure = draw_sheet(some_images(1), [("anger", "happy")], [read_tensor("theta", half)], "net")
    axis = figure.axes[1]
    outline = np.array(axis.lines[0].get_data())
    assert outline.min(axis=1).tolist() == [-0.25, -0.5]
    assert outline.max(axis=1).tolist() == [0.75, 0.5]
    assert np.array(axis.lines[1].get_data()).tolist() == [[-0.25, 0.75], [-0.5, -0.5]]  # the upper edge
    assert axis.yaxis_inverted()


def test_a_row_of_the_sheet_has_one_scale_and_says_it():
    values = np.stack([np.full((1, 4, 4), 0.25), np.full((1, 4, 4), 3.5)])
    readings = [read_tensor("maps", values), read_tensor("gate", np.array([[1.0, 2.0], [-3.0, 0.5]]))]
    figure = draw_sheet(some_images(2), [("anger", "happy"), ("a_very_long_class", "fear")], readings, "net")
    words = check_words(figure)
    assert "maps: 4 x 4 pixels [0.25, 3.5]" in words
    assert "gate: 2 values [-3, 2]" in words
    assert {axis.images[0].get_clim() for axis in figure.axes[2:4]} == {(0.25, 3.5)}
    bars = [axis.patches[0].get_data().values.tolist() for axis in figure.axes[4:6]]
    assert bars == [[1.0, 2.0], [-3.0, 0.5]]
    assert {axis.get_ylim() for axis in figure.axes[4:6]} == {(-3.0, 2.0)}


def test_a_sheet_of_every_kind_keeps_its_words_apart():
    random = np.random.default_rng(0)
    tensors = {
        "spatial_weights_1": random.dirichlet(np.ones(4), size=(7, 16, 16)),
        "channel_weights_1": random.dirichlet(np.ones(16), size=(7, 8, 16)),
        "a_name_that_is_longer_than_any_that_somebody_would_write_down": random.random((7, 40)),
        "theta_1": random.random((7, 2, 3)),
        "warped": random.random((7, 3, 24, 24)),
    }
    names = [(name, "surprise") for name in ("anger", "disgust", "fear", "happy", "sad", "surprise", "contempt")]
    readings = [read_tensor(name, values) for name, values in tensors.items()]
    check_words(
        draw_sheet(some_images(7), names, readings, "a plug-in with a rather long name, NOT A RESULT, faces, val")
    )


def a_table(labels):
    """A data module of as little as ``choose_rows`` asks for."""
    labels = np.array(labels)
    return SimpleNamespace(rows=lambda split: np.arange(len(labels)), table=SimpleNamespace(label=labels, origin=None))


def test_each_class_is_shown_before_any_is_shown_again():
    many = np.repeat([0, 1, 2], [500, 2, 1])
    chosen = choose_rows(a_table(many), "val")
    assert np.bincount(many[chosen]).tolist() == [4, 2, 1]
    assert len(set(chosen)) == 7
    nine = np.tile(np.arange(9), 50)
    assert len(set(nine[choose_rows(a_table(nine), "val")])) == 7
    assert choose_rows(a_table([1, 0]), "val").tolist() == [1, 0]


class Explaining(nn.Module):
    """Calls an image by the brightest of its first pixels, and shows the images that it was given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x.flatten(1)[:, :7] * self.weight

    def explain(self, x):
        assert not self.training
        return {"seen": x, "five": x[:, None], "nothing": x / 0}


def test_images_stand_beside_their_own_class_and_explanation():
    data, _ = prepared()
    network = Explaining().train()
    figure, left_out = draw_explained(network, data, "val", "net")
    assert left_out == ["five", "nothing"]
    assert network.training
    rows = choose_rows(data, "val")
    assert set(rows) <= set(data.rows("val"))
    images = data.row_images(rows)
    upper, lower = figure.axes[:7], figure.axes[7:]
    headings = [text.get_text() for text in figure.texts[1:]]  # behind the title
    for n, (row, image) in enumerate(zip(rows, images, strict=True)):
        assert np.array_equal(np.asarray(upper[n].images[0].get_array()).squeeze(), image[..., 0])
        assert np.allclose(lower[n].images[0].get_array(), image[..., 0] / 255, atol=1e-6)
        named = data.classes[image.flatten()[:7].argmax()]
        assert headings[2 * n : 2 * n + 2] == [data.classes[data.table.label[row]], f"→ {named}"]


def test_a_network_without_explain_has_no_sheet():
    data, _ = prepared()
    assert draw_explained(nn.Linear(2, 2), data, "val", "net") == (None, [])


def test_the_test_part_stays_sealed():
    from fer_plugins.data.seal import TestSplitSealed

    data, _ = prepared()
    with pytest.raises(TestSplitSealed):
        draw_explained(Explaining(), data, "test", "net")


# --- a run draws itself


def test_a_run_draws_itself_and_sends_what_is_documented(explaining, tmp_path):
    pytest.importorskip("wandb")
    record = run(settings(tmp_path, logger={"name": "wandb", "mode": "offline"}, augmentation="light"))
    assert not any("igures" in warning or "W&B" in warning for warning in record.manifest["warnings"])
    assert Record.read(record.folder).manifest["warnings"] == record.manifest["warnings"]
    rows = [line.split("|") for line in DASHBOARDS.read_text().splitlines() if line.startswith("| `figures/")]
    assert {cells[2].strip() for cells in rows} == {"figure"}
    documented = {key for cells in rows for key in re.findall(r"`figures/([^`]+)`", cells[1])}
    drawn = {path.name for path in (record.folder / "figures").iterdir()}
    assert drawn == {f"{name}.{kind}" for name in documented for kind in ("png", "svg")}
    assert "halved: 24 x 24 pixels" in (record.folder / "figures" / "explained.svg").read_text()
    (file,) = record.folder.glob("wandb/offline-run-*/run-*.wandb")
    reader = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(file)]
    lines = subprocess.run(reader, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()
    items = [row["history"]["item"] for row in map(json.loads, lines) if row["type"] == "history"]
    sent = {key.split(".")[0] for item in items for key in item if key.startswith("figures/")}
    assert sent == {f"figures/{name}" for name in documented}
    for name in documented:
        (copy,) = file.parent.glob(f"files/media/images/figures/{name}_*.png")
        assert np.array_equal(Image.open(copy), Image.open(record.folder / "figures" / f"{name}.png"))


def test_a_figure_that_fails_is_a_warning_and_takes_no_other_with_it(explaining, tmp_path, capsys):
    record = run(settings(tmp_path, logger={"name": "csv"}, model={"broken": True}))
    manifest = Record.read(record.folder).manifest
    assert manifest["status"] == "finished"
    (figure_warning,) = [warning for warning in manifest["warnings"] if "figures" in warning]
    assert figure_warning == f"figures are missing (nothing to say); draw them with: fer figures {record.folder}"
    assert "nothing to say" in capsys.readouterr().out.replace("\n", "")
    assert len(list((record.folder / "figures").iterdir())) == 14  # no augmentation, and no explained images
    assert call(record.folder, "--explain") == 1
    assert "explain fails: nothing to say" in capsys.readouterr().err


def test_nothing_is_drawn_where_nothing_is_asked_for_or_matplotlib_is_missing(explaining, tmp_path, monkeypatch):
    record = run(settings(tmp_path, logger={"name": "csv", "figures": "off"}))
    assert not (record.folder / "figures").exists()
    record.config["logger"] |= {"figures": "auto", "name": "none"}
    assert draw_at_end(record) == ({}, [])
    record.config["logger"]["name"] = "csv"
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    pictures, (warning,) = draw_at_end(record)
    assert pictures == {}
    assert "matplotlib is not installed" in warning
    assert not (record.folder / "figures").exists()


def test_a_folder_that_cannot_be_written_fails_no_run(explaining, tmp_path):
    record = run(settings(tmp_path))
    record.config["logger"]["name"] = "csv"
    (record.folder / "figures").write_text("a file where the folder should be")
    pictures, warnings = draw_at_end(record)
    assert pictures == {}
    assert len(warnings) == 1
    assert "cannot write" in warnings[0]


def test_the_folder_of_folds_has_the_pooled_figures(explaining, tmp_path, monkeypatch):
    def draw_the_whole(record, *splits):  # the folds are runs as any other: not drawn here, which saves the time
        return ({}, []) if splits else draw_at_end(record)

    monkeypatch.setattr("fer_plugins.experiments.run.draw_at_end", draw_the_whole)
    whole = run(settings(tmp_path, logger={"name": "csv"}, protocol={"name": "subject_kfold", "k": 3}))
    assert len(list((whole.folder / "figures").iterdir())) == 10  # curves and counts are the folds' own
    assert "105 images" in (whole.folder / "figures" / "roc.svg").read_text()
    assert "warnings" not in whole.manifest
    assert call(whole.folder, "--explain") == 2


# --- the command


def test_sheets_of_a_run_and_of_a_configuration(explaining, tmp_path, capsys, monkeypatch):
    record = run(settings(tmp_path, augmentation={"name": "light", "rotation": 33}))
    assert call(record.folder, "--augmentation") == 0
    assert call(record.folder, "--explain", "--split", "test") == 0
    assert "no picture of five: more than four dimensions" in capsys.readouterr().out
    names = {path.name for path in (record.folder / "figures").iterdir()}
    assert names == {"augmentation.png", "augmentation.svg", "explained.png", "explained.svg"}
    assert ", test<" in (record.folder / "figures" / "explained.svg").read_text()
    monkeypatch.chdir(tmp_path)
    assert call(record.folder / "config.yaml", "--augmentation") == 0
    assert call(record.folder / "config.yaml", "--augmentation", "--out", "sheets") == 0
    for folder in (record.folder / "figures", tmp_path / "figures", tmp_path / "sheets"):
        assert "rotation 33" in (folder / "augmentation.svg").read_text()


def test_wrong_words_are_one_line(explaining, tmp_path, capsys):
    record = run(settings(tmp_path))
    folder = record.folder

    def complaint(*words):
        assert call(*words) == 2
        text = capsys.readouterr().err
        assert text.count("\n") == 1
        return text

    assert "--bars needs a value" in complaint(folder, "--bars")
    assert "--augmentation takes no value" in complaint(folder, "--augmentation=x")
    assert "--score belongs to --bars" in complaint(folder, "--score", "f1")
    assert "--bars and --explain: give one" in complaint(folder, "--bars", "x", "--explain")
    assert "'--explian'; did you mean" in complaint(folder, "--explian")
    assert "did you mean kappa?" in complaint(folder, "--bars", tmp_path / "x", "--score", "kapa")
    assert "--quoted belongs to --bars" in complaint(folder, "--quoted")
    assert "there is no folder" in complaint(folder, "--bars", tmp_path / "no" / "x")
    for place in (tmp_path, f"{tmp_path / 'x'}/", "."):
        assert "is a folder; give the name of a file in it" in complaint(folder, "--bars", place)
    assert "is a file; give a folder" in complaint(folder, "--augmentation", "--out", folder / "config.yaml")
    assert "there is no folder" in complaint(folder / "config.yaml", "--augmentation", "--out", tmp_path / "no" / "x")
    assert "no such folder" in complaint(tmp_path / "no", "--bars", tmp_path / "x")
    assert "not the folder of a run" in complaint(tmp_path / "no", "--explain")
    assert "not the folder of a run" in complaint(tmp_path / "no", "--augmentation")
    assert "its augmentation is none" in complaint(folder, "--augmentation")
    assert "--split training: expected one of val, test, train" in complaint(folder, "--explain", "--split", "training")
    change(folder, "manifest.json", data={**record.manifest["data"], "split_hash": "5a5a"})
    assert "the data have changed" in complaint(folder, "--explain")
    change(folder, "manifest.json", status="failed")
    assert "not finished" in complaint(folder, "--explain")
    change(folder, "manifest.json", status="finished")
    (folder / "checkpoints" / "best.ckpt").unlink()
    assert "best.ckpt does not exist" in complaint(folder, "--explain")
    assert not (folder / "figures").exists()
    assert not list(tmp_path.glob("x.*"))


def test_pictures_of_test_images_open_the_test_part_and_the_manifest_says_so(explaining, tmp_path):
    record = Record.read(run(settings(tmp_path)).folder)
    assert call(record.folder, "--explain") == 0
    assert Record.read(record.folder).manifest == record.manifest
    assert call(record.folder, "--explain", "--part", "test") == 0
    now = Record.read(record.folder).manifest
    *earlier, reason = now.pop("test_opened")
    assert earlier == record.manifest.pop("test_opened")
    assert now == record.manifest
    assert reason.startswith("fer figures, 2")
    assert "explain" in reason


def test_a_network_that_explains_nothing_is_said(toy, tmp_path, capsys):
    record = run(settings(tmp_path, plugin="toy"))
    assert call(record.folder, "--explain") == 2
    assert "toy has no explain(x)" in capsys.readouterr().err


def test_sample_sheets_need_the_word_that_images_may_be_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text("plugin: lenet5\ndata: {name: synthetic, samples: 105, subjects: 5}\n")
    assert main.call("fer", main._verb, ["figures", str(path), "--samples"]) == 2
    assert "add --images to draw them" in capsys.readouterr().err
    assert main.call("fer", main._verb, ["figures", str(path), "--images"]) == 2
    assert not (tmp_path / "figures").exists()
    assert main.call("fer", main._verb, ["figures", str(path), "--samples", "--images"]) == 0
    assert {file.name for file in (tmp_path / "figures").iterdir()} == {"samples.png", "samples.svg"}
