"""Following a run: metrics.csv, and what W&B's own reader finds in an offline run's file."""

import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from support import ROOT
from support.wandb_records import records_of, run_of, summary_of

from fer_plugins import config
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.training import tracking
from fer_plugins.training.result import build_result
from fer_plugins.training.wandb_setup import SUMMARIES

DOCUMENT = ROOT / "docs" / "dashboards.md"
CLASSES = ["anger", "disgust", "happy"]
ROW = {
    "epoch": 1.0, "train/loss": 1.5, "train/accuracy": 0.4, "train/auxiliary_loss": 0.01, "val/loss": 1.4,
    "val/accuracy": 0.45, "val/balanced_accuracy": 0.4, "val/f1": 0.35, "lr": 0.001, "seconds": 2.5,
}  # fmt: skip
SUMMARY = {
    "best_epoch": 1, "epochs": 3, "seed": 0, "split_hash": "0123456789abcdef", "fingerprint": "fedcba9876543210",
    "not_a_result": "",
}  # fmt: skip


def configuration(**logger):
    return config.read_config(
        {"plugin": "net", "model": {"name": "net"}, "data": {"name": "faces"}, "logger": {"name": "csv", **logger}}
    )


def scored(size=60):
    """Scores and predictions of `size` images whose rows in the sample table are 100, 101, ..."""
    import torch  # here, because the scripts below import this file and mostly do without

    from fer_plugins.metrics.scorer import Scorer

    scorer = Scorer(CLASSES)
    logits = torch.randn(size, 3, generator=torch.Generator().manual_seed(0))
    scorer.update(torch.arange(100, 100 + size), logits, torch.arange(size) % 3)
    return scorer.compute(), scorer.predictions()


def picture(row):
    """The image of one row of the sample table: all of its pixels are the row's number."""
    return np.full((4, 4, 1), row, dtype=np.uint8)


def read_images(rows):
    return np.stack([picture(row) for row in rows])


def rows_of(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# --- metrics.csv


def test_csv_has_a_row_an_epoch(tmp_path):
    tracker = tracking.start(configuration(), tmp_path)
    for epoch in (1, 2, 3):
        tracker.log_epoch({**ROW, "epoch": float(epoch)})
    tracker.close(True)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0].split(",") == list(ROW)
    assert [row["epoch"] for row in rows_of(tmp_path)] == ["1", "2", "3"]
    assert float(rows_of(tmp_path)[2]["val/loss"]) == 1.4
    assert os.listdir(tmp_path) == ["metrics.csv"]
    assert tracker.run_id is None


def test_csv_keeps_numbers_to_the_last_bit(tmp_path):
    tracker = tracking.start(configuration(), tmp_path)
    tracker.log_epoch({"epoch": 1, "val/loss": 0.1 + 0.2, "lr": float(np.float32(0.1)), "val/f1": float("nan")})
    row = rows_of(tmp_path)[0]
    assert float(row["val/loss"]) == 0.1 + 0.2
    assert row["val/f1"] == "nan"


def test_a_resumed_run_replaces_the_epochs_that_it_repeats(tmp_path):
    tracker = tracking.start(configuration(), tmp_path)
    for epoch in (1, 2, 3):
        tracker.log_epoch({"epoch": epoch, "val/loss": 1.0})
    again = tracking.start(configuration(), tmp_path)
    assert len(rows_of(tmp_path)) == 3
    again.log_epoch({"epoch": 3, "val/loss": 2.0})
    again.log_epoch({"epoch": 4, "val/loss": 2.0})
    assert [(row["epoch"], row["val/loss"]) for row in rows_of(tmp_path)] == [
        ("1", "1.0"), ("2", "1.0"), ("3", "2.0"), ("4", "2.0")
    ]  # fmt: skip


