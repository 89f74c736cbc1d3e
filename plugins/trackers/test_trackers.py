"""MLflow's own client on what a run has logged, and every key of the dashboard on a run of W&B's logger."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import killed_run
from support.killed_run import in_a_process, kill_in, rows
from support.verbs import dashboard
from support.wandb_records import records_of, run_of, summary_of

from fer_plugins import config
from fer_plugins.commands import main
from fer_plugins.config import read_config
from fer_plugins.experiments.resuming import resume
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import InputError
from fer_plugins.testing import check_logger
from fer_plugins.training import tracking
from fer_plugins.training.wandb_names import group_of


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)


# --- mlflow


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """Address of a store whose tables are made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def settings(tmp_path, **logger):
    changes = {
        "data": {"samples": 63, "image_size": 32},
        "trainer": {"epochs": 2},
        "logger": {"figures": "off", **logger},
    }
    return killed_run.flags(tmp_path / "runs", plugin="lenet5", **changes)


def the_run(store):
    (experiment,) = store.search_experiments(filter_string="name = 'faces'")
    (logged,) = store.search_runs([experiment.experiment_id])
    return logged


def test_mlflow_holds_a_resumed_run_beside_the_other_loggers(tmp_path):
    """Configuration, curves, scores, group and artifacts, as MLflow's own client reads them."""
    from mlflow.tracking import MlflowClient

    config = settings(tmp_path, name="tensorboard,mlflow", experiment="faces", tags=["night"], log_model=True)
    with pytest.MonkeyPatch.context() as patch:
        kill_in(2, patch)
        in_a_process(lambda: run(config))
    (folder,) = (tmp_path / "runs").iterdir()
    store = MlflowClient(f"sqlite:///{folder}/mlflow/mlflow.db")
    begun = the_run(store)
    assert begun.info.status == "RUNNING"
    record = resume(folder)
    assert record.manifest["warnings"] == []
    logged = the_run(store)
    run_id = logged.info.run_id
    assert (run_id, logged.info.status) == (begun.info.run_id, "FINISHED")
    assert run_id == record.manifest["tracking_id"]
    assert (logged.data.params["plugin"], logged.data.params["optimizer/lr"]) == ("lenet5", "0.05")
    curve = [(point.step, point.value) for point in store.get_metric_history(run_id, "val/loss")]
    assert curve == [(int(row["epoch"]), float(row["val/loss"])) for row in rows(folder)]
    assert len(curve) == 2
    assert logged.data.metrics["result/test/accuracy"] == record.metrics["test"]["accuracy"]
    assert logged.data.tags["group"] == group_of(read_config(record.config))
    assert (logged.data.tags["folder"], logged.data.tags["night"]) == (folder.name, "true")
    assert logged.data.tags["split_hash"] == record.manifest["split_hash"]
    artifacts = {entry.path for name in ("test", "checkpoint") for entry in store.list_artifacts(run_id, name)}
    names = ("confusion_matrix", "intervals", "per_class", "predictions")
    assert artifacts == {"checkpoint/best.ckpt", *(f"test/{name}.json" for name in names)}
    matrix = json.loads(Path(store.download_artifacts(run_id, "test/confusion_matrix.json")).read_text())
    assert matrix["counts"] == record.metrics["test"]["confusion_matrix"]
    assert list((folder / "tensorboard").glob("events.out.tfevents.*"))


def test_mlflow_keeps_the_contract_of_loggers_and_sends_nothing_about_itself(uri):
    from fer_trackers.mlflow_logger import mlflow
    from mlflow.telemetry.utils import is_telemetry_disabled

    check_logger(functools.partial(mlflow, tracking_uri=uri, log_model=True))
    assert is_telemetry_disabled()
    assert list(Path(uri.removeprefix("sqlite:///")).parent.glob("mlartifacts/*/artifacts/checkpoint/best.ckpt"))


