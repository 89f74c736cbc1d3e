"""``fer export`` and ``fer benchmark``: equal answers, whole folders or none, and one line for wrong input."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from fer_face_prediction.predictor import Predictor
from fer_model_export import export_run as exporting
from fer_model_export import parity
from fer_model_export.model_card import plain, write_card
from fer_model_export.network_files import ArchivedNetwork, ExportedNetwork, OnnxNetwork, export_program, write_onnx
from fer_model_export.quantization import count_quantized, quantize
from PIL import Image

from benchmarks.export_parity import measure
from fer_plugins.analysis.network import Split
from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.experiments.run import run
from fer_plugins.runs.read_runs import read_run
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.testing import check_command

SETTINGS = {
    "plugin": "lenet5", "data": {"name": "synthetic", "samples": 210, "subjects": 10, "batch_size": 16},
    "augmentation": {"name": "none"}, "trainer": {"epochs": 1, "threads": 1, "progress": "none"},
    "logger": {"name": "none", "figures": "off"},
}  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return run({**SETTINGS, "run": {"output": str(tmp_path_factory.mktemp("runs"))}}).folder


@pytest.fixture
def trained(original, tmp_path):
    """Return the folder of a run, a copy for each test."""
    return shutil.copytree(original, tmp_path / "run")


@pytest.fixture(scope="module")
def exported(original, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "hub"
    assert call("export", original, "--format", "hub", "--synthetic", 2, "--out", folder) == 0
    return folder


def call(*argv):
    return main.call("fer", main._verb, [str(word) for word in argv])


def faces(number=5):
    drawn = registry.build("dataset", "synthetic", samples=63, subjects=3, image_size=48, channels=1)
    return np.stack([drawn[place] for place in range(number)])


@pytest.mark.parametrize("name", ["export", "benchmark"])
def test_the_contract_holds(name):
    check_command(registry.load(registry.find("command", name)))


def test_onnx_answers_as_the_run_and_in_8_bits_nearly(trained, capsys):
    assert call("export", trained, "--format", "onnx", "--quantize", "int8", "--calibration", 64) == 0
    out = capsys.readouterr().out
    size = Predictor.load(trained).preprocessing.image_size
    assert "(val): same class on all" in out
    assert "McNemar mid-p" in out
    folder = trained / "export" / "onnx"
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "model.int8.onnx", "export.json"}
    network, expected = OnnxNetwork(folder / "model.onnx"), Predictor.load(trained)
    images = np.stack([expected.preprocessing.fit(image) for image in faces()])
    for number in (1, 2, 5):  # the number of images is free
        np.testing.assert_allclose(
            network.probabilities(images[:number]), expected.predict_batch(images[:number]), atol=1e-6
        )
    properties = network.session.get_modelmeta().custom_metadata_map
    assert json.loads(properties["classes"]) == list(expected.classes)
    assert json.loads(properties["preprocessing"])["image_size"] == size
    report = json.loads((folder / "export.json").read_text())
    assert report["parity"]["largest_gap"] <= parity.LARGEST_GAP
    int8 = report["int8"]
    assert int8["quantized"] == int8["weighted"] == 5  # two convolutions, three dense layers
    assert int8["int8"]["bytes"] < int8["float32"]["bytes"] / 2
    assert 0 < int8["largest_gap"] < 0.5
    test = int8["accuracy_test"]["mcnemar"]
    assert sum(test[key] for key in ("only_first", "only_second", "both", "neither")) == int8["images"]
    assert OnnxNetwork(folder / "model.int8.onnx").probabilities(images[:1]).shape == (1, 7)


def test_a_torch_archive_needs_torch_alone(trained, capsys):
    assert call("export", trained, "--format", "torch", "--synthetic", 9, "--json") == 0
    assert json.loads(capsys.readouterr().out)["checked_on"] == {"split": "synthetic", "images": 9}
    file = trained / "export" / "torch" / "model.pt2"
    expected = Predictor.load(trained)
    assert ArchivedNetwork(file).metadata["classes"] == list(expected.classes)
    images = np.stack([expected.preprocessing.fit(image) for image in faces()])
    np.save(trained / "images.npy", images.transpose(0, 3, 1, 2))
    code = (
        "import sys, numpy, torch; network = torch.export.load(sys.argv[1]).module();"
        "answer = network(torch.from_numpy(numpy.load(sys.argv[2])))[1];"
        "assert not [name for name in sys.modules if name.startswith('fer_')];"
        "numpy.save(sys.argv[3], answer.detach().numpy())"
    )
    files = [str(file), str(trained / "images.npy"), str(trained / "answer.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(files[2]), expected.predict_batch(images), atol=1e-6)


def test_a_hub_folder_predicts_as_the_run(trained, tmp_path, capsys):
    folder, elsewhere = trained / "export" / "hub", tmp_path / "elsewhere"
    assert call("export", trained, "--format", "hub", "--licence", "cc-by-nc-4.0") == 0
    assert f"hf upload USER/NAME {folder}" in capsys.readouterr().out
    folder.rename(elsewhere)  # it needs neither its place nor the run
    expected, loaded = Predictor.load(trained), Predictor.load(elsewhere)
    np.testing.assert_array_equal(loaded.predict(faces()), expected.predict(faces()))
    Image.fromarray(faces(1)[0, :, :, 0]).save(tmp_path / "face.png")
    assert call("predict", elsewhere, tmp_path / "face.png", "--format", "json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["predicted"] == expected.classes[int(expected.predict(faces(1)).argmax())]
    assert str(trained.parent) not in (elsewhere / "config.json").read_text()
    manifest = json.loads((trained / "manifest.json").read_text())
    card = (elsewhere / "README.md").read_text()
    for words in (
        "## Intended use",
        "## Limits",
        "drawn by fer-plugins",
        manifest["data"]["split_hash"],
        "The weights: cc-by",
    ):
        assert words in card


def test_a_part_of_the_data_is_named_wherever_the_model_goes(trained):
    manifest = json.loads((trained / "manifest.json").read_text())
    manifest["data"]["limit"], manifest["protocol"]["flaw"] = 180, "subjects are in both splits"
    (trained / "manifest.json").write_text(json.dumps(manifest))
    remarks = ["flawed protocol: subjects are in both splits", "only part of the data (data.limit 180)"]
    for form in ("onnx", "hub"):
        assert call("export", trained, "--format", form, "--synthetic", 2) == 0
    network = OnnxNetwork(trained / "export" / "onnx" / "model.onnx")
    warnings = json.loads(network.session.get_modelmeta().custom_metadata_map["warnings"])
    assert [warning for warning in warnings if warning in remarks] == remarks
    hub = trained / "export" / "hub"
    assert json.loads((hub / "config.json").read_text())["fer_plugins"]["warnings"] == warnings
    card = (hub / "README.md").read_text()
    assert all(f"**{remark}**" in card for remark in remarks)
    assert f"trained on {sum(manifest['data']['counts']['train'].values())} images of" in card


def test_the_card_leaves_out_scores_of_too_few_images(original):
    run = read_run(original)
    scores = dict(run.scores)
    few = {"with": {"f1": "fewer than 5 images of sad"}}
    run.scores["copies"] = {"exact": 1, "near": 0, "without": scores, "with": scores, "too_few": few}
    card = write_card(run, "net", None, None)
    rows = {line.split(" | ")[0]: line for line in card.splitlines() if line.startswith("| ")}
    assert f"{scores['f1']:.4f}" in rows["| without a copy in training"]
    assert rows["| with a copy in training"].endswith("| - |")
    assert "-: too few images to score them: fewer than 5 images of sad." in card


def test_the_hubs_own_client_takes_the_card(trained):
    hub = pytest.importorskip("huggingface_hub")
    assert call("export", trained, "--format", "hub") == 0
    card = hub.ModelCard.load(trained / "export" / "hub" / "README.md")
    scores = json.loads((trained / "metrics.json").read_text())["test"]
    results = {result.metric_type: result for result in card.data.eval_results}
    assert card.data.license == "other"
    assert card.data.pipeline_tag == "image-classification"
    assert results["accuracy"].metric_value == pytest.approx(scores["accuracy"], abs=1e-6)
    assert results["accuracy"].dataset_split == "test"
    assert scores["by_subject"]["too_few"]["accuracy"]  # of two subjects: an interval over images would be too narrow
    assert results["accuracy"].metric_args is None
    assert "95 % intervals by subject (2, too few for some scores)" in card.content
    config = json.loads((trained / "export" / "hub" / "config.json").read_text())
    assert config["id2label"]["0"] == card.content.partition("label order: ")[2].partition(",")[0]


def test_a_network_with_grid_sample_is_equal():
    row = measure("deep_emotion", 3)
    assert [row[2], row[6], row[9]] == ["equal", "10 of 10", "equal"], row


def test_hog_and_lstm_are_equal_on_a_blank_image_too_and_in_8_bits(tmp_path):
    """A blank image has no gradient: the quotient of the angle is 0 / 0; a small number keeps the norm above 0."""

    class Gradients(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(8, 4, batch_first=True, bidirectional=True)
            self.output = torch.nn.Linear(8, 7)

        def forward(self, x):
            x, flipped = x[:, 0], x[:, 0].flip(-1)
            rows = torch.hypot(x, flipped) + torch.atan2(x, flipped)
            rows = rows / (rows.square().sum(-1, keepdim=True) + 1e-10).sqrt()
            return self.output(self.lstm(rows)[0][:, -1])

    network = Gradients().eval()
    write_onnx(export_program(network, 1, 8), tmp_path / "model.onnx", {})
    images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
    images[0] = 0
    split = Split("train", np.arange(64), np.zeros(64, int), np.full(64, ""), images.__getitem__)
    quantize(tmp_path / "model.onnx", tmp_path / "small.onnx", split)
    assert count_quantized(tmp_path / "small.onnx") == (1, 1)
    np.testing.assert_allclose(
        OnnxNetwork(tmp_path / "small.onnx").probabilities(images),
        OnnxNetwork(tmp_path / "model.onnx").probabilities(images),
        atol=0.02,
    )
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    expected = ExportedNetwork(network)(batch)[1].detach().numpy()
    np.testing.assert_allclose(OnnxNetwork(tmp_path / "model.onnx").probabilities(images), expected, atol=1e-6)


def test_an_export_that_answers_otherwise_is_not_kept(trained, monkeypatch, capsys):
    def spoiled(program, path, metadata):
        network = export_program(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48 * 48, 7)), 1, 48)
        write_onnx(network, path, metadata)

    monkeypatch.setattr(exporting, "write_onnx", spoiled)
    assert call("export", trained, "--format", "onnx", "--synthetic", 3) == 1
    err = capsys.readouterr().err
    assert "model.onnx is not the network" in err
    assert not (trained / "export" / "onnx").exists()
    assert not any((trained / "export").iterdir())


def test_a_gap_or_another_class_is_no_parity():
    first = np.array([[0.6, 0.4], [0.2, 0.8]])
    assert parity.compare(first, first + np.array([5e-5, -5e-5])).holds
    assert not parity.compare(first, first + np.array([2e-4, -2e-4])).holds
    swapped = parity.compare(np.array([[0.50001, 0.49999]]), np.array([[0.49999, 0.50001]]))
    assert not swapped.holds
    assert not parity.compare(first, np.full((2, 2), np.nan)).holds
    assert "0 of 1 images" in swapped.describe()


def test_what_torch_cannot_trace_is_one_line():
    class Untraceable(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :7] * float(x.sum())

    with pytest.raises(RunError, match=r"^torch.export cannot trace this network: ") as caught:
        export_program(Untraceable(), 1, 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "tflite"], "--format tflite: expected one of onnx, torch, hub"),
        ([], "--format is needed"),
        (["--format", "torch", "--quantize", "int8"], "--quantize is for --format onnx"),
        (["--format", "onnx", "--licence", "mit"], "--licence is for --format hub"),
        (["--format", "onnx", "--calibration", "64"], "--calibration is for --quantize int8"),
        (["--format", "onnx", "--quantize", "int8", "--synthetic", "3"], "leave --synthetic out"),
        (["--format", "onnx", "--quantize", "int8", "--calibration", "3"], "from 64"),
        (["--format", "onnx", "--synthetic", "10001"], "at most 10000"),
        (["--format", "onnx", "--out", "RUN"], "holds other files"),
        (["--format", "onnx", "--out", "RUN/config.yaml"], "is a file"),
    ],
)
def test_wrong_words_are_one_line(trained, argv, message, capsys):
    words = [word.replace("RUN", str(trained)) for word in argv]
    assert call("export", trained, *words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (trained / "export").exists()


def test_a_run_that_is_none_is_one_line(trained, tmp_path, capsys):
    assert call("export", tmp_path / "gone", "--format", "onnx") == 2
    assert "there is no such folder" in capsys.readouterr().err
    checkpoint = trained / "checkpoints" / "best.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-5000])
    for verb in (("export", trained, "--format", "onnx"), ("benchmark", trained)):
        assert call(*verb) == 2
        err = capsys.readouterr().err
        assert "not a readable checkpoint" in err
        assert err.count("\n") == 1


def test_without_its_data_a_run_is_checked_on_synthetic_faces(trained, tmp_path, capsys):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    config["data"] = {"name": "folder", "root": str(tmp_path / "moved"), "image_size": 48, "channels": 1}
    (trained / "config.yaml").write_text(yaml.safe_dump(config))
    assert call("export", trained, "--format", "hub") == 0
    printed = capsys.readouterr()
    assert "checked on 256 synthetic faces, since the run's data cannot be read" in printed.err
    assert "256 images (synthetic)" in printed.out
    assert call("export", trained, "--format", "onnx", "--quantize", "int8") == 2
    assert "moved" in capsys.readouterr().err
    assert not (trained / "export" / "onnx").exists()


def test_where_val_is_the_test_split_its_opening_is_recorded(tmp_path):
    settings = {**SETTINGS, "protocol": {"name": "paper_conv_relu_ann"}, "run": {"output": str(tmp_path)}}
    folder = run(settings).folder
    assert call("export", folder, "--format", "hub") == 0
    assert json.loads((folder / "manifest.json").read_text())["test_opened"][-1].startswith("fer export")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"0" * 99), "damaged, or not the weights"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "not of this package"),
        (lambda folder: edit(folder, version=99), "a later version"),
        (lambda folder: edit(folder, weights_sha256=None), "weights_sha256 is missing or wrong"),
        (lambda folder: edit(folder, config={"model": {"name": "no_such_net"}}), "no_such_net"),
    ],
)
def test_a_hub_folder_that_is_damaged_or_foreign_is_one_line(exported, tmp_path, change, message, capsys):
    folder = shutil.copytree(exported, tmp_path / "hub")
    change(folder)
    Image.new("L", (48, 48)).save(tmp_path / "face.png")
    assert call("predict", folder, tmp_path / "face.png") == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_without_safetensors_a_hub_folder_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(InputError, match=r"pip install 'safetensors>=0\.4'$"):
        Predictor.load(exported)


def edit(folder, **changes):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["fer_plugins"].update(changes)
    path.write_text(json.dumps(content))


def test_text_of_strangers_stays_text_in_the_card():
    assert plain("a|b\n<script>x</script> [x](y)") == r"a\|b &lt;script&gt;x&lt;/script&gt; \[x\](y)"


def test_benchmark_counts_and_times(trained, capsys):
    assert call("benchmark", trained, "--batch", "8,1", "--threads", "1", "--json") == 0
    cost = json.loads(capsys.readouterr().out)
    module = Predictor.load(trained).network.module.network
    assert cost["parameters"] == sum(parameter.numel() for parameter in module.parameters())
    assert list(cost["latency"]) == ["1", "8"]
    assert all(milliseconds > 0 for times in cost["latency"].values() for milliseconds in times.values())
    assert cost["flops"] == 2 * cost["macs"] > 0
    if cost["memory"] is not None:
        assert cost["memory"]["process_megabytes"] > cost["memory"]["megabytes"]["8"] >= 0
    assert call("benchmark", trained, "--batch", "0") == 2
    assert "from 1 to 4096" in capsys.readouterr().err


def test_the_exported_network_scales_bytes():
    outputs = ExportedNetwork(torch.nn.Flatten())(torch.tensor([[[[0, 255]]]], dtype=torch.uint8))
    torch.testing.assert_close(outputs[0], torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(outputs[1].sum(1), torch.ones(1))


def test_the_verbs_need_no_torch_for_their_help():
    code = "import sys, fer_model_export.command, fer_model_export.benchmark; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_versions_of_the_dependencies_have_reasons():
    from support import ROOT

    text = (ROOT / "plugins" / "model_export" / "pyproject.toml").read_text()
    assert all("#" in line for line in re.findall(r'^  ".*>=.*$', text, re.MULTILINE))
