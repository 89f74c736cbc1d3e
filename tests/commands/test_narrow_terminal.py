"""At 80 columns no line is longer, no row of a table breaks and no verdict is cut."""

import io
import re

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table
from support import written_run

from fer_plugins.commands import main
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scores import score
from fer_plugins.runs.result_table import WIDEST, print_result, result_console
from fer_plugins.runtime.print_table import print_table

write_run, draw = written_run.write_run, written_run.draw
CLASSES = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]


def scored(size=4000, seed=0):
    random = np.random.default_rng(seed)
    label = random.integers(0, len(CLASSES), size)
    predicted = np.where(random.random(size) < 0.6, label, random.integers(0, len(CLASSES), size))
    probabilities = np.full((size, len(CLASSES)), 0.02)
    probabilities[np.arange(size), predicted] = 0.86
    loss = -np.log(probabilities[np.arange(size), label])
    answers = Predictions(np.arange(size), label, predicted, probabilities, loss, int((label == predicted).sum()))
    return score(answers, CLASSES)


def printed(width, show):
    stream = io.StringIO()
    show(Console(file=stream, width=width, color_system=None, force_terminal=False, highlight=False))
    return stream.getvalue().splitlines()


@pytest.fixture(scope="module")
def result():
    scores = {"test": scored(), "val": scored(seed=1)}
    return lambda console: print_result(console, scores, [], {"data": "Faces"}, {})


@pytest.mark.parametrize("width", [80, 100, 120])
def test_each_class_has_one_line_a_table(result, width):
    lines = printed(width, result)
    assert max(map(len, lines)) <= width
    rows = [line for line in map(str.strip, lines) if re.match(rf"({'|'.join(CLASSES)})\s", line)]
    blocks = sum(line.startswith(" class ") for line in lines)
    assert len(rows) == blocks * len(CLASSES)
    assert blocks == 1
    happiness = " ".join(line for line in rows if line.startswith("happiness"))
    interval = r"0\.\d{3} to 0\.\d{3}" if width >= 100 else r"0\.\d{3} \[\d\.\d\d, \d\.\d\d\]"
    assert len(re.findall(interval, happiness)) == 3
    assert sum(line.startswith("balanced accuracy") for line in lines) == sum(
        line.startswith("score ") for line in lines
    )


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_wide_table_comes_in_blocks_that_begin_with_the_keys(width):
    table = Table(title="many columns")
    names = [f"column {number}" for number in range(12)]
    for name in ("fold", *names):
        table.add_column(name)
    for fold in range(3):
        table.add_row(f"fold {fold}", *(f"{fold}.{number:04}" for number in range(12)))
    lines = printed(width, lambda console: print_table(console, table))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert text.count("fold 2") == sum("column" in line for line in lines) - 1  # the title is one of them
    assert re.findall(r"2\.\d{4}", text) == [f"2.{number:04}" for number in range(12)]


def runs(place):
    folders = []
    for lr, accuracy in ((0.001, 0.7), (0.01, 0.8)):
        for seed in (0, 1, 2):
            true, predicted = draw(seed + int(1000 * lr), accuracy=accuracy)
            folders.append(str(write_run(place / f"lr{lr}-{seed}", true, predicted, seed=seed, lr=lr)))
    return folders


def call(monkeypatch, capsys, width, *words):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main.call("fer", main._verb, list(words)) == 0, capsys.readouterr().err
    return capsys.readouterr().out.splitlines()


def test_compare_cuts_no_verdict(tmp_path, monkeypatch, capsys):
    lines = call(monkeypatch, capsys, 80, "compare", *runs(tmp_path))
    assert max(map(len, lines)) <= 80
    verdicts = [line for line in lines if re.match(r" A s\d .* (B s\d better|not distinguishable)\b", line)]
    assert len(verdicts) == 2 * 3  # accuracy and F1 of three pairs
    assert not any("…" in line for line in lines)
    wide = call(monkeypatch, capsys, 120, "compare", *runs(tmp_path / "again"))
    assert 80 < max(map(len, wide)) <= 120


@pytest.mark.parametrize("words", [["list"], ["show", "max_blur"], ["show", "synthetic"]])
def test_what_is_installed_fits(monkeypatch, capsys, words):
    lines = call(monkeypatch, capsys, 80, *words)
    assert max(map(len, lines)) <= 80


def test_where_there_is_no_terminal_the_width_is_that_of_columns_or_a_hundred(monkeypatch):
    for columns, width in (("80", 80), ("300", WIDEST), ("", 100), ("wide", 100), ("0", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        assert result_console(io.StringIO()).width == width