def test_damaged_rows_are_left_out_and_new_keys_get_a_column(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,val/loss\n1,0.5\n2,0.4,9\n3\nx,1\n4,abc\n2,0.3\n")
    tracker = tracking.start(configuration(), tmp_path)
    tracker.log_epoch({"epoch": 5, "val/loss": 1.0, "val/f1": 0.5})
    assert [(row["epoch"], row["val/f1"]) for row in rows_of(tmp_path)] == [("1", ""), ("2", ""), ("5", "0.5")]


def test_an_unwritable_file_is_an_error_and_leaves_nothing(tmp_path):
    tracker = tracking.start(configuration(), tmp_path)
    tracker.log_epoch(ROW)
    (tmp_path / "metrics.csv").unlink()
    (tmp_path / "metrics.csv").mkdir()
    with pytest.raises(RunError, match=r"cannot write .*metrics\.csv"):
        tracker.log_epoch(ROW)
    assert os.listdir(tmp_path) == ["metrics.csv"]


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is meant")
def test_a_kill_leaves_whole_lines(tmp_path):
    script = """
        import sys, itertools
        from pathlib import Path
        from fer_plugins.config.schema import LoggerConfig, RunConfig
        from fer_plugins.training import tracking
        tracker = tracking.start(RunConfig(logger=LoggerConfig(name="csv")), Path(sys.argv[1]))
        for epoch in itertools.count(1):
            tracker.log_epoch({"epoch": epoch, "val/loss": 1 / 3, "val/f1": 2 / 3})
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)])
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "metrics.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    text = (tmp_path / "metrics.csv").read_text()
    assert text.endswith("\n")
    rows = rows_of(tmp_path)
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(float(row["val/f1"]) == 2 / 3 for row in rows)


# --- which logger


def test_none_writes_nothing(tmp_path):
    tracker = tracking.start(configuration(name="none"), tmp_path)
    tracker.log_epoch(ROW)
    scores, predictions = scored()
    tracker.log_result(lambda: build_result({"test": scores}, predictions, None, ["x"] * 60, CLASSES, SUMMARY))
    tracker.log_checkpoint(tmp_path / "best.ckpt")
    tracker.close(True)
    assert os.listdir(tmp_path) == []


def test_disabled_is_csv_only_and_needs_no_wandb(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    tracker = tracking.start(configuration(name="wandb", mode="disabled"), tmp_path)
    tracker.log_epoch(ROW)
    assert os.listdir(tmp_path) == ["metrics.csv"]


@pytest.mark.parametrize(
    ("logger", "says"),
    [
        ({"name": "comet"}, "logger.name: unknown logger 'comet'; installed: csv, mlflow, tensorboard, wandb; or none"),
        (
            {"name": "wandb", "mode": "dryrun"},
            "logger.mode: expected one of 'offline', 'online', 'disabled', got 'dryrun'",
        ),
    ],
)
def test_unknown_values(tmp_path, logger, says):
    with pytest.raises(InputError, match=re.escape(says)):
        tracking.start(configuration(**logger), tmp_path)


def test_what_wandb_refuses_has_a_remedy_that_works(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    says = "Invalid project name 'a/b'.*; change it in section logger, or take --logger csv$"
    with pytest.raises(InputError, match=says):  # offline already
        tracking.start(configuration(name="wandb", project="a/b"), tmp_path)


def test_what_keeps_wandb_from_starting_is_one_line(tmp_path, monkeypatch):
    import wandb

    def fail(*arguments, **options):
        raise OSError("no service\nTraceback: a page of it")

    monkeypatch.setattr(wandb, "init", fail)
    with pytest.raises(InputError, match=r"W&B does not start \(OSError: no service\); change it in section logger"):
        tracking.start(configuration(name="wandb"), tmp_path)


def test_without_wandb_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"pip install 'wandb>=[0-9.]+', or take --logger csv"):
        tracking.start(configuration(name="wandb"), tmp_path)


def test_wandb_is_imported_nowhere_else():
    package = Path(tracking.__file__).parent
    pattern = re.compile(r"^\s*(import|from) wandb", re.MULTILINE)
    assert [path.name for path in package.rglob("*.py") if pattern.search(path.read_text())] == ["wandb_board.py"]
    code = "import sys, fer_plugins.training.tracking; sys.exit('wandb' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- W&B offline


def sent(records, kind):
    """Keys of one kind of record; what W&B nests into a key of ours counts as that key."""
    keys = set()
    for record in records:
        if record["type"] == kind:
            update = record[kind]["item"] if kind == "history" else record[kind].get("update", {})
            keys |= {key.split(".")[0] for key in update}
    return {key for key in keys if not key.startswith("_")}


def documented(when):
    """Keys that the tables of docs/dashboards.md list for one occasion, spelled out for val, test and CLASSES."""
    keys = set()
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3 and cells[1] == when:
            for key in re.findall(r"`([^`]+)`", cells[0]):
                for split in ("val", "test"):
                    for name in CLASSES:
                        keys.add(key.replace("SPLIT", split).replace("CLASS", name))
    return keys


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """One offline run in a process of its own, with a strange home and a watched network."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("runs") / "net-faces-official-s0"
    folder.mkdir()
    script = f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        folder = Path(sys.argv[1])
        tracker = t.tracking.start(t.configuration(name="wandb", tags=["a", "b"], log_model=True), folder)
        for epoch in (1, 2, 3):
            tracker.log_epoch({{**t.ROW, "epoch": float(epoch)}})
        scores, predictions = t.scored()
        sources = [f"face_{{row}}.png" for row in predictions.index]
        tracker.log_result(lambda: t.build_result(
            {{"val": scores, "test": scores}}, predictions, t.read_images, sources, t.CLASSES, t.SUMMARY
        ))
        (folder / "best.ckpt").write_bytes(b"weights")
        tracker.log_checkpoint(folder / "best.ckpt")
        tracker.close(True)
        tracker.close(True)
        print(tracker.run_id, tracker.warnings)
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "WANDB_BASE_URL")
        done = run_script(script, folder, home, **dict.fromkeys(names, address))
        assert done.returncode == 0, done.stderr
        with pytest.raises(BlockingIOError):  # nobody has knocked
            server.accept()
    return folder, home, done


