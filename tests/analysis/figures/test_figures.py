"""Figures: what is drawn is what was recorded, one column wide, every word inside and large enough to be read."""

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import auc
from support.verbs import figures

from fer_plugins.analysis.figures.classes import draw_confusion, draw_distribution, draw_per_class
from fer_plugins.analysis.figures.copies import draw_copies
from fer_plugins.analysis.figures.curves import draw_curves
from fer_plugins.analysis.figures.probabilities import draw_reliability, draw_roc
from fer_plugins.analysis.figures.recorded import name_run
from fer_plugins.analysis.figures.style import COLOURS, DPI, SMALL, WIDTH, drawing, make_figure, write_figure
from fer_plugins.commands import main
from fer_plugins.metrics.calibration import calibration_error, find_reliability
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.table import SUMMARY
from fer_plugins.runs.record import Record

CLASSES = ["anger", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
NAMES = ["curves", "confusion_counts", "confusion_shares", "per_class", "reliability", "roc", "class_distribution"]
COUNTS = dict.fromkeys(CLASSES, 3995)
TITLE = "a plug-in with a rather long name, NOT A RESULT, a dataset, test, 300 images"


@pytest.fixture(autouse=True)
def _style():
    with drawing():
        yield


def scored(size=300, classes=CLASSES, present=None, seed=0):
    random = torch.Generator().manual_seed(seed)
    label = torch.randint(0, present or len(classes), (size,), generator=random)
    logits = torch.randn(size, len(classes), generator=random) + 1.5 * torch.eye(len(classes))[label]
    scorer = Scorer(classes)
    scorer.update(torch.arange(size), logits, label)
    return scorer.compute(), scorer.predictions()


def epochs(count):
    rows = [
        {"epoch": n + 1, "train/loss": 2 / (n + 1), "val/loss": 2.1 / (n + 1), "train/accuracy": 0.1 * n, "lr": 3e-4}
        for n in range(count)
    ]
    for row in rows:
        row |= {"val/accuracy": 0.09 * row["epoch"], "val/f1": 0.08 * row["epoch"], "train/auxiliary_loss": 0.01}
    return rows


def every_figure(classes=CLASSES, present=None):
    scores, predictions = scored(classes=classes, present=present)
    return {
        "curves": draw_curves(epochs(9), 7, TITLE),
        "confusion_counts": draw_confusion(scores, TITLE, shares=False),
        "confusion_shares": draw_confusion(scores, TITLE, shares=True),
        "per_class": draw_per_class(scores, TITLE),
        "reliability": draw_reliability(predictions, TITLE),
        "roc": draw_roc(predictions, classes, TITLE),
        "class_distribution": draw_distribution(
            {
                split: {name: 7215 // size for name in classes}
                for size, split in enumerate(("training", "validation"), 1)
            },
            TITLE,
        ),
    }


@pytest.mark.parametrize(
    ("classes", "present"),
    [(CLASSES, None), (CLASSES, 5), (["no", "yes"], None), ([*CLASSES, "contempt", "unknown", "no face"], None)],
    ids=["seven", "two of seven absent", "two", "ten"],
)
def test_every_word_is_inside_and_large_enough_and_every_axis_is_named(classes, present):
    for name, figure in every_figure(classes, present).items():
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=100)
        ink = np.asarray(Image.open(content).convert("L")) < 250
        assert ink.shape[1] == WIDTH * 100
        border = np.ones_like(ink)
        border[2:-2, 2:-2] = False
        assert not ink[border].any(), f"{name}: something is cut off at the edge"
        assert ink[:, ink.shape[1] // 2].any()
        assert min(text.get_fontsize() for text in figure.findobj(Text)) >= SMALL == 6
        for axis in figure.axes:
            shared = name in ("curves", "reliability") and axis is not figure.axes[-1]  # named on the lowest panel
            is_bar = axis.get_label() == "<colorbar>"
            assert axis.get_ylabel(), name
            assert axis.get_xlabel() or shared or is_bar, name


def test_curves_are_the_rows_of_the_file():
    rows = epochs(9)
    del rows[4]["val/f1"]  # a column that came later
    figure = draw_curves(rows, 7, TITLE)
    drawn = {}
    for axis, unit in zip(figure.axes, ("loss (nats)", "accuracy (share)", "learning rate"), strict=True):
        assert axis.get_ylabel() == unit
        drawn |= {(unit, line.get_label()): line for line in axis.lines}
        assert any(line.get_xdata()[0] == 7 and line.get_linestyle() != "-" for line in axis.lines)  # selected
    assert figure.axes[-1].get_xlabel() == "epoch"
    wanted = {
        ("loss (nats)", "training"): "train/loss", ("loss (nats)", "validation"): "val/loss",
        ("loss (nats)", "model's own term"): "train/auxiliary_loss",
        ("accuracy (share)", "training"): "train/accuracy", ("accuracy (share)", "validation"): "val/accuracy",
        ("accuracy (share)", "validation macro F1"): "val/f1",
    }  # fmt: skip
    for place, key in wanted.items():
        points = [(row["epoch"], row[key]) for row in rows if key in row]
        assert list(zip(*drawn[place].get_data(), strict=True)) == points, place


def test_one_epoch_is_a_visible_point():
    figure = draw_curves(epochs(1), None, TITLE)
    assert all(line.get_marker() == "o" for axis in figure.axes for line in axis.lines)


def test_the_axis_of_one_epoch_counts_whole_epochs():
    axis = draw_curves(epochs(1), 1, TITLE).axes[-1]
    assert [tick for tick in axis.get_xticks() if 0.5 <= tick <= 1.5] == [1.0]


def test_every_number_of_the_confusion_matrix_stands_out():
    """By 4.5 to 1 at least: the contrast ratio of WCAG 2.2 for small text."""
    counts = [[0, 10, 20, 30, 40], [50, 52, 54, 56, 58], [60, 62, 64, 66, 68], [70, 75, 80, 85, 90], [100, 5, 1, 3, 2]]
    axis = draw_confusion({"classes": list("abcde"), "confusion_matrix": counts}, TITLE, shares=False).axes[0]
    picture = axis.images[0]
    for text, value in zip(axis.texts, (value for row in counts for value in row), strict=True):
        cell = np.array(picture.to_rgba(value)[:3])
        linear = np.where(cell <= 0.04045, cell / 12.92, ((cell + 0.055) / 1.055) ** 2.4)
        luminance = linear @ [0.2126, 0.7152, 0.0722]
        contrast = 1.05 / (luminance + 0.05) if text.get_color() == "white" else (luminance + 0.05) / 0.05
        assert contrast >= 4.5, value


def test_the_legend_of_the_roc_covers_no_curve():
    scores, predictions = scored()
    figure = draw_roc(predictions, CLASSES, TITLE)
    figure.draw_without_rendering()
    (axis,), (legend,) = figure.axes, figure.legends
    assert axis.get_legend() is None
    assert not legend.get_window_extent().overlaps(axis.get_window_extent())
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{name} {scores['per_class'][name]['auroc']:.3f}" for name in CLASSES
    ]


@pytest.mark.parametrize("shares", [False, True])
def test_the_confusion_matrix_is_the_recorded_one(shares):
    scores, _ = scored(present=6)
    figure = draw_confusion(scores, TITLE, shares=shares)
    axis, bar = figure.axes
    drawn = axis.images[0].get_array()
    if shares:
        assert drawn.mask[6].all()  # no image of neutral: no shares
        for row, wanted in zip(drawn[:6], scores["confusion_matrix_shares"][:6], strict=True):
            assert row.tolist() == pytest.approx([100 * share for share in wanted])
    else:
        assert drawn.tolist() == scores["confusion_matrix"]
    written = [text.get_text() for text in axis.texts]
    values = [value for row in scores["confusion_matrix"] for value in row]
    assert len(written) == 49
    if not shares:
        assert [int(text) for text in written] == values
    else:
        assert written[-7:] == ["-"] * 7
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axis.get_yticklabels()] == CLASSES
    assert bar.get_ylabel() == ("share of the true class (%)" if shares else "images")


