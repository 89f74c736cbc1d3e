"""A loaded run predicts its own test images as it recorded them, whatever its preprocessing."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from fer_face_prediction.predictor import Predictor
from PIL import Image
from skimage.data import astronaut
from support.fake_datasets import picture, write_folder
from support.verbs import predict

from fer_plugins.analysis.network import collect_logits
from fer_plugins.analysis.opened_run import check_run, open_run, open_split
from fer_plugins.data.preprocessing import Preprocessing
from fer_plugins.experiments.run import run
from fer_plugins.metrics.calibration import fit_temperature
from fer_plugins.runtime.errors import InputError

CLASSES = ("angry", "happy", "sad")
# Each: section data, section model. The pictures are larger than the network's input and not square.
KINDS = {
    "grey_48": ({"channels": 1}, {"signed_input": False}),
    "rgb_signed": ({"channels": 3}, {"signed_input": True}),
    "hist_eq": ({"channels": 1}, {"contrast": "hist_eq", "signed_input": False}),
    "photographs": ({"channels": 3, "face_crop": {"name": "lbp", "step_ratio": 2.0}, "face_margin": 0.1}, {}),
}


def pictures(kind):
    if kind == "photographs":  # of the three of a class, the last has no face
        photo = Image.fromarray(astronaut()[:200, 110:330])
        files = [photo, photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Image.new("RGB", (90, 80), "grey")]
        return [encoded(file) for file in files]
    colours = 3 if kind == "rgb_signed" else 1
    return [picture(0, (60, 52), 3), picture(1, (48, 48), colours), picture(2, (70, 70), 3, "jpg")]


def encoded(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory):
    """Return a run and the folder of its dataset."""
    folder = tmp_path_factory.mktemp(request.param)
    contents = pictures(request.param)
    names = [
        f"{split}/{name}/{place}" for split in ("train", "valid", "test") for name in CLASSES for place in range(3)
    ]
    root = write_folder({f"{name}.png": contents[place % 3] for place, name in enumerate(names)}, folder / "images")
    data, model = KINDS[request.param]
    settings = {"plugin": "lenet5", "data": {"name": "folder", "root": str(root), **data, "leaks": "off"}}
    settings |= {"model": model, "logger": "none", "run": {"output": str(folder / "runs")}}
    return run({**settings, "trainer": {"epochs": 1, "progress": "none", "threads": 1}}), root


def recorded(record, split="test"):
    """Return file -> probabilities, of predictions.csv."""
    rows = [row for row in record.predictions() if row["split"] == split]
    classes = record.manifest["data"]["classes"]
    return {row["source"]: [float(row[f"p_{name}"]) for name in classes] for row in rows}


def test_predict_on_the_test_images_is_what_the_run_recorded(trained, tmp_path):
    record, root = trained
    assert predict([record.folder, root / "test", "--out", tmp_path / "p.csv", "--largest"]) == 0
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    wanted = recorded(record)
    assert len(rows) == len(wanted) == 9
    for row in rows:
        source = next(name for name in wanted if row["file"].endswith(name))
        values = [float(row[f"p_{name}"]) for name in record.manifest["data"]["classes"]]
        np.testing.assert_allclose(values, wanted[source], rtol=0, atol=1e-6)
    if record.config["data"]["face_crop"] != "none":
        assert {row["detector"] for row in rows} == {"lbp"}
        assert sorted("no_face" in row["flags"] for row in rows) == [False] * 6 + [True] * 3
        return
    assert {row["detector"] for row in rows} == {"none"}
    files = sorted(root.rglob("test/*/*.png"))
    predictor = Predictor.load(record.folder)
    by_command = [[float(row[f"p_{name}"]) for name in predictor.classes] for row in rows]
    np.testing.assert_allclose(predictor.predict(files), by_command, atol=1e-7)


def test_a_checkpoint_holds_the_preprocessing_and_an_older_one_has_the_configuration(trained, tmp_path):
    record, _ = trained
    content = torch.load(record.checkpoints / "best.ckpt", weights_only=True)
    kept = Preprocessing.from_dict(json.loads(json.dumps(content["preprocessing"])), "here")
    assert kept == Predictor.load(record.checkpoints / "last.ckpt").preprocessing
    assert kept.classes == tuple(record.manifest["data"]["classes"])
    content.pop("preprocessing")
    torch.save(content, tmp_path / "old.ckpt")
    assert Predictor.load(tmp_path / "old.ckpt").preprocessing == kept


def test_the_temperature_is_that_of_the_calibration_suite(trained):
    record, _ = trained
    opened = open_run(check_run(record.folder))
    val, _ = open_split(opened, "val", None, "test")
    wanted = fit_temperature(collect_logits(opened.network, val), val.labels)
    predictor = Predictor.load(record.folder, calibrate=True)
    assert predictor.temperature == pytest.approx(wanted, rel=1e-3)
    with pytest.raises(InputError, match="not the best.ckpt of a run"):
        Predictor.load(record.checkpoints / "last.ckpt", calibrate=True)


def test_what_is_no_checkpoint_of_this_version_is_refused(tmp_path, toy, monkeypatch):
    section = {"name": "synthetic", "samples": 63, "subjects": 3, "image_size": 24, "workers": 0}
    settings = {"plugin": "toy", "data": section, "logger": "none", "run": {"output": str(tmp_path)}}
    record = run({**settings, "trainer": {"epochs": 1, "progress": "none"}})
    file = record.checkpoints / "best.ckpt"
    content = torch.load(file, weights_only=True)

    def changed(**keys):
        torch.save({**content, **keys}, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    later = changed(preprocessing={**content["preprocessing"], "version": 99})
    with pytest.raises(InputError, match=r"a later version of fer-plugins wrote it .* update: pip install"):
        Predictor.load(later)
    parameters = content["hyper_parameters"]
    config = {**parameters["config"], "model": {**parameters["config"]["model"], "not_known_yet": 1}}
    written = {**content["preprocessing"], "written_by": "99.0"}
    later = changed(preprocessing=written, hyper_parameters={**parameters, "config": config})
    with pytest.raises(InputError, match=r"fer-plugins 99.0 wrote it, this is .*update.*not_known_yet"):
        Predictor.load(later)
    with pytest.raises(InputError, match="its preprocessing is damaged"):
        Predictor.load(changed(preprocessing={"version": 1}))
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(InputError, match="of this package: it has no 'pytorch-lightning_version'; give the folder of"):
        Predictor.load(tmp_path / "foreign.ckpt")
    (tmp_path / "text.ckpt").write_text("no weights")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        Predictor.load(tmp_path / "text.ckpt")
    with pytest.raises(InputError, match="there is no such run or checkpoint"):
        Predictor.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="give cpu"):
        Predictor.load(file, device="nonsense")
    with monkeypatch.context() as broken:  # the device that the training would choose does not answer
        broken.setattr("fer_face_prediction.predictor.device_of_one", lambda settings: torch.device("meta"))
        with pytest.raises(InputError, match="device meta: .*give cpu"):
            Predictor.load(file)
    manifest = yaml.safe_load((record.folder / "manifest.json").read_text())
    changed = {**manifest, "status": "interrupted", "data": {**manifest["data"], "limit": 500}}
    (record.folder / "manifest.json").write_text(json.dumps(changed))
    said = Predictor.load(record.folder).warnings
    assert f"{record.folder}: this run is interrupted, not finished" in said
    assert f"{record.folder}: only part of the data (data.limit 500)" in said
    changed = {"status": "running", "plugin": manifest["plugin"]}  # as if it had just begun
    (record.folder / "manifest.json").write_text(json.dumps(changed))
    assert Predictor.load(record.folder).warnings[0] == f"{record.folder}: this run is running, not finished"

    predictor = Predictor.load(file)
    assert predictor.predict([]).shape == (0, 7)
    faces = np.random.default_rng(0).integers(0, 256, (3, 30, 20), dtype=np.uint8)
    shares = predictor.predict(iter(faces))
    assert shares.shape == (3, 7)
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_array_equal(shares, predictor.predict(np.repeat(faces[..., None], 3, axis=3)))
    for wrong in (faces[0] / 255, faces[:, :, :, None], "x.png", faces[0][..., None].repeat(2, 2)):
        with pytest.raises(InputError):
            predictor.predict([wrong])
    file.unlink()
    with pytest.raises(InputError, match=r"best.ckpt is missing; repeat the run: fer-run --config"):
        Predictor.load(record.folder)


def renamed(value):
    """Return nested values with the name of another architecture."""
    if isinstance(value, dict):
        return {key: renamed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(renamed, value))
    return "gone_net" if value == "lenet5" else value


@pytest.mark.parametrize("trained", ["grey_48"], indirect=True)
def test_a_plugin_that_is_gone_is_named_with_its_distribution(trained, tmp_path):
    folder = tmp_path / "gone"
    shutil.copytree(trained[0].folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["plugin"] = {"name": "gone_net", "distribution": "fer-gone", "version": "0.1.0"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    checkpoint = folder / "checkpoints" / "best.ckpt"
    torch.save(renamed(torch.load(checkpoint, weights_only=True)), checkpoint)
    with pytest.raises(InputError, match="gone_net is of fer-gone 0.1.0, which is not installed; pip install fer-gone"):
        Predictor.load(folder)
