"""The table of runs: grouping, which interval, claims beside, and what the three formats make of it."""

import csv
import io
import json
import shutil
import subprocess

import numpy as np
import pytest
import yaml
from fer_robustness_tests.evaluation import Request, evaluate_run
from scipy import stats
from support import written_run
from support.verbs import figures, table

from fer_plugins.analysis.columns import parse_columns
from fer_plugins.analysis.table_formats import escape_latex
from fer_plugins.commands import main
from fer_plugins.experiments.run import run as train
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError

write_run, draw = written_run.write_run, written_run.draw


def edit(folder, file, **changes):
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def folders(tmp_path):
    """Three seeds of one model and one run of another, with a claim; names that LaTeX and Markdown would trip over."""
    made = []
    for seed in (0, 1, 2):
        true, answers = draw(seed + 1)
        made.append(write_run(tmp_path / f"a{seed}", true, answers, seed=seed))
    true, answers = draw(9, accuracy=0.8)
    made.append(write_run(tmp_path / "b_100%", true, answers, lr=0.01))
    claims = [
        {"metric": "accuracy", "claimed": 0.9926, "source": "Table 16 & text", "notes": ["split not stated"]},
        {"metric": "accuracy", "claimed": 0.98, "printed": "0.980", "source": "abstract|x", "notes": []},
        {"metric": "recall", "claimed": 0.5, "source": "Table 2", "notes": ["averaging not stated"]},
    ]
    for folder in made[:3]:
        edit(folder, "metrics.json", claims=claims)
    return made


def printed(capsys, *words):
    assert main.call("fer table", table, [str(word) for word in words]) == 0
    return capsys.readouterr().out


def test_csv_has_a_row_a_model_with_its_own_kind_of_interval(folders, capsys):
    several, single = csv.DictReader(io.StringIO(printed(capsys, *folders, "--format", "csv")))
    values = [read_run(folder).scores["accuracy"] for folder in folders[:3]]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert several["seeds"] == "0 1 2"
    assert several["split_hash"] == "5a5a"
    assert float(several["accuracy"]) == pytest.approx(np.mean(values))
    assert float(several["accuracy_low"]) == pytest.approx(low)
    assert float(several["accuracy_high"]) == pytest.approx(high)
    assert several["accuracy_interval"] == "t over 3 seeds"
    assert several["accuracy_claimed"] == "0.9926; 0.980"
    assert several["accuracy_claimed_in"] == "Table 16 & text; abstract|x"
    assert several["remarks"] == "claimed accuracy (Table 16 & text): split not stated"
    scores = read_run(folders[3]).scores
    assert single["seeds"] == "0"
    assert single["accuracy_interval"] == single["f1_interval"] == "test samples"
    assert float(single["f1"]) == scores["f1"]
    assert float(single["f1_high"]) == scores["intervals"]["f1"]["high"]
    assert single["n"] == "300"
    assert single["accuracy_claimed"] == ""


def test_markdown_is_one_table(folders, capsys):
    shown = printed(capsys, *folders)
    lines = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert {line.replace("\\|", "").count("|") for line in lines} == {10}
    assert "t over 3 seeds" in lines[2]
    assert "test samples" in lines[3]
    assert "0.9926 (Table 16 & text); 0.980 (abstract\\|x)" in lines[2]
    assert "\n1. claimed accuracy (Table 16 & text): split not stated\n" in shown


def test_a_run_that_is_no_result_is_left_out_of_the_mean_and_said(folders, capsys):
    edit(folders[2], "metrics.json", not_a_result=["every image is called happy"])
    several, _ = csv.DictReader(io.StringIO(printed(capsys, *folders, "--format=csv")))
    values = [read_run(folder).scores["accuracy"] for folder in folders[:2]]
    assert float(several["accuracy"]) == pytest.approx(np.mean(values))
    assert several["seeds"] == "0 1"
    assert "NOT A RESULT, left out: seed 2 (every image is called happy); 1 of 3 runs" in several["remarks"]
    edit(folders[3], "metrics.json", not_a_result=["every image is called anger"])
    alone = printed(capsys, folders[3])
    assert alone.count("NOT A RESULT") == 3
    assert "0." not in alone.splitlines()[2].partition("official")[2]


