"""``fer robustness`` on a run of synthetic faces: what it writes, what it leaves alone, what it refuses."""

import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fer_robustness_tests.command import robustness
from fer_robustness_tests.evaluation import Request, _check_calibration, evaluate_run
from support.verbs import evaluate

from fer_plugins.analysis.network import Split
from fer_plugins.analysis.opened_run import check_run, open_run
from fer_plugins.commands import main
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError

SETTINGS = {
    "plugin": "toy",
    "data": {"name": "synthetic", "samples": 210, "difficulty": 0.1, "batch_size": 16},
    "trainer": {"epochs": 3, "accelerator": "cpu", "threads": 1, "progress": "none"},
    "logger": {"name": "none"},
}


@pytest.fixture
def finished(toy, tmp_path, kept):
    """Return the folder of a finished run."""
    return kept("finished", lambda new: run({**SETTINGS, "run": {"output": str(new)}}).folder, tmp_path / "runs")


def contents(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def call(*words):
    return main.call("fer", evaluate, [str(word) for word in words])


def test_everything_is_measured_and_nothing_changed_but_the_manifest(finished, capsys):
    capsys.readouterr()
    before, manifest = contents(finished), json.loads((finished / "manifest.json").read_text())
    assert (
        call(finished, "--limit", 14, "--tta", "flip,ten_crop", "--suite", "shift,calibration", "--suite=occlusion")
        == 0
    )
    printed = capsys.readouterr().out
    result = json.loads((finished / "evaluation.json").read_text())
    after = contents(finished)
    changed = {str(path) for path in after if after[path] != before.get(path)}
    assert changed == {"manifest.json", "evaluation.json"}
    assert set(before) < set(after)
    now = json.loads((finished / "manifest.json").read_text())
    *earlier, reason = now.pop("test_opened")
    assert earlier == manifest.pop("test_opened")
    assert now == manifest
    assert "suite shift, calibration, occlusion; tta flip, ten_crop, on 14 of its" in reason

    assert result["n"] == 14 < result["of"]
    assert f"14 of {result['of']} images of test" in printed
    assert result["checkpoint"]["sha256"] == before[next(path for path in before if path.name == "best.ckpt")]
    assert result["data"]["split_hash"] == manifest["data"]["split_hash"]
    assert result["seeds"] == {"run": 0, "protocol": 0, "evaluation": 0}
    assert result["versions"]["torch"]
    assert result["agreement"] == {"images": 14, "different": 0}
    assert set(result["suites"]) == {"shift", "calibration", "occlusion"}
    assert result["suites"]["calibration"]["fitted_on"]["n"] == sum(manifest["data"]["counts"]["val"].values())
    plain = result["plain"]["accuracy"]
    assert result["suites"]["shift"]["zero"]["reference_accuracy"]["value"] == pytest.approx(plain)
    assert result["suites"]["occlusion"]["plain"]["value"] == pytest.approx(plain)
    assert f"{plain:.4f}" in printed
    assert result["tta"]["flip"]["scores"]["n"] == 14
    support = [row["support"] for row in result["plain"]["per_class"].values()]
    assert max(support) - min(support) <= 1  # stratified

    assert call(finished) == 2
    assert "evaluation.json: already exists" in capsys.readouterr().err


def test_the_whole_part_gives_the_runs_own_scores(finished, capsys, tmp_path):
    capsys.readouterr()
    assert call(finished, "--suite", "occlusion", "--json", "--out", tmp_path / "new" / "out") == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "new" / "out" / "evaluation.json").read_text())
    assert not (finished / "evaluation.json").exists()
    scores = json.loads((finished / "metrics.json").read_text())["test"]
    assert result["n"] == result["of"] == scores["n"]
    assert result["plain"]["confusion_matrix"] == scores["confusion_matrix"]
    assert result["plain"]["loss"] == pytest.approx(scores["loss"], rel=1e-5)


