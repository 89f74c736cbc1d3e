"""``fer demo`` over HTTP: what it answers, whom it refuses, and how it starts and ends."""

import _thread
import base64
import http.client
import io
import json
import re
import shutil
import signal
import socket
import threading
import time

import numpy as np
import pytest
import torch
from fer_demo_page.answers import MAPS, Answers
from fer_demo_page.run_facts import describe_run
from fer_demo_page.server import LARGEST, WAITING, DemoServer
from fer_face_prediction.checkpoint_file import find_checkpoint
from fer_face_prediction.pipeline import FaceSearch
from fer_face_prediction.predictor import Predictor
from PIL import Image
from skimage.data import astronaut
from support.verbs import demo

from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.runtime import activity, process
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_command


def encode(pixels, kind="PNG"):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


PHOTO = encode(astronaut()[:256, 100:356])


@pytest.fixture
def ask(server):
    """Return a function that asks the server: status, headers, and the body, decoded where it is JSON."""

    def ask(path, body=None, method=None, **headers):
        connection = http.client.HTTPConnection(*server.server_address[:2], timeout=300)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, body, named)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        is_json = response.headers["Content-Type"] == "application/json"
        return response.status, response.headers, json.loads(content) if is_json else content.decode()

    return ask


def test_the_contract_holds():
    check_command(registry.load(registry.find("command", "demo")))


def test_a_photograph_is_predicted_as_fer_predict_does(ask, folder):
    status, _, answer = ask("/api/predict", PHOTO)
    assert status == 200
    [face] = answer["faces"]
    left, top, right, bottom = face["box"]
    assert (answer["width"], answer["height"], answer["detector"]) == (256, 256, "lbp")
    assert 50 < left < right < 200
    assert 40 < top < bottom < 190
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(face["input"]))))
    [expected] = Predictor.load(folder, device="cpu").predict([seen])
    np.testing.assert_allclose(face["probabilities"], expected, atol=1e-6)
    assert face["predicted"] == expected.argmax()


def test_what_is_taken_for_a_face(ask):
    """A small picture is one face, but a camera's frame never; with ``whole`` every picture is."""
    grey = encode(np.full((60, 60), 128, np.uint8))
    assert ask("/api/predict?whole=0", grey)[2]["faces"][0]["box"] == [0, 0, 60, 60]
    assert ask("/api/predict?frame=1", grey)[2]["faces"] == [{"box": None, "flags": ["no_face"]}]
    assert ask("/api/predict?whole=1", PHOTO)[2]["faces"][0]["box"] == [0, 0, 256, 256]


@pytest.mark.parametrize("method", MAPS)
def test_saliency_of_a_face(method, ask):
    face = ask("/api/predict?whole=1", PHOTO)[2]["faces"][0]
    path = f"/api/saliency?method={method}&class={face['predicted']}"
    status, _, answer = ask(path, base64.b64decode(face["input"]))
    assert status == 200
    assert len(answer["values"]) == answer["side"] ** 2
    assert max(map(abs, answer["values"])) == 100
    assert answer["peak"] > 0


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/api/predict", b"", "this picture: the file is empty"),
        ("/api/predict", b"no image", "this picture: "),
        ("/api/predict", PHOTO[:900], "truncated"),
        ("/api/predict", encode(np.zeros((1, 1), np.uint8)), "1 x 1 pixels are too few"),
        ("/api/predict", encode(np.zeros((8, 30_000), np.uint8)), "30000 x 8 pixels are too many; shrink it"),
        ("/api/saliency?method=explain&class=0", PHOTO, "unknown method or class"),
        ("/api/saliency?method=occlusion&class=7", PHOTO, "unknown method or class"),
        ("/api/saliency?method=occlusion&class=x", PHOTO, "unknown method or class"),
        ("/api/saliency?method=occlusion&class=0", PHOTO, "not one that the network saw"),
    ],
)
def test_a_picture_that_cannot_be_used_is_answered_with_a_sentence(path, body, message, ask):
    status, _, answer = ask(path, body)
    assert status == 422
    assert message in answer["error"]
    assert ask("/api/predict", PHOTO)[0] == 200