def test_other_data_and_protocols_are_other_rows(folders, tmp_path, capsys):
    true, answers = draw(4)
    elsewhere = write_run(tmp_path / "other", true, answers, seed=5)
    manifest = json.loads((elsewhere / "manifest.json").read_text())
    manifest["data"] |= {"title": "CK+", "fingerprint": "f2", "limit": 100}
    manifest["protocol"] |= {"name": "paper", "flaw": "it selects on the test split"}
    edit(elsewhere, "manifest.json", **manifest)
    rows = list(csv.DictReader(io.StringIO(printed(capsys, *folders, elsewhere, "--format", "csv"))))
    assert [row["dataset"] for row in rows] == ["Faces", "Faces", "CK+"]
    assert rows[2]["model"] == "net"
    assert rows[2]["remarks"] == "flawed protocol: it selects on the test split; only part of the data (data.limit 100)"


def test_latex_is_escaped():
    assert escape_latex(r"a_b & 5 % of $x^2 {y} #1 ~ \z <|>") == (
        r"a\_b \& 5 \% of \$x\textasciicircum{}2 \{y\} \#1 \textasciitilde{} \textbackslash{}z "
        r"\textless{}\textbar{}\textgreater{}"
    )
    assert escape_latex("Müller λ") == "Müller [GREEK SMALL LETTER LAMDA]"


def test_latex_compiles(folders, tmp_path, capsys):
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("pdflatex is not installed")
    edit(folders[3], "metrics.json", claims=[
        {"metric": "f1", "claimed": 0.5, "source": 'ü_&%$#{}~^\\<>|"λ\u00d7', "notes": ["[a] note_1 'λ'"]}
    ])  # fmt: skip
    text = printed(capsys, *folders, "--format", "tex")
    whole = "\\documentclass{article}\\begin{document}\n" + text + "\\end{document}\n"
    (tmp_path / "x.tex").write_text(whole, encoding="utf-8")
    words = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "x.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "x.pdf").stat().st_size > 0


def test_latex_has_a_row_a_model_and_as_many_columns_as_announced(folders, capsys):
    text = printed(capsys, *folders, "--format", "tex")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 3
    columns = text.splitlines()[0].removeprefix(r"\begin{tabular}{").removesuffix("}")
    assert {line.replace(r"\&", "").count("&") + 1 for line in rows} == {len(columns)}


