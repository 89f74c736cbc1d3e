"""``fer report``: what stands on the page, that nothing of a stranger acts on it, and what is refused."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from fer_html_report import page as pages
from fer_html_report import pdf, scores
from fer_html_report.blocks import Chapter, Chart, Charts, Section
from fer_html_report.charts import inline
from fer_html_report.command import report
from fer_html_report.errors import most_confident
from fer_html_report.numbers import NONE
from fer_html_report.page import build
from markupsafe import Markup
from support import written_run
from support.written_run import draw, write_run

from fer_plugins.commands import main
from fer_plugins.commands.usage import invoke
from fer_plugins.config import registry
from fer_plugins.metrics.cluster_scores import score_clusters
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runs.record import Record

SCRIPT = "<script>document.title='broken'</script>"
IMAGE = "<img src=x onerror=\"document.title='broken'\">"
WORDS = (
    *("--plugin", "lenet5", "--data", "synthetic", "--data.samples", "105", "--data.subjects", "5"),
    *("--trainer.epochs", "1", "--logger", "csv"),
)
SECTIONS = (
    *("scores", "claims", "classes", "confusion", "curves", "calibration", "robustness", "errors"),
    *("run", "protocol", "data", "seeds", "faults", "cost", "repeat"),
)


class Page(HTMLParser):
    """Collects the tags of a page, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def call(*argv):
    return main.call("fer report", lambda words: invoke(report, "fer report", words), [str(word) for word in argv])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that was trained, with its page."""
    output = tmp_path_factory.mktemp("trained")
    assert main.call("fer-run", main._run, [*WORDS, "--run.output", str(output), "--report"]) == 0
    return next(output.iterdir())


@pytest.fixture
def trained(made, tmp_path):
    """A copy of a run that was trained."""
    return shutil.copytree(made, tmp_path / made.name)


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """A run whose class, file, paper and warning are code."""
    monkeypatch.setattr(
        written_run, "CLASSES", [SCRIPT, IMAGE, "$\\frac{</svg><script>document.title='broken'</script>"]
    )
    folder = write_run(tmp_path / "hostile", *draw(1, 60), sources=[f"{n}{IMAGE}.png" for n in range(60)])
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"paper": {"title": SCRIPT, "authors": [IMAGE]}, "warnings": [SCRIPT], "command": ["fer-run", IMAGE]}
    manifest["data"]["title"] = SCRIPT
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_run_is_one_page(trained):
    text = (trained / "report.html").read_text()
    page = Page(text)
    record = read_run(trained).record
    scores = record.metrics["test"]
    assert f"{scores['accuracy']:.4f}" in page.text
    assert f"[{scores['intervals']['accuracy']['low']:.4f}" in page.text
    for fact in (record.manifest["data"]["split_hash"], record.manifest["data"]["fingerprint"], record.manifest["git"]):
        assert fact in page.text
    for word in (
        "lenet5, synthetic",
        "precision (macro)",
        "Trainable parameters",
        "fer-run --config",
        "was opened once",
    ):
        assert word in page.text
    assert "version of the run did not record" not in page.text, "a section of a run of this version is not whole"
    assert [ids["id"] for ids in page.all("h2")] == [f"run1-{name}" for name in SECTIONS]
    assert [link["href"] for link in page.all("a")] == ["#content", *(f"#run1-{name}" for name in SECTIONS)]
    assert str(trained.parent) not in text, "folders of this machine stay here"
    assert len(text) < 1_000_000


def test_nothing_is_claimed_of_a_training_that_was_done_elsewhere(tmp_path):
    folder = write_run(tmp_path / "elsewhere", *draw(1, 60))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"trained_elsewhere": {"file": "p.csv"}, "command": ["/x/fer", "score", "p.csv"]}
    manifest["data"]["counts"] = {split: dict.fromkeys(("anger", "happy"), 45) for split in ("train", "val", "test")}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert call(folder) == 0
    page = Page((folder / "report.html").read_text())
    assert "Trained elsewhere: what the network was trained, selected and tuned on is not known" in page.text
    assert "seed not known" in page.text
    for claimed in ("was trained on 90 images", "fer-run --config", "fer reproduce", "Selected was"):
        assert claimed not in page.text


def test_the_page_loads_nothing_and_can_be_read_without_eyes(trained):
    page = Page((trained / "report.html").read_text())
    assert not page.all("script") + page.all("link") + page.all("img")
    for tag, attributes in page.tags:
        for key in ("src", "href", "xlink:href"):
            assert attributes.get(key, "#").startswith(("#", "data:image/png;base64,")), (tag, attributes)
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names)), "an address twice"
    charts = page.all("svg")
    assert len(charts) >= 7
    for chart in charts:
        assert chart["role"] == "img"
        assert set(chart["aria-labelledby"].split()) <= set(names)
    assert len(page.all("desc")) == len(charts)
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert {part["tabindex"] for part in page.all("div") if part.get("role") == "region"} == {"0"}
    assert page.all("html") == [{"lang": "en"}]


def test_nothing_of_a_stranger_is_markup(hostile):
    assert call(hostile) == 0
    page = Page((hostile / "report.html").read_text())
    assert not page.all("script") + page.all("img")
    assert page.text.count("onerror=") > 10
    assert len(page.all("svg")) >= 5


def find_chromium():
    browser = pdf.find_printer()
    if browser in (None, "weasyprint"):
        pytest.skip("no Chromium is installed")
    return browser


def title_in_browser(path, profile):
    """Return the title of a page after its scripts have run, and the document's elements."""
    command = [
        find_chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={profile}", "--virtual-time-budget=2000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return re.search(r"<title>(.*?)</title>", done.stdout)[1], Page(done.stdout)


def test_a_class_called_script_does_nothing_in_a_browser(hostile, tmp_path):
    assert call(hostile) == 0
    text = (hostile / "report.html").read_text()
    unguarded = re.sub(r"<meta http-equiv=[^>]*>", "", text)  # what the policy would stop is to be harmless already
    assert unguarded != text
    (tmp_path / "page.html").write_text(unguarded)
    title, page = title_in_browser(tmp_path / "page.html", tmp_path / "profile")
    assert "broken" in title, "the title names the dataset, which is called so"
    assert title.startswith("net, ")
    assert not page.all("script") + page.all("img")
    (tmp_path / "open.html").write_text(unguarded.replace("<nav", f"{SCRIPT}<nav"))
    assert title_in_browser(tmp_path / "open.html", tmp_path / "profile")[0] == "broken", "a script that acts is seen"
    (tmp_path / "guarded.html").write_text(text.replace("<nav", f"{SCRIPT}<nav"))
    assert title_in_browser(tmp_path / "guarded.html", tmp_path / "profile")[0] != "broken", "the policy stops it"


def test_scores_of_too_few_images_are_explained():
    scored = {"n": 9, "accuracy": 0.5, "balanced_accuracy": 0.5, "f1": 0.5, "intervals": {}}
    few = {"with": {"f1": "fewer than 5 images of sad"}}
    copies = {"exact": 1, "near": 0, "without": scored, "with": scored, "difference": None, "too_few": few}
    table = next(scores._copies("test", {**scored, "copies": copies}))
    rows = {row[0]: row for row in table.rows}
    assert rows["with a copy in training"][-1] == NONE != rows["without a copy in training"][-1]
    assert table.note.endswith(f"{NONE}: too few images to score them: fewer than 5 images of sad.")


@pytest.fixture
def bare_chapters(monkeypatch):
    """Leave the chapters of single runs empty: their charts take seconds, and other tests look at them."""
    monkeypatch.setattr(pages, "_chapter", lambda run, name, images: Chapter(name, run.name))


@pytest.mark.usefixtures("bare_chapters")
def test_several_runs_are_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runs = [write_run(tmp_path / f"lr{lr}s{seed}", *draw(seed + 9, accuracy=share), seed=seed, lr=lr)
            for lr, share in ((0.1, 0.6), (0.2, 0.9)) for seed in (0, 1)]  # fmt: skip
    assert call(*runs) == 0
    assert capsys.readouterr().out == "report.html\n"
    page = Page((tmp_path / "report.html").read_text())
    assert "There is no critical-difference diagram: ranks take three models" in page.text
    for word in (
        "Pair by pair on the same images",
        "B seed 0 better",
        "Model by model over seeds",
        "McNemar",
        "p (Holm)",
    ):
        assert word in page.text
    assert [title["id"] for title in page.all("h2")] == ["comparison-title", *(f"run{n}-title" for n in range(1, 5))]


@pytest.mark.usefixtures("bare_chapters")
def test_three_models_over_seeds_have_a_critical_difference_diagram(tmp_path):
    runs = [write_run(tmp_path / f"lr{lr}s{seed}", *draw(seed + 9, 90, share), seed=seed, lr=lr)
            for lr, share in ((0.1, 0.4), (0.2, 0.6), (0.3, 0.9)) for seed in range(3)]  # fmt: skip
    assert call(*runs, "--out", tmp_path / "three.html") == 0
    page = Page((tmp_path / "three.html").read_text())
    assert "Mean ranks of accuracy over 3 seeds" in page.text
    assert "Critical-difference diagram of accuracy over 3 seeds" in page.text
    assert len(page.all("svg")) == 2


@pytest.mark.usefixtures("bare_chapters")
def test_runs_that_cannot_be_paired_stand_side_by_side(tmp_path):
    runs = [write_run(tmp_path / str(size), *draw(1, size), lr=size, split_hash=str(size)) for size in (60, 90)]
    assert call(*runs, "--out", tmp_path / "both.html") == 0
    text = Page((tmp_path / "both.html").read_text()).text
    assert "There is no paired comparison" in text
    assert "different test sets" in text


def test_many_runs_stay_below_three_megabytes(tmp_path, monkeypatch):
    chart = Chart("curves", "curves", Markup("<svg>" + "x" * 1_000_000 + "</svg>"))
    sections = [Section("curves", "Training", [Charts([chart])])]
    monkeypatch.setattr(pages, "_chapter", lambda run, name, images: Chapter(name, name, sections=sections))
    runs = [read_run(write_run(tmp_path / str(seed), *draw(seed, 60), seed=seed)) for seed in range(4)]
    text = pages.write(build(runs, [None] * 4), "html")
    assert 2_000_000 < len(text) < 3_000_000
    assert text.count("The charts are left out") == 2


def test_without_claims_and_of_an_older_version_the_gaps_are_said(tmp_path):
    folder = write_run(tmp_path / "old", *draw(1, 60), copies=["exact", *[""] * 59])
    assert call(folder) == 0
    text = Page((folder / "report.html").read_text()).text
    for word in ("No claims:", "not recorded", "Not measured; fer robustness old", "with a copy in training"):
        assert word in text


def test_faults_stand_above_the_numbers(tmp_path):
    folder = write_run(tmp_path / "bad", *draw(1, 60), faults=["every image is called happy"])
    assert call(folder) == 0
    text = Page((folder / "report.html").read_text()).text
    assert text.index("NOT A RESULT: every image is called happy") < text.index("Macro F1")


def test_the_most_confident_errors_come_first(tmp_path):
    finished = read_run(write_run(tmp_path / "run", *draw(1, 60)))
    probabilities = finished.predictions.probabilities.copy()
    errors = np.flatnonzero(finished.true != finished.predicted)
    probabilities[errors[7], finished.predicted[errors[7]]] = 0.998
    probabilities[errors[2], finished.predicted[errors[2]]] = np.nan
    places = most_confident(replace(finished, predictions=replace(finished.predictions, probabilities=probabilities)))
    assert places[0] == errors[7]
    assert errors[2] not in places
    assert len(places) == 12


def test_images_are_embedded_where_asked_for_and_the_opening_is_recorded(trained, capsys):
    before = read_run(trained).record.manifest["test_opened"]
    assert call(trained, "--images", "--force") == 0
    assert capsys.readouterr().out == f"{trained}/report.html\n"
    page = Page((trained / "report.html").read_text())
    assert len(page.all("img")) == min(12, int((read_run(trained).true != read_run(trained).predicted).sum())) > 0
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in page.all("img"))
    openings = read_run(trained).record.manifest["test_opened"]
    assert len(openings) == len(before) + 1
    assert "fer report" in openings[-1]
    assert call(trained, "--images", "--force", "--data.root", "none") == 2
    assert "--images: " in capsys.readouterr().err