def test_the_numbers_of_a_large_matrix_are_left_out():
    scores, _ = scored(classes=[f"c{k}" for k in range(20)])
    assert not draw_confusion(scores, TITLE, shares=False).axes[0].texts


def test_bars_and_whiskers_are_the_recorded_rates():
    scores, _ = scored(present=6)
    axis = draw_per_class(scores, TITLE).axes[0]
    bars = [bar.get_width() for bar in axis.patches]
    wanted = [scores["per_class"][name][rate] or 0 for rate in ("precision", "recall", "f1") for name in CLASSES]
    assert bars == wanted
    ends = [tuple(line.get_xdata()) for line in axis.lines]
    ranges = scores["intervals"]["per_class"]
    assert ends == [
        (ranges[name][rate]["low"], ranges[name][rate]["high"])
        for rate in ("precision", "recall", "f1")
        for name in CLASSES
        if ranges.get(name, {}).get(rate) and scores["per_class"][name][rate] is not None
    ]
    assert axis.yaxis_inverted()  # the first class on top


def test_reliability_shows_the_bins_of_the_calibration_error():
    _, predictions = scored()
    figure = draw_reliability(predictions, TITLE)
    upper, lower = figure.axes
    bins = find_reliability(predictions)
    filled = bins.count > 0
    assert [bar.get_height() for bar in upper.patches] == pytest.approx(bins.accuracy[filled])
    assert [bar.get_height() for bar in lower.patches] == bins.count.tolist()
    middles = [bar.get_x() + bar.get_width() / 2 for bar in lower.patches]
    assert middles == pytest.approx((bins.edges[:-1] + bins.edges[1:]) / 2)
    assert f"{calibration_error(predictions):.4f}" in figure.get_suptitle()