def test_the_same_seed_gives_the_same_figures_and_other_runs_the_same_images(finished, tmp_path):
    request = Request(suites=("corruption",), limit=7)
    first = evaluate_run(finished, request, out=tmp_path / "one")
    again = evaluate_run(finished, request, out=tmp_path / "two")
    assert first["suites"] == again["suites"]
    assert first["suites"]["corruption"]["plain"]["value"] == pytest.approx(first["plain"]["accuracy"])
    other = evaluate_run(finished, Request(suites=("corruption",), limit=7, seed=1), out=tmp_path / "three")
    assert other["plain"]["confusion_matrix"] == first["plain"]["confusion_matrix"]


def test_validation_is_evaluated_without_opening_the_test_part(finished, tmp_path, capsys):
    before = contents(finished)
    result = evaluate_run(finished, Request(suites=("occlusion", "calibration"), split="val"), out=tmp_path / "val")
    assert result["part"] == "val"
    assert list(result["suites"]) == ["occlusion"]
    assert any("calibration was left out" in one for one in result["warnings"])
    assert contents(finished) == before
    assert call(finished, "--suite", "calibration", "--split", "val", "--out", tmp_path / "more") == 2
    assert "fitted on val" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()


def test_no_temperature_is_fitted_on_the_test_part():
    """Some papers' protocols use the test split as validation; then calibration is left out, or refused on its own."""
    opened = SimpleNamespace(data=SimpleNamespace(selects_on_test=True), warnings=[])
    assert _check_calibration(Request(), opened, "test") == ["shift", "corruption", "occlusion"]
    assert "val is the test split" in opened.warnings[0]
    with pytest.raises(InputError, match="val is the test split"):
        _check_calibration(Request(suites=("calibration",)), opened, "test")


def test_saliency_writes_sheets(finished, capsys):
    pytest.importorskip("captum")
    assert call(finished, "--saliency", "gradient,grad_cam", "--limit", "14") == 0
    for name in ("gradient", "grad_cam"):
        assert (finished / "figures" / f"saliency_{name}.png").read_bytes()[:4] == b"\x89PNG"
    result = json.loads((finished / "evaluation.json").read_text())
    assert result["suites"] == {}
    assert len(result["saliency"]["gradient"]["examples"]) <= 8
    capsys.readouterr()
    assert call(finished, "--saliency", "explain", "--out", finished / "more") == 2
    assert "has no explain()" in capsys.readouterr().err


def test_a_run_that_is_no_result_says_so_first(finished, capsys):
    metrics = json.loads((finished / "metrics.json").read_text())
    metrics["not_a_result"] = ["test: every image is called happy"]
    (finished / "metrics.json").write_text(json.dumps(metrics))
    assert call(finished, "--suite", "occlusion", "--limit", "7") == 0
    assert "NOT A RESULT: test: every image is called happy" in capsys.readouterr().out
    assert json.loads((finished / "evaluation.json").read_text())["not_a_result"] == metrics["not_a_result"]


def test_another_networks_weights_are_noticed(finished, tmp_path):
    other = run(
        {**SETTINGS, "seed": 5, "trainer": {**SETTINGS["trainer"], "epochs": 1}, "run": {"output": str(tmp_path)}}
    )
    shutil.copy(other.folder / "checkpoints" / "best.ckpt", finished / "checkpoints" / "best.ckpt")
    result = evaluate_run(finished, Request(suites=("occlusion",)))
    assert result["agreement"]["different"] > 0
    assert any("not those in predictions.csv" in one for one in result["warnings"])


def test_the_test_part_stays_sealed_until_it_is_recorded(finished):
    from fer_plugins.data.seal import TestSplitSealed

    opened = open_run(check_run(finished))
    with pytest.raises(TestSplitSealed):
        opened.data.rows("test")
    assert len(opened.data.rows("val")) > 0