def test_markdown_has_the_same_sections_and_no_markup_of_strangers(hostile):
    assert call(hostile, "--format", "md") == 0
    text = (hostile / "report.md").read_text()
    assert len(re.findall(r"^## ", text, re.M)) == len(SECTIONS)
    outside = re.sub(r"^    .*$", "", text, flags=re.M)  # code stands as it is
    assert not re.search(r"(?<!\\)<(script|img|/svg)", outside)


def test_pdf_through_what_is_installed(tmp_path, monkeypatch, capsys):
    folder = write_run(tmp_path / "run", *draw(1, 60))
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert call(folder, "--format", "pdf") == 2
        message = capsys.readouterr().err
        assert "pip install weasyprint" in message
        assert message.count("\n") == 1
    assert not (folder / "report.pdf").exists()
    find_chromium()
    assert call(folder, "--format", "pdf") == 0
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")


def test_weasyprint_prints_where_there_is_no_browser(tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "weasyprint"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n{shutil.which("cp")} "$1" "$2"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    assert pdf.print_page("<p>page", pdf.need_printer()) == b"<p>page"
    fake.write_text("#!/bin/sh\necho no fonts >&2\nexit 3\n")
    with pytest.raises(RuntimeError, match="did not print the page: no fonts"):
        pdf.print_page("<p>page", pdf.need_printer())


def test_a_file_is_replaced_with_force_alone(tmp_path, capsys):
    folder = write_run(tmp_path / "run", *draw(1, 60))
    (folder / "report.html").write_text("mine")
    assert call(folder) == 2
    assert "already exists; replace it with --force" in capsys.readouterr().err
    assert (folder / "report.html").read_text() == "mine"
    assert call(folder, "--force") == 0
    assert "mine" not in (folder / "report.html").read_text()[:50]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "is missing"),
        (["none"], "none: not the folder of a run: there is no such folder"),
        (["run", "run"], "the same folder as"),
        (["run", "--out", "."], "is a folder"),
        (["run", "--out", "none/a.html"], "there is no folder"),
        (["run", "--format", "docx"], "expected one of html, md, pdf"),
        (["run", "--data.root", "x"], "--data.root belongs to --images"),
        (["run", "--format", "md", "--images"], "Markdown holds no images"),
        (["unfinished"], "fer-run --resume unfinished"),
        (["damaged"], "damaged"),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_written(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("run", "unfinished", "damaged"):
        write_run(tmp_path / name, *draw(1, 60))
    manifest = json.loads((tmp_path / "unfinished" / "manifest.json").read_text())
    (tmp_path / "unfinished" / "manifest.json").write_text(json.dumps(manifest | {"status": "interrupted"}))
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    assert call(*argv) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("report")]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--report", "--print-config"], "--report: nothing is run"),
        (["--report", "--list"], "--report: nothing is run"),
    ],
)
def test_a_page_of_nothing_is_refused(argv, message, capsys):
    assert main.call("fer-run", main._run, [*WORDS, *argv]) == 2
    assert message in capsys.readouterr().err