def run_script(script, folder, home, **extra):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "XDG_"))}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(folder)],
        env={**kept, "HOME": str(home), "MPLCONFIGDIR": str(home.parent / "matplotlib"), **extra},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_offline_is_silent_and_stays_in_the_folder(offline):
    folder, home, done = offline
    run_id, warnings = done.stdout.strip().split(" ", 1)
    assert warnings == "[]"
    assert done.stderr == ""
    assert list(home.iterdir()) == []
    assert (folder / "wandb").is_dir()
    assert next(folder.glob(f"wandb/offline-run-*-{run_id}/run-{run_id}.wandb")).stat().st_size > 1000
    outside = [path for path in folder.rglob("*") if not path.resolve().is_relative_to(folder.resolve())]
    assert outside == []


@pytest.mark.parametrize(("when", "kind"), [("epoch", "history"), ("result", "history"), ("summary", "summary")])
def test_every_documented_key_is_sent(offline, when, kind):
    missing = documented(when) - sent(records_of(offline[0]), kind)
    assert missing == ({"val/predictions"} & documented(when))  # only where the test split is not scored


def test_no_other_key_is_sent(offline):
    records = records_of(offline[0])
    curves = documented("epoch") | documented("result")
    assert sent(records, "history") - curves == set()
    assert sent(records, "summary") - curves - documented("summary") == set()
    run = run_of(offline[0])
    assert {key for key in run["config"]["update"] if key != "_wandb"} == documented("config")


def test_metrics_csv_has_the_documented_columns(offline):
    assert set(rows_of(offline[0])[0]) == documented("epoch")


def test_the_run_carries_its_name_group_tags_and_config(offline):
    records = records_of(offline[0])
    run = run_of(offline[0])
    assert run["display_name"].startswith("net/")
    assert run["display_name"].endswith("/seed 0")
    assert run["run_group"].startswith("net/faces/official")
    assert run["notes"] == "net-faces-official-s0"
    assert run["project"] == "fer-plugins"
    assert run["tags"] == ["a", "b"]
    assert run["config"]["update"]["data"] == configuration().data.as_dict()
    assert "host" not in run
    assert "git" not in run
    steps = {m["metric"].get("name") or m["metric"]["glob_name"]: m["metric"].get("step_metric")
             for m in records if m["type"] == "metric"}  # fmt: skip
    curves = ("train/*", "val/*", "health/*", "lr", *SUMMARIES)
    assert steps == {"epoch": None, **dict.fromkeys(curves, "epoch")}
    kept = {m["metric"]["name"]: m["metric"]["summary"] for m in records if "summary" in m.get("metric", {})}
    assert kept == {key: {end: True} for key, end in SUMMARIES.items()}
    assert run["job_type"] == "fold 0"
    hidden = [m["metric"]["name"] for m in records if m["type"] == "metric" and m["metric"]["options"].get("hidden")]
    assert hidden == ["epoch"]
    charts = [key for r in records if r["type"] == "config" for key in r["config"]["update"] if "visualize" in key]
    assert sorted(charts) == ["_wandb.visualize.test/confusion_matrix", "_wandb.visualize.val/confusion_matrix"]
    assert records[-1]["exit"].get("exit_code", 0) == 0


def test_the_summary_holds_the_numbers(offline):
    scores, _ = scored()
    merged = summary_of(offline[0])
    assert merged["train/loss"] == {"min": ROW["train/loss"]}  # of the curve
    assert merged["train/accuracy"] == {"max": ROW["train/accuracy"]}
    assert merged["val/accuracy"] == pytest.approx(scores["accuracy"])  # of the selected checkpoint, not of the curve
    assert merged["val/accuracy_max"] == ROW["val/accuracy"]  # of the curve
    assert merged["val/loss_min"] == ROW["val/loss"]
    assert merged["test/accuracy"] == pytest.approx(scores["accuracy"])
    assert merged["test/accuracy_low"] == pytest.approx(scores["intervals"]["accuracy"]["low"])
    assert merged["test/recall/happy"] == pytest.approx(scores["per_class"]["happy"]["recall"])
    assert merged["split_hash"] == SUMMARY["split_hash"]