def test_runs_that_cannot_be_evaluated(finished, tmp_path, capsys):
    def refused(*words):
        capsys.readouterr()
        assert call(*words) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        return message

    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "not the folder of a run" in refused(tmp_path)
    assert "is a file" in refused(finished, "--out", finished / "config.yaml")
    assert "--limit is 3, which is 3 images" in refused(finished, "--limit", "3")
    manifest = (finished / "manifest.json").read_text()
    values = json.loads(manifest)

    def with_manifest(**changes):
        (finished / "manifest.json").write_text(json.dumps({**values, **changes}))
        message = refused(finished)
        (finished / "manifest.json").write_text(manifest)
        return message

    assert "is interrupted, not finished" in with_manifest(status="interrupted")
    assert "holds the folds" in with_manifest(folds=["fold0", None])
    assert "the data have changed (fingerprint" in with_manifest(data={**values["data"], "fingerprint": "other"})
    assert "the data have changed (split_hash" in with_manifest(data={**values["data"], "split_hash": "other"})
    (finished / "manifest.json").write_text("null")
    refused(finished)
    (finished / "manifest.json").write_text(manifest)
    checkpoint = finished / "checkpoints" / "best.ckpt"
    weights = checkpoint.read_bytes()
    checkpoint.write_bytes(b"no weights")
    assert "not a readable checkpoint" in refused(finished)
    checkpoint.unlink()
    assert "best.ckpt is missing" in refused(finished)
    checkpoint.write_bytes(weights)
    settings = (finished / "config.yaml").read_text()
    (finished / "config.yaml").write_text(settings.replace("name: synthetic", "name: fer2013"))
    assert "fer2013" in refused(finished)
    assert json.loads((finished / "manifest.json").read_text())["test_opened"] == values["test_opened"]
    assert not (finished / "evaluation.json").exists()


def flip_bits(weights):
    middle = len(weights) // 2
    return weights[:middle] + bytes(255 - byte for byte in weights[middle : middle + 200]) + weights[middle + 200 :]


@pytest.mark.parametrize(
    "damage", [lambda w: w[:20_000], lambda w: bytes(len(w)), lambda w: b"", flip_bits],
    ids=["cut off", "zeros", "empty", "200 bytes changed"],
)  # fmt: skip
def test_a_damaged_checkpoint_is_not_evaluated(finished, capsys, damage):
    checkpoint = finished / "checkpoints" / "best.ckpt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    before = contents(finished)
    capsys.readouterr()
    assert call(finished, "--suite", "occlusion", "--limit", "7") == 2
    message = capsys.readouterr().err
    assert "it is damaged" in message
    assert f"fer-run --config {finished / 'config.yaml'}" in message
    assert message.count("\n") == 1
    assert contents(finished) == before


def test_answers_that_are_no_numbers_are_not_evaluated(finished, capsys, tmp_path):
    checkpoint = finished / "checkpoints" / "best.ckpt"
    content = torch.load(checkpoint, weights_only=False)
    for value in content["state_dict"].values():
        if value.is_floating_point():
            value.fill_(float("nan"))
    torch.save(content, checkpoint)
    capsys.readouterr()
    assert call(finished, "--limit", "7", "--out", tmp_path / "made") == 2
    assert "are not finite numbers for 7 of 7 images" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_another_version_of_the_plug_in_is_said(finished):
    manifest = json.loads((finished / "manifest.json").read_text())
    manifest["plugin"]["version"] = "9.9"
    (finished / "manifest.json").write_text(json.dumps(manifest))
    result = evaluate_run(finished, Request(suites=("occlusion",), limit=7))
    assert any("the run was made with toy 9.9, here is toy 1.0" in one for one in result["warnings"])


def test_a_manifest_that_lacks_something_is_one_line(finished, capsys):
    manifest = json.loads((finished / "manifest.json").read_text())
    for changes in ({"best_epoch": None}, {"folds": 3, "status": "running"}, {"protocol": {"name": "official"}}):
        kept = {key: value for key, value in {**manifest, **changes}.items() if value is not None}
        (finished / "manifest.json").write_text(json.dumps(kept))
        capsys.readouterr()
        assert call(finished, "--suite", "occlusion", "--limit", "7") == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not (finished / "evaluation.json").exists()