def test_fer_run_says_how_a_page_is_made_and_refuses_one_that_no_plugin_makes(made, tmp_path, monkeypatch, capsys):
    runs = [Record.read(shutil.copytree(made, tmp_path / name)) for name in ("a b", "c")]
    monkeypatch.setattr("fer_plugins.experiments.run.run", lambda resolved: runs[0])
    monkeypatch.setattr("fer_plugins.experiments.seeds.run_seeds", lambda count, resolve, train: runs)
    assert main.call("fer-run", main._run, [*WORDS]) == 0
    assert capsys.readouterr().out == f"for a report: fer report '{tmp_path}/a b'\n"
    monkeypatch.setattr("fer_html_report.page.build", lambda finished, images: [Chapter("a", f"{len(finished)} runs")])
    assert main.call("fer-run", main._run, [*WORDS, "--seeds", "2", "--report"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/report-a b.html\n"
    monkeypatch.setattr(registry, "available", lambda kind=None: [])
    assert main.call("fer-run", main._run, ["--report"]) == 2
    assert "no installed plug-in offers the command report" in capsys.readouterr().err


def test_an_svg_keeps_its_references_and_loses_its_style():
    svg = b"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
      width="3pt" height="3pt"
      viewBox="0 0 3 3"><metadata>x</metadata><defs><style>*{fill: red}</style><path id="a"/><clipPath id="b"/></defs>
      <g id="unused"><use xlink:href="#a" x="1.23456" clip-path="url(#b)"/></g></svg>"""
    text = inline(svg, "a < b", "says")
    prefix = re.search(r'aria-labelledby="(\w+)-title', text)[1]
    assert f'id="{prefix}-a"' in text
    assert f'xlink:href="#{prefix}-a"' in text
    assert f'clip-path="url(#{prefix}-b)"' in text
    assert 'x="1.23"' in text
    assert "a &lt; b" in text
    assert not re.search("unused|metadata|<style|width=", text)


@pytest.mark.parametrize("count", [12, 3])
def test_intervals_are_by_subject_and_those_over_images_are_folded_away(tmp_path, count):
    true, predicted = draw(1, 120)
    subjects = [f"s{n % count}" for n in range(120)]
    folder = write_run(tmp_path / "subjects", true, predicted, subjects=subjects)
    run = read_run(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"] |= score_clusters(run.predictions.to_predictions(), run.classes, np.array(subjects), None)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert call(folder) == 0
    text = (folder / "report.html").read_text()
    scores = read_run(folder).scores
    by_subject, over_images = scores["by_subject"], scores["intervals"]["accuracy"]
    headline = text.partition('class="headlines"')[2].partition("</dl>")[0]
    assert f"[{over_images['low']:.4f}" not in headline
    assert f"[{over_images['low']:.4f}" in text.partition("The intervals over images")[2]
    if count == 12:
        assert f"[{by_subject['accuracy']['low']:.4f}" in headline
        assert "by subject (12" in headline
    else:
        assert "interval: none by subject (3, too few for some scores)" in headline
        assert f"{scores['accuracy']:.4f} (too few subjects)" in text