def test_folds_and_seeds_are_one_group_with_a_job_type_each_and_ids_of_their_own(tmp_path):
    """Also where the agent of a sweep has given an id: it is that of the first run of the process."""
    script = f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        from fer_plugins import config
        for fold, seed in ((0, 0), (0, 1), (1, 0)):
            folder = Path(sys.argv[1]) / f"{{fold}}{{seed}}"
            folder.mkdir()
            flags = {{"protocol": "kfold", "run": {{"fold": fold}}, "seed": seed, "logger": "wandb"}}
            tracker = t.tracking.start(config.resolve(flags, plugin="lenet5").config, folder)
            tracker.close(True)
    """
    agent = {"WANDB_RUN_ID": "agent001", "WANDB_SWEEP_ID": "sweep001", "WANDB_MODE": "offline"}
    done = run_script(script, tmp_path, tmp_path, **agent)
    assert (done.returncode, done.stderr) == (0, "")
    begun = {name: run_of(tmp_path / name) for name in ("00", "01", "10")}
    assert len({run["run_group"] for run in begun.values()}) == 1
    assert [run["job_type"] for run in begun.values()] == ["fold 0", "fold 0", "fold 1"]
    assert begun["00"]["run_id"] == "agent001"
    assert len({run["run_id"] for run in begun.values()}) == 3
    assert {run["sweep_id"] for run in begun.values()} == {"sweep001"}


def artifact(records, split):
    """Contents of an artifact of the run: path inside -> bytes."""
    artifacts = [r["artifact"] for r in records if r["type"] == "artifact" and split in r["artifact"]["name"]]
    assert len(artifacts) == 1
    return {entry["path"]: Path(entry["local_path"]).read_bytes() for entry in artifacts[0]["manifest"]["contents"]}


def test_the_table_of_predictions_shows_each_image_beside_its_own_label(offline):
    from PIL import Image

    contents = artifact(records_of(offline[0]), "testpredictions")
    table = json.loads(contents.pop("test/predictions.table.json"))
    assert table["columns"] == ["source", "image", "true", "predicted", "p(anger)", "p(disgust)", "p(happy)"]
    assert len(table["data"]) == 32
    _, predictions = scored()
    for source, image, true, predicted, *shares in table["data"]:
        row = int(re.search(r"\d+", source).group())
        place = row - 100
        assert (np.asarray(Image.open(io.BytesIO(contents[image["path"]]))) == row).all()
        assert true == CLASSES[predictions.label[place]]
        assert predicted == CLASSES[predictions.predicted[place]]
        assert shares == pytest.approx(predictions.probabilities[place].tolist(), abs=1e-6)
    assert len({row[0] for row in table["data"]}) == 32
    assert {row[2] for row in table["data"]} == set(CLASSES)


def test_the_confusion_matrix_and_the_classes(offline):
    scores, _ = scored()
    records = records_of(offline[0])
    (matrix,) = (json.loads(text) for text in artifact(records, "testconfusion_matrix").values())
    assert matrix["columns"] == ["Actual", "Predicted", "nPredictions"]
    counts = {(true, predicted): n for true, predicted, n in matrix["data"]}
    for i, true in enumerate(CLASSES):
        assert [counts[true, predicted] for predicted in CLASSES] == scores["confusion_matrix"][i]
    (table,) = (json.loads(text) for text in artifact(records, "testper_class").values())
    assert [row[0] for row in table["data"]] == CLASSES
    assert table["data"][2][2] == pytest.approx(scores["per_class"]["happy"]["recall"])


def test_the_checkpoint_is_an_artifact_without_a_second_copy(offline):
    folder = offline[0]
    contents = artifact(records_of(folder), "model-")
    assert contents == {"best.ckpt": b"weights"}
    assert [path.name for path in folder.rglob("*") if path.is_file() and path.read_bytes() == b"weights"] == [
        "best.ckpt"
    ]


def test_a_resumed_offline_run_holds_the_earlier_epochs_too(offline, tmp_path):
    folder, home, done = offline
    run_id = done.stdout.split(" ")[0]
    resumed = tmp_path / "resumed"
    resumed.mkdir()
    (resumed / "metrics.csv").write_bytes((folder / "metrics.csv").read_bytes())
    script = f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        tracker = t.tracking.start(t.configuration(name="wandb"), Path(sys.argv[1]), resume_id={run_id!r})
        assert tracker.run_id == {run_id!r}
        tracker.log_epoch({{**t.ROW, "epoch": 3.0, "val/loss": 0.5}})
        (Path(sys.argv[1]) / "best.ckpt").write_bytes(b"weights")
        tracker.log_checkpoint(Path(sys.argv[1]) / "best.ckpt")  # log_model is off
        tracker.close(False)
    """
    done = run_script(script, resumed, home)
    assert (done.returncode, done.stderr) == (0, "")
    records = records_of(resumed)
    curve = [(r["history"]["item"]["epoch"], r["history"]["item"]["val/loss"]) for r in records if "history" in r]
    assert curve == [(1, 1.4), (2, 1.4), (3, 0.5)]
    assert not [record for record in records if record["type"] == "artifact"]
    assert records[-1]["exit"]["exit_code"] == 1