def test_mlflow_prints_nothing_about_its_store(tmp_path):
    code = (
        "from pathlib import Path\nfrom fer_plugins import config\nfrom fer_trackers.mlflow_logger import mlflow\n"
        "settings = config.resolve({'logger': 'mlflow'}, plugin='lenet5').config.as_dict()\n"
        "mlflow(folder=Path(), config=settings)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (tmp_path / "mlflow" / "mlflow.db").is_file()


def test_mlflow_that_fails_on_the_way_costs_a_warning_and_no_row_of_the_table(uri, tmp_path, monkeypatch):
    def fail(*arguments):
        raise ConnectionError("the server is gone")

    monkeypatch.setattr("fer_trackers.mlflow_logger.MLflow.log_metrics", fail)
    logger = {"name": "tensorboard,mlflow", "tracking_uri": uri}
    tracker = tracking.start(config.resolve({"logger": logger}, plugin="lenet5").config, tmp_path)
    for epoch in (1, 2):
        tracker.log_epoch({"epoch": epoch, "val/loss": 1.0})
    tracker.close(True)
    assert tracker.warnings == ["MLflow failed at an epoch (the server is gone); the run went on without it"]
    assert [row["epoch"] for row in rows(tmp_path)] == ["1", "2"]
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "nowhere://store"])
def test_a_store_that_cannot_be_used_is_one_line(tmp_path, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    logger = {"name": "mlflow", "tracking_uri": address}
    with pytest.raises(InputError, match=f"^logger.tracking_uri {address}: MLflow cannot use it") as caught:
        tracking.start(config.resolve({"logger": logger}, plugin="lenet5").config, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["a folder", "no database"])
def test_a_file_that_cannot_be_a_store_is_refused_at_once(tmp_path, capfd, content):
    """MLflow itself tries again for minutes."""
    file = tmp_path / "mlflow.db"
    file.mkdir() if content == "a folder" else file.write_text("mine, " * 100)
    logger = {"name": "mlflow", "tracking_uri": f"sqlite:///{file}"}
    with pytest.raises(InputError, match=r"MLflow cannot use it \((OperationalError|DatabaseError): .*; give another"):
        tracking.start(config.resolve({"logger": logger}, plugin="lenet5").config, tmp_path)
    assert capfd.readouterr().err == ""


def test_a_resumed_run_that_its_store_has_lost_is_written_again(uri, tmp_path):
    from mlflow.tracking import MlflowClient

    logger = {"name": "mlflow", "tracking_uri": uri, "experiment": "lost"}
    settings_ = config.resolve({"logger": logger}, plugin="lenet5").config
    tracker = tracking.start(settings_, tmp_path)
    tracker.log_epoch({"epoch": 1, "val/loss": 2.0})
    tracker.close(False)
    lost = tracker.run_id
    MlflowClient(uri).delete_run(lost)
    for gone in (lost, "0" * 32):
        again = tracking.start(settings_, tmp_path, resume_id=gone)
        again.log_epoch({"epoch": 2, "val/loss": 1.0})
        again.close(True)
        assert again.run_id != gone
        history = MlflowClient(uri).get_metric_history(again.run_id, "val/loss")
        assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]


