"""One trained run and one server for all tests of the page."""

import threading

import pytest
from fer_demo_page.answers import Answers
from fer_demo_page.run_facts import describe_run
from fer_demo_page.server import DemoServer
from fer_face_prediction.checkpoint_file import find_checkpoint
from fer_face_prediction.predict_files import search_faces
from fer_face_prediction.predictor import Predictor

from fer_plugins.experiments.run import run

SETTINGS = {"plugin": "lenet5", "data": {"name": "synthetic", "samples": 63, "subjects": 3}, "logger": "none"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return the folder of a run on synthetic faces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fer_plugins.experiments.run.draw_at_end", lambda *given: ({}, []))
        output = str(tmp_path_factory.mktemp("runs"))
        return run({**SETTINGS, "trainer": {"epochs": 1, "threads": 1}, "run": {"output": output}}).folder


@pytest.fixture(scope="session")
def serve(folder):
    """Return a function that serves the run, with some of its facts changed, and returns the server."""
    servers = []

    def serve(**changes):
        predictor = Predictor.load(folder, device="cpu")
        search, sentence = search_faces(None, predictor.preprocessing, largest=False)
        server = DemoServer("127.0.0.1", 0)
        facts = describe_run(predictor, find_checkpoint(folder), sentence)
        server.serve(Answers(predictor, search), {**facts, **changes})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def server(serve):
    """Return a server of the run as it is."""
    return serve()