def test_places_that_cannot_be_are_refused_before_the_test_part_is_opened(finished, capsys, monkeypatch):
    assert call("x" * 300) == 2
    assert call(finished, "--out", "x" * 300) == 2

    def refuse(self, *words, **options):
        raise PermissionError(13, "Permission denied")

    before = contents(finished)
    monkeypatch.setattr(Path, "mkdir", refuse)
    capsys.readouterr()
    assert call(finished, "--out", finished.parent / "new", "--suite", "occlusion", "--limit", "7") == 2
    assert "cannot be made: Permission denied" in capsys.readouterr().err
    assert contents(finished) == before


def test_a_method_that_cannot_work_is_refused_before_the_test_part_is_opened(finished, capsys, monkeypatch):
    pytest.importorskip("captum")
    from fer_robustness_tests import saliency

    def fail(*words):
        raise RuntimeError("One of the differentiated Tensors appears to not have been used in the graph. " * 3)

    monkeypatch.setitem(saliency._METHODS, "gradient", fail)
    before = contents(finished)
    capsys.readouterr()
    assert call(finished, "--saliency", "smoothgrad,gradient", "--limit", "7") == 2
    message = capsys.readouterr().err
    assert "--saliency gradient: does not work on this network, use occlusion" in message
    assert message.rstrip().endswith(" ...)")  # cut between two words
    assert contents(finished) == before


@pytest.mark.parametrize("size", [7, 16, 17, 31, 100, 899])
def test_no_batch_is_smaller_than_asked_and_every_image_is_in_one(size):
    split = Split("val", np.arange(size), np.zeros(size), np.array(["d"] * size), read=lambda place: None, batch=16)
    places = [np.arange(size)[place] for place in split.slices()]
    assert np.concatenate(places).tolist() == list(range(size))
    assert min(map(len, places)) >= min(size, 16)
    assert max(map(len, places)) < 32


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "RUN is missing"),
        (["one", "two"], "'two' is a word too many; expected one run"),
        (["run", "--suite", "shifts"], "--suite shifts: expected one of shift, corruption"),
        (["run", "--suite", "shift,"], "--suite an empty name: expected one of"),
        (["run", "--tta", "twenty_crop"], "--tta twenty_crop: expected one of flip, five_crop, ten_crop"),
        (["run", "--saliency", "lime"], "--saliency lime: expected one of gradient"),
        (["run", "--split", "training"], "--split training: expected one of test, val, train"),
        (["run", "--split", "test,val"], "--split test,val: expected one of test, val, train"),
        (["run", "--split", "val", "--split", "test"], "--split is given 2 times; give it once"),
        (["run", "--limit", "0"], "--limit 0: expected a whole number from 1"),
        (["run", "--limit", "half"], "--limit half: expected"),
        (["run", "--seed", "-1"], "--seed -1: expected a whole number from 0"),
        (["run", "--suite"], "--suite needs a value"),
        (["run", "--out="], "--out needs a value"),
        (["run", "--json=yes"], "--json takes no value"),
        (["run", "--sweet", "shift"], "unknown option '--sweet'"),
        (["run", "-s", "shift"], "unknown option '-s'"),
    ],
)
def test_wrong_words(words, said):
    with pytest.raises(InputError) as caught:
        evaluate(words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_words():
    def parse(argv):
        with robustness.make_context("fer robustness", argv) as context:
            return context.params

    words = parse(["--json", "--suite", "shift", "run", "--suite=shift,occlusion", "--limit=5", "--seed", "3"])
    assert words["run"] == "run"
    assert list(dict.fromkeys(sum(words["suite"], ()))) == ["shift", "occlusion"]
    assert (words["tta"], words["saliency"], words["split"]) == ((), (), None)
    assert (words["as_json"], words["limit"], words["seed"]) == (True, 5, 3)
    assert all(one in parse(["run"]) for one in ("suite", "tta", "saliency", "split"))