# --- W&B in trouble


def test_online_without_a_login_is_one_line_and_asks_nothing(tmp_path):
    script = f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        try:
            t.tracking.start(t.configuration(name="wandb", mode="online"), Path(sys.argv[1]))
        except t.InputError as error:
            print(error)
    """
    (tmp_path / "run").mkdir()
    done = run_script(script, tmp_path / "run", tmp_path, NETRC=str(tmp_path / "netrc"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == (
        "logger.mode online: no W&B login; run `wandb login`, set WANDB_API_KEY, or take --logger.mode offline"
    )


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the service in /proc")
def test_the_run_outlives_the_service(tmp_path):
    script = f"""
        import os, signal, sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        folder = Path(sys.argv[1])
        tracker = t.tracking.start(t.configuration(name="wandb"), folder)
        tracker.log_epoch({{**t.ROW, "epoch": 1}})
        killed = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, rest = stat.read_text().rsplit(")", 1)
            except OSError:
                continue
            if int(rest.split()[1]) == os.getpid():
                os.kill(int(stat.parent.name), signal.SIGKILL)
                os.waitid(os.P_PID, int(stat.parent.name), os.WEXITED | os.WNOWAIT)  # gone, and left for W&B to find
                killed += 1
        assert killed == 1, killed
        for epoch in (2, 3):
            tracker.log_epoch({{**t.ROW, "epoch": epoch}})
        tracker.log_result(None)  # is not even looked at
        tracker.close(True)
        print(tracker.warnings)
    """
    (tmp_path / "run").mkdir()
    done = run_script(script, tmp_path / "run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert re.fullmatch(r"\['W&B failed at an epoch \(.*\); the run went on without it'\]", done.stdout.strip())
    assert [row["epoch"] for row in rows_of(tmp_path / "run")] == ["1", "2", "3"]


@pytest.mark.skipif(os.name == "nt", reason="signals of a process group")
def test_an_interrupt_of_the_whole_group_leaves_a_readable_file(tmp_path):
    """Ctrl-C in a terminal reaches W&B's service as well."""
    script = f"""
        import sys, time
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests")!r}]
        from pathlib import Path
        import test_tracking as t
        tracker = t.tracking.start(t.configuration(name="wandb"), Path(sys.argv[1]))
        tracker.log_epoch({{**t.ROW, "epoch": 1}})
        try:
            print("ready", flush=True)
            time.sleep(300)
        except KeyboardInterrupt:
            tracker.log_epoch({{**t.ROW, "epoch": 2}})
        tracker.close(False)
        print(tracker.warnings, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert rest == "[]\n"
    assert process.returncode == 0
    assert [r["history"]["item"]["epoch"] for r in records_of(tmp_path) if "history" in r] == [1, 2]


def test_a_whole_run_sends_exactly_the_documented_keys(toy, tmp_path):
    from fer_plugins.experiments.run import run

    flags = {
        "plugin": "toy",
        "data": {"name": "synthetic", "samples": 210, "subjects": 10},
        "trainer": {"epochs": 1, "threads": 1},
        "logger": {"figures": "off"},  # test_figures_papers.py holds the keys of the pictures
        "run": {"output": str(tmp_path)},
    }
    record = run(flags)
    assert record.manifest["tracking_id"]
    assert record.manifest["warnings"] == []
    records = records_of(record.folder)
    curves = documented("epoch") | documented("result")
    assert sent(records, "history") == curves
    names = record.manifest["data"]["classes"]

    def without_class(keys, classes):
        return {re.sub(f"/({'|'.join(map(re.escape, classes))})$", "/CLASS", key) for key in keys}

    summary, wanted = without_class(sent(records, "summary"), names), without_class(documented("summary"), CLASSES)
    assert wanted <= summary
    assert summary <= wanted | curves