def test_the_area_below_each_roc_curve_is_its_auroc():
    scores, predictions = scored(present=6)
    axis = draw_roc(predictions, CLASSES, TITLE).axes[0]
    curves = axis.lines[1:]  # behind the diagonal
    assert [line.get_label() for line in curves] == [
        f"{name} {scores['per_class'][name]['auroc']:.3f}" for name in CLASSES[:6]
    ]
    for line, name in zip(curves, CLASSES, strict=False):
        area = auc(line.get_xdata(), line.get_ydata())
        assert area == pytest.approx(scores["per_class"][name]["auroc"], abs=1e-6)
    looks = {(line.get_color(), line.get_linestyle()) for line in curves}
    assert len(looks) == 6  # told apart by colour
    assert len({line._dash_pattern[1] and tuple(line._dash_pattern[1]) for line in curves}) == 6  # and by dashes


def test_one_class_has_no_roc():
    _, predictions = scored(present=1)
    assert draw_roc(predictions, CLASSES, TITLE) is None


def seen_by(colour, matrix):
    """A colour as dichromats see it (Machado et al. 2009, severity 1), linear RGB."""
    red_green_blue = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.clip(matrix @ red_green_blue**2.2, 0, 1)


@pytest.mark.parametrize(
    "matrix",
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ],
    ids=["protanopia", "deuteranopia", "tritanopia"],
)
def test_colours_that_stand_beside_each_other_differ_for_the_colour_blind(matrix):
    pairs = [(0, 1), (0, 2), (1, 2), (0, 6), (4, 5), (4, 2), (5, 2)]  # curves, bars
    for first, second in pairs:
        distance = np.abs(seen_by(COLOURS[first], np.array(matrix)) - seen_by(COLOURS[second], np.array(matrix))).sum()
        assert distance > 0.15, (COLOURS[first], COLOURS[second])