def test_wrong_input_is_one_line(folders, tmp_path, capsys):
    for words, message in (
        ([], "no run is given"),
        ([folders[0], "--format", "pdf"], "--format pdf: expected one of md, csv, tex"),
        ([folders[0], "--format"], "--format needs a value"),
        ([folders[0], "--fromat", "csv"], "unknown option '--fromat'; did you mean --format?"),
        ([folders[0], folders[0]], "the same folder as"),
        ([tmp_path / "nowhere"], "no such folder"),
    ):
        assert main.call("fer table", table, [str(word) for word in words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert message in captured.err
    true, answers = draw(1)
    write_run(tmp_path / "again", true, answers)
    assert main.call("fer table", table, [str(folders[0]), str(tmp_path / "again")]) == 2
    assert "a repetition is not a second training" in capsys.readouterr().err


def test_any_metric_on_any_split_and_what_a_run_cost_are_columns(toy, tmp_path, capsys):
    folders = []
    for seed in (0, 1, 2):
        flags = {
            "plugin": "toy",
            "seed": seed,
            "data": {"name": "synthetic", "samples": 210, "image_size": 24, "difficulty": 0.1},
            "trainer": {"epochs": 2, "threads": 1, "progress": "none"},
            "logger": {"name": "none"},
            "run": {"output": str(tmp_path / "runs"), "score_train": seed < 2},
        }
        folders.append(train(flags).folder)
    claims = [
        {"model": "Toy", "dataset": "Synthetic", "split": "train", "metric": "accuracy", "value": 0.97},
        {"model": "Toy", "dataset": "Synthetic", "split": "test", "metric": "epochs", "value": 30},
        {"model": "Other", "dataset": "Synthetic", "split": "validation", "metric": "accuracy", "value": 0.61},
        {"model": "Other", "dataset": "Synthetic", "split": "test", "metric": "far", "value": 0.02},
        {"model": "Other", "dataset": "CK+", "split": "test", "metric": "accuracy", "value": 0.99},
    ]
    content = {
        "paper": {"id": "toy", "title": "A toy"},
        "models": [{"name": name, "role": "proposed"} for name in ("Toy", "Other")],
        "claims": [claim | {"source": "Table 1"} for claim in claims],
    }
    (toy / "toy" / "claims.yaml").write_text(yaml.safe_dump(content))
    capsys.readouterr()
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    names = "accuracy,val/accuracy,train/f1,test/specificity,test/recall/happy,gap/accuracy,far,kappa,"
    names += "epochs,best_epoch,epoch_time,train_time,params,macs,flops,mb,latency"
    shown = printed(capsys, folders[0], "--columns", names, "--quoted", "--format", "csv")
    row, other_row = csv.DictReader(io.StringIO(shown))
    scores = metrics[0]
    assert float(row["val/accuracy"]) == scores["val"]["accuracy"]
    assert float(row["train/f1"]) == scores["train"]["f1"]
    assert float(row["train/f1_low"]) == scores["train"]["intervals"]["f1"]["low"]
    assert float(row["test/recall/happy"]) == scores["test"]["per_class"]["happy"]["recall"]
    gap = scores["generalisation_gap"]["accuracy"]
    assert float(row["gap/accuracy"]) == gap["difference"]
    assert gap["difference"] == pytest.approx(scores["train"]["accuracy"] - scores["test"]["accuracy"])
    assert gap["low"] < gap["difference"] < gap["high"]
    assert float(row["far.specificity"]) == pytest.approx(1 - scores["test"]["specificity"])
    assert float(row["far.specificity_micro"]) == pytest.approx(1 - scores["test"]["specificity_micro"])
    assert (row["epochs"], row["epochs_claimed"]) == ("2.0", "30")
    assert float(row["train_time"]) == pytest.approx(2 * float(row["epoch_time"]))
    assert float(row["flops"]) == 2 * float(row["macs"])
    assert float(row["mb"]) >= 4 * float(row["params"]) / 1e6
    assert 0 < float(row["latency"]) < 10
    assert (other_row["model"], other_row["images"], other_row["val/accuracy_claimed"]) == (
        "Other (quoted)",
        "quoted",
        "0.61",
    )
    assert (other_row["accuracy"], other_row["accuracy_claimed"], other_row["far.specificity_claimed"]) == (
        "",
        "",
        "0.02",
    )
    assert "quoted from A toy: not measured here" in other_row["remarks"]
    shown = printed(capsys, folders[0], "--columns", "train/accuracy,val/accuracy", "--quoted")
    assert "0.97" not in shown  # the record was written before the claim
    recorded = {"metric": "accuracy", "split": "train", "claimed": 0.97, "source": "T", "notes": []}
    (folders[0] / "metrics.json").write_text(json.dumps(scores | {"claims": [recorded]}))
    shown = printed(capsys, folders[0], "--columns", "accuracy,train/accuracy")
    assert shown.splitlines()[2].split("|")[6].strip() == "-"  # not beside the test split
    assert "0.97 (T)" in shown
    missing = printed(capsys, *folders[1:], "--columns", "train/accuracy,val/kappa")
    assert "| - |" in missing.splitlines()[2]  # one seed did not score it
    for wrong, message in (
        ("kapa", "did you mean kappa?"),
        ("vall/f1", "did you mean val?"),
        ("test/f1/joy", "has no class joy"),
    ):
        assert main.call("fer table", table, [str(folders[0]), "--columns", wrong]) == 2
        assert message in capsys.readouterr().err
    _figures_of_the_training_split(folders, capsys)


def _figures_of_the_training_split(folders, capsys):
    """Here, since it takes trained runs."""
    assert main.call("fer figures", figures, [str(folders[0]), "--split", "train"]) == 0
    names = {path.stem for path in (folders[0] / "figures").glob("*_train.svg")}
    drawn = ("confusion_counts", "confusion_shares", "per_class", "reliability", "roc")
    assert names == {f"{name}_train" for name in drawn}
    capsys.readouterr()
    assert main.call("fer figures", figures, [str(folders[2]), "--split", "train"]) == 2
    complaint = capsys.readouterr().err
    remedy = f"train it again: fer-run --config {folders[2]}/config.yaml --run.score_train true"
    assert f"has no scores of train; {remedy}" in complaint
    report = evaluate_run(folders[0], Request(suites=("shift",), split="train", limit=40))
    size = json.loads((folders[0] / "metrics.json").read_text())["train"]["n"]
    assert (report["part"], report["n"], report["of"]) == ("train", 40, size)


@pytest.mark.parametrize("name", ["gap/recall/happy", "gap/f1/sad", "train/accuracy/happy", "val/kappa/happy"])
def test_what_is_not_measured_by_class_is_refused(name):
    """A gap of a class was the gap of all classes under the class's name."""
    with pytest.raises(InputError, match=f"column {name}: .* not measured by class; leave /{name.split('/')[2]} out"):
        parse_columns([name])
    assert parse_columns([name.rpartition("/")[0]])  # the remedy


def test_the_title_of_a_class_is_no_average():
    assert [column.title for column in parse_columns(["test/recall/happy", "test/recall"])] == [
        "test recall happy",
        "test macro recall",
    ]