def test_a_picture_that_is_too_large_is_not_read(server, ask):
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=300)
    connection.putrequest("POST", "/api/predict")
    connection.putheader("Content-Length", str(LARGEST + 1))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read()) == {"error": "this picture is larger than 20 MB; shrink it"}
    assert ask("/api/predict", PHOTO, Content_Length="x")[0] == 411


def test_a_network_that_lets_no_gradient_through(folder):
    """The remedy that the page names works."""
    predictor = Predictor.load(folder, device="cpu")
    predictor.network.module.forward = torch.no_grad()(predictor.network.module.forward)
    answers = Answers(predictor, FaceSearch("none", None))
    side = predictor.preprocessing.image_size
    face = encode(np.random.default_rng(0).integers(0, 256, (side, side), np.uint8))
    with pytest.raises(InputError, match="gradient does not work on this network; choose occlusion"):
        answers.explain(face, method="gradient", label=0)
    assert answers.explain(face, method="occlusion", label=0)["peak"] > 0


def test_a_fault_and_too_many_pictures_are_answered(server, ask, monkeypatch, capsys):
    def fail(data, **options):
        raise TypeError("two\nlines")

    with monkeypatch.context() as patch:
        patch.setattr(server.answers, "predict", fail)
        status, _, answer = ask("/api/predict", PHOTO)
    assert (status, answer) == (500, {"error": "the network fails: TypeError"})
    assert capsys.readouterr().err == "fer demo: TypeError: two lines\n"
    for _ in range(WAITING):
        assert server.places.acquire(timeout=30)  # a place is given back just after its answer
    assert ask("/api/predict", b"")[0] == 503
    server.places.release(WAITING)
    assert ask("/api/predict", PHOTO)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Host": "evil.example"}, 403),  # DNS rebinding: a name of theirs that leads here
        ({"Host": "192.168.0.7:{port}"}, 403),
        ({"Host": "["}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://evil.example"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("body", [None, PHOTO], ids=["get", "post"])
def test_only_its_own_page_may_ask(headers, status, body, ask, server):
    filled = {name: value.format(port=server.server_address[1]) for name, value in headers.items()}
    assert ask("/api/run" if body is None else "/api/predict", body, **filled)[0] == status


def test_the_page_loads_nothing_from_elsewhere_and_cannot_be_framed(ask):
    for path in ("/", "/page.css", "/page.js", "/drawing.js"):
        status, headers, text = ask(path)
        assert status == 200
        assert "http://" not in text.replace("http://localhost", "")
        assert "https://" not in text
        assert "innerHTML" not in text
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert ask("/../pyproject.toml")[0] == ask("/api/other", b"")[0] == 404


def test_the_facts_of_the_run(ask, folder):
    facts = ask("/api/run")[2]
    manifest = json.loads((folder / "manifest.json").read_text())
    recorded = json.loads((folder / "metrics.json").read_text())["test"]
    card = dict(facts["card"])
    assert card["Split hash"] == manifest["data"]["split_hash"]
    assert card["Commit"] == manifest["git"]
    assert card["Architecture"] == facts["name"] == "lenet5"
    group = facts["scores"]["groups"]["all"]
    interval = recorded["intervals"]["accuracy"]
    assert group["summary"]["accuracy"] == [recorded["accuracy"], interval["low"], interval["high"]]
    assert facts["scores"]["over"] == "over images of one subject"
    assert group["classes"]["happy"]["recall"][0] == recorded["per_class"]["happy"]["recall"]
    assert "synthetic faces" in " ".join(facts["warnings"])
    assert card["Images"] == ", ".join(
        f"{sum(counts.values())} {split}" for split, counts in manifest["data"]["counts"].items()
    )


def test_a_part_of_the_data_and_a_flawed_protocol_are_named(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["data"]["limit"], manifest["protocol"]["flaw"] = 50, "subjects are in both splits"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    facts = describe_run(Predictor.load(copy, device="cpu"), find_checkpoint(copy), "")
    assert facts["warnings"][:2] == [
        "Flawed protocol: subjects are in both splits.",
        "Only part of the data (data.limit 50).",
    ]
    trained_on = sum(manifest["data"]["counts"]["train"].values())
    assert dict(facts["card"])["Images"].startswith(f"{trained_on} train, ")
    assert dict(facts["card"])["Images"].endswith("; only part of the data (data.limit 50)")


def test_scores_of_too_few_images_are_not_shown(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    metrics = json.loads((copy / "metrics.json").read_text())
    scores = metrics["test"]
    few = {"without": {"f1": "fewer than 5 images of sad"}}
    metrics["test"] = {**scores, "copies": {"exact": 1, "near": 0, "without": scores, "with": None, "too_few": few}}
    (copy / "metrics.json").write_text(json.dumps(metrics))
    groups = describe_run(Predictor.load(copy, device="cpu"), find_checkpoint(copy), "")["scores"]["groups"]
    assert groups["all"]["summary"]["f1"][0] == scores["f1"]
    assert groups["without"]["summary"]["f1"] == [None, None, None]
    assert groups["without"]["summary"]["accuracy"][0] == scores["accuracy"]


def test_a_checkpoint_alone_and_an_unfinished_run_say_so(folder, tmp_path):
    def facts(given):
        predictor = Predictor.load(given, device="cpu")
        return describe_run(predictor, find_checkpoint(given), "")

    alone = tmp_path / "alone.ckpt"
    alone.write_bytes((folder / "checkpoints" / "best.ckpt").read_bytes())
    assert facts(alone)["scores"] is None
    assert "its scores and its training are not known" in facts(alone)["warnings"][0]
    copy = shutil.copytree(folder, tmp_path / "copy")
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["best_epoch"], manifest["reported_on"]
    (copy / "manifest.json").write_text(json.dumps({**manifest, "status": "interrupted"}))
    assert facts(copy)["warnings"][0] == "This run is interrupted, not finished."
    assert facts(copy)["scores"] is None
    assert "Split hash" in dict(facts(copy)["card"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["RUN", "--port", "70000"], "--port 70000: expected a whole number from 0 to 65535"),
        (["RUN", "--host", "no.such.machine.invalid"], "--host no.such.machine.invalid: "),
        (["RUN", "--host", "192.0.2.1"], "--host 192.0.2.1: cannot assign requested address; give an address of this"),
        (["RUN", "--detector", "nose", "--port", "0"], "--detector: unknown detector 'nose'"),
        (["no_run", "--port", "0"], "no_run: there is no such run or checkpoint"),
    ],
)
def test_wrong_input_is_one_line(argv, message, folder):
    with pytest.raises(InputError) as raised:
        demo([str(folder) if word == "RUN" else word for word in argv])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_port_in_use(server, folder):
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"--port {port}: address already in use; --port 0 takes a free one"):
        demo([folder, "--port", port])


def test_from_start_to_ctrl_c(folder, capsys, request):
    """The remedy of a port in use, the warning of another host, and the end."""
    answers = []

    def visit():
        printed, deadline = "", time.monotonic() + 300
        try:
            while not (address := re.search(r":(\d+) \(Ctrl-C ends", printed)) and time.monotonic() < deadline:
                time.sleep(0.1)
                printed += capsys.readouterr().out
            port = int(address[1])
            for host in (f"192.0.2.9:{port}", f"{socket.gethostname()}:{port}", "evil.example"):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
                connection.request("GET", "/api/run", headers={"Host": host})
                answers.append(connection.getresponse().status)
                connection.close()
        finally:  # whatever went wrong here, the server ends
            _thread.interrupt_main()

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    request.addfinalizer(lambda: [signal.signal(*handler) for handler in handlers.items()])
    process.interrupt_on_signals()  # as the command does
    threading.Thread(target=visit, daemon=True).start()
    with activity.doing("fer demo"):  # as on a terminal, where an interruption that is swallowed counts
        assert main.call("fer", main._verb, ["demo", str(folder), "--port", "0", "--host", "0.0.0.0"]) == 0
    assert answers == [200, 200, 403]
    assert capsys.readouterr().err == "fer demo: ended\n"


def test_another_host_is_warned_of(folder, capsys, monkeypatch):
    monkeypatch.setattr(DemoServer, "serve_forever", lambda server: None)
    assert demo([folder, "--port", "0", "--host", "0.0.0.0"]) == 0
    assert "--host 0.0.0.0: everyone who reaches this machine can send pictures" in capsys.readouterr().err