def test_files_are_whole_of_the_right_size_and_the_same_each_time(tmp_path):
    sums = []
    for folder in ("one", "other"):
        paths = write_figure(every_figure()["per_class"], tmp_path / folder, "per_class")
        sums.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert sums[0] == sums[1]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["per_class.png", "per_class.svg"]
    with Image.open(tmp_path / "one" / "per_class.png") as picture:
        assert picture.width == round(WIDTH * DPI)
    svg = (tmp_path / "one" / "per_class.svg").read_text()
    assert ">anger (" in svg  # text is text


def test_a_figure_that_cannot_be_written_leaves_nothing(tmp_path):
    from fer_plugins.runtime.errors import RunError

    (tmp_path / "figures").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot write"):
        write_figure(make_figure(1), tmp_path / "figures", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


# --- the command


@pytest.fixture
def run_folder(tmp_path):
    """A finished run's folder, written by the record itself."""
    from fer_plugins.runs.record import Record

    folder = tmp_path / "run"
    folder.mkdir()
    scores, predictions = scored()
    record = Record(folder, metrics={"test": scores, "claims": [], "not_a_result": []})
    record.write_config(
        "plugin: net\nmodel: {name: net}\ndata: {name: faces, balance: none}\nprotocol: {name: official}\n"
    )
    record.write_manifest(
        status="finished",
        reported_on="test",
        best_epoch=2,
        plugin={"name": "net"},
        seeds={"run": 0, "protocol": 0},
        protocol={"name": "official"},
        data={
            "title": "faces",
            "fingerprint": "f1",
            "split_hash": "5a5a",
            "classes": CLASSES,
            "counts": {split: COUNTS for split in ("train", "val", "test")},
        },
    )
    record.write_metrics()
    record.write_predictions({"test": ([f"image {n}" for n in range(300)], predictions)}, CLASSES)
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(epochs(3)[0]))
        writer.writeheader()
        writer.writerows(epochs(3))
    return folder


def call(*words):
    return main.call("fer", figures, list(map(str, words)))