def test_two_runs_may_make_one_store(tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom fer_plugins import config\n"
        "from fer_trackers.mlflow_logger import mlflow\n"
        "settings = config.resolve({'logger': 'mlflow'}, plugin='lenet5').config.as_dict()\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        "mlflow(folder=Path(), config=settings, tracking_uri='sqlite:///both.db')\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stdin=-1, stdout=-1, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 2


# --- fer dashboard


def keys_of(value):
    """Yield (section, key) of all that the JSON of a dashboard shows, groups, filters or lists."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item)
    if not isinstance(value, dict):
        return
    for key in value.get("metrics", ()):
        yield "logged", key
    for axis in ("xAxis", "yAxis"):
        if isinstance(value.get(axis), str):
            section, _, key = value[axis].rpartition(":")
            yield section or "logged", key
    if value.get("name") == "tableKey":
        yield "table", value["value"]
    if value.get("name") == "pick" and value["inputs"]["obj"].get("fromOp", {}).get("name") == "run-summary":
        yield "table", value["inputs"]["key"]["val"]
    for column in value.get("columnOrder", ()):
        yield tuple(column.split(":"))
    for group in value.get("grouping", ()):
        yield group["section"], group["name"]
    if isinstance(value.get("key"), dict) and "op" in value:
        yield value["key"]["section"], value["key"]["name"]
    for item in value.values():
        yield from keys_of(item)


def is_in(config, path):
    """Return whether W&B's config holds a key, written as its server writes it: SECTION.value.KEY."""
    for part in path.split("."):
        if part != "value":
            if not isinstance(config, dict) or part not in config:
                return False
            config = config[part]
    return True


def plain(record):
    """Return the keys of a record; what W&B writes below one, such as KEY.path of a table, counts as KEY."""
    return {key.partition(".")[0]: value for key, value in record.items()}


def log_a_run(output, split):
    """Train on images with copies; return history, summary and config as W&B's own reader reads them."""
    argv = (
        "--plugin lenet5 --data synthetic --data.samples 189 --data.image_size 32 --data.near_copies on "
        "--protocol random --protocol.val 0.3 --protocol.test 0.4 --trainer.epochs 1 --trainer.threads 1 "
        "--logger wandb --logger.figures off --run.output"
    )
    sealed = ["--run.test", "false"] if split == "val" else []  # then the predictions shown are of val
    assert main.call("fer-run", main._run, [*argv.split(), str(output), *sealed]) == 0
    (folder,) = output.iterdir()
    history = {}
    for record in records_of(folder):
        history |= plain(record["history"]["item"]) if record["type"] == "history" else {}
    return history, plain(summary_of(folder)), run_of(folder)["config"]["update"]


@pytest.mark.parametrize("split", ["test", "val"])
def test_every_key_of_the_dashboard_is_one_that_a_run_logs(split, tmp_path):
    history, summary, config = log_a_run(tmp_path / "runs", split)
    path = tmp_path / "dashboard.json"
    argv = ["--split", split, "--plugin", "lenet5", "--entity", "lab", "--project", "faces", "--out", path]
    assert dashboard(argv) == 0
    views = json.loads(path.read_text())
    assert (views["workspace"]["entity"], views["workspace"]["project"]) == ("lab", "faces")
    for name, view in views.items():
        keys = list(keys_of(view))
        tables = {key for section, key in keys if section == "table"}
        for section, key in keys:
            if section == "config":
                assert is_in(config, key), (name, key)
            elif section == "logged":
                assert key in {**history, **summary}, (name, key)
            elif section in ("summary", "table"):
                assert summary.get(key) is not None, (name, key)
            else:
                assert (section, key) in {("run", "displayName"), ("run", "group")}
        shown = {key for section, key in keys if section == "logged"}
        assert {f"{split}/accuracy", f"{split}/without_copies/accuracy", f"{split}/with_copies/accuracy"} <= shown
        assert tables == {f"{split}/{name}" for name in ("confusion_matrix_table", "per_class", "predictions")}
        assert {("run", "group"), ("summary", "not_a_result")} <= set(keys), name  # means are over seeds and folds
        groups = [key for section, key in keys if section == "config"]
        assert {"plugin.value", "data.value.name", "protocol.value.name", "plugin", "seed.value"} <= set(groups)


def test_the_whole_project_has_no_filter(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert dashboard([]) == 0
    assert capsys.readouterr().out == "dashboard.json\n"
    views = json.loads((tmp_path / "dashboard.json").read_text())
    assert ("config", "plugin") not in set(keys_of(views))
    assert views["workspace"]["project"] == "fer-plugins"


def test_a_file_is_replaced_only_when_asked_to(tmp_path):
    path = tmp_path / "dashboard.json"
    path.write_text("mine")
    with pytest.raises(InputError, match="already exists; replace it with --force"):
        dashboard(["--out", path])
    assert path.read_text() == "mine"
    assert dashboard(["--out", path, "--force"]) == 0
    for wrong in (tmp_path, tmp_path / "no" / "file.json"):
        with pytest.raises(InputError, match="give "):
            dashboard(["--out", wrong])


def test_runs_of_a_plugin_that_is_not_installed_are_refused(tmp_path):
    with pytest.raises(InputError, match="unknown architecture 'lenet'; did you mean lenet5"):
        dashboard(["--plugin", "lenet5", "--plugin", "lenet", "--out", tmp_path / "dashboard.json"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a/b", "x" * 129])
def test_a_project_that_wandb_does_not_take_is_refused(name, tmp_path):
    with pytest.raises(InputError, match="^--project: Invalid project name"):
        dashboard(["--project", name, "--out", tmp_path / "dashboard.json"])
    assert list(tmp_path.iterdir()) == []


def test_publishing_without_a_login_is_one_line_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(InputError, match="^--publish: no W&B login; run `wandb login`, set WANDB_API_KEY, or leave"):
        dashboard(["--publish", "--out", tmp_path / "dashboard.json"])
    assert list(tmp_path.iterdir()) == []


def test_publishing_saves_both_and_prints_their_addresses(tmp_path, monkeypatch, capsys):
    """The two calls of wandb-workspaces that reach W&B's server are replaced; what they are called on is not."""
    import wandb
    from wandb_workspaces.reports.v2 import Report
    from wandb_workspaces.workspaces import Workspace

    saved = []

    def save(view):
        saved.append(view)
        return SimpleNamespace(url=f"https://wandb.ai/{view.entity}/{type(view).__name__}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wandb, "login", lambda **arguments: True)
    monkeypatch.setattr(Workspace, "save", save)
    monkeypatch.setattr(Report, "save", save)
    assert dashboard(["--publish", "--entity", "lab"]) == 0
    assert capsys.readouterr().out.split() == ["https://wandb.ai/lab/Workspace", "https://wandb.ai/lab/Report"]
    assert [view.project for view in saved] == ["fer-plugins", "fer-plugins"]
    assert list(tmp_path.iterdir()) == []