def test_every_figure_of_a_run_is_written(run_folder, capsys):
    before = {path: path.read_bytes() for path in run_folder.iterdir()}
    assert call(run_folder) == 0
    wanted = {f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")}
    assert {path.name for path in (run_folder / "figures").iterdir()} == wanted
    assert capsys.readouterr().out.count(str(run_folder / "figures")) == 14
    assert {path: path.read_bytes() for path in run_folder.iterdir() if path.is_file()} == before
    svg = (run_folder / "figures" / "roc.svg").read_text()
    assert "net, faces, test, 300 images" in svg
    assert "NOT A RESULT" not in svg


def changed(folder, name, **values):
    path = Path(folder, name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_no_result_is_called_so_and_what_cannot_be_drawn_is_said(run_folder, capsys):
    changed(run_folder, "metrics.json", not_a_result=["test: every one of the 300 images is called anger"])
    (run_folder / "metrics.csv").unlink()
    assert call(run_folder) == 0
    assert "no curves: there is no metrics.csv" in capsys.readouterr().out
    assert len(list((run_folder / "figures").iterdir())) == 12
    for name in NAMES[1:]:
        assert "NOT A RESULT" in (run_folder / "figures" / f"{name}.svg").read_text(), name


def test_wrong_input_is_one_line_and_nothing_is_drawn(run_folder, tmp_path, capsys):
    def complaint(*words):
        assert call(*words) == 2
        text = capsys.readouterr().err
        assert text.count("\n") == 1
        return text

    assert "fer figures RUN" in complaint()
    assert "unknown option '--all'" in complaint("--all", run_folder)
    assert "not the folder of a run" in complaint(run_folder, tmp_path / "nothing")  # the first is not drawn either
    rows = (run_folder / "predictions.csv").read_text().splitlines()
    (run_folder / "predictions.csv").write_text("\n".join(rows[:-1]) + "\n")
    assert "299 rows of test, metrics.json counts 300" in complaint(run_folder)
    (run_folder / "predictions.csv").write_text("split,true\ntest,anger\n")
    assert "cannot be read" in complaint(run_folder)
    changed(run_folder, "manifest.json", status="interrupted")
    assert "interrupted, not finished; fer-run --resume" in complaint(run_folder)
    changed(run_folder, "manifest.json", status="finished", reported_on="val")
    assert "nothing was scored" in complaint(run_folder)
    assert not (run_folder / "figures").exists()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("predictions.csv", lambda text: text[:-4], "cut off in the middle of its last line"),
        ("predictions.csv", lambda text: text[: len(text) // 2], "cut off in the middle of its last line"),
        ("predictions.csv", lambda text: "\0" * 200_000 + "\n", "predictions.csv: "),
        ("predictions.csv", lambda text: text.rpartition(",")[0] + ",-0.1\n", "probabilities outside of 0 to 1"),
        ("predictions.csv", lambda text: text.replace(",happy,", ",sad,"), "not what metrics.json was computed from"),
        (
            "predictions.csv",
            lambda text: text.replace(",happy,", ",hapy,"),
            "has 'hapy', which is not a class of the run",
        ),
        ("metrics.csv", lambda text: text[:-3], "cut off in the middle of its last line"),
        ("metrics.csv", lambda text: text.replace("epoch", "epok", 1), "a row without an epoch"),
        ("metrics.csv", lambda text: "\0" * 200_000 + "\n", "metrics.csv: "),
        ("metrics.json", lambda text: "3", "metrics.json holds no mapping"),
        ("metrics.json", lambda text: '{"test": 3}', "not written by a run"),
        ("metrics.json", lambda text: '{"test": {"classes": 3, "n": 5}}', "not written by a run"),
        ("manifest.json", lambda text: "[]", "manifest.json holds no mapping"),
        ("manifest.json", lambda text: text.replace('"plugin"', '"plugins"'), "not written by a run"),
        ("manifest.json", lambda text: text.replace('"title"', '"titles"'), "not written by a run"),
        ("manifest.json", lambda text: text.replace('"counts": {', '"counts": {"train": 3}, "c": {'), "not written by"),
        ("config.yaml", lambda text: "[1]", "config.yaml holds no mapping"),
    ],
)
def test_a_damaged_file_is_one_line_and_nothing_is_drawn(run_folder, capsys, name, change, message):
    csv.field_size_limit(131_072)  # Python's own, which other libraries raise
    before = (run_folder / name).read_text()
    (run_folder / name).write_text(change(before))
    assert (run_folder / name).read_text() != before
    capsys.readouterr()
    assert call(run_folder) == 2
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1
    assert not (run_folder / "figures").exists()


def test_a_name_that_is_too_long_is_one_line(capsys):
    assert call("x" * 300) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_the_title_says_recipe_and_pooling(run_folder):
    (run_folder / "config.yaml").write_text("plugin: net\nrecipe: wide\nmodel: {name: net, pool: {name: max_blur}}\n")
    assert name_run(Record.read(run_folder)) == "net.wide (max_blur pooling), faces"
    (run_folder / "config.yaml").write_text("plugin: net\nmodel: {name: net, pool: average}\n")
    assert name_run(Record.read(run_folder)) == "net (average pooling), faces"


def test_without_matplotlib_the_remedy_is_said(run_folder, monkeypatch, capsys):
    import sys

    for name in [
        name
        for name in sys.modules
        if name.partition(".")[0] == "matplotlib" or "fer_plugins.analysis.figures." in name
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert call(run_folder) == 2
    assert "pip install 'matplotlib>=" in capsys.readouterr().err


def test_scores_of_too_few_images_have_no_bar():
    interval = {"low": 0.4, "high": 0.6}
    group = {"n": 9} | {metric: 0.5 for metric in SUMMARY} | {"intervals": dict.fromkeys(SUMMARY, interval)}
    too_few = {"with": {"f1": "fewer than 5 images of sad"}}
    axis = draw_copies({**group, "copies": {"without": group, "with": group, "too_few": too_few}}, "").axes[0]
    assert [bar.get_width() for bar in axis.patches] == [0.5] * 8 + [0.0]
    assert [text.get_text() for text in axis.texts] == ["0.500"] * 8 + ["too few images"]
